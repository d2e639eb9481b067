metadata description = 'Container Apps environment with the workload profile that the app runs on.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param suffix string
@description('What replicas run on.')
param compute 'cpu' | 't4' | 'a100'
@description('Empty: reachable from the internet. A subnet: inside the virtual network only.')
param subnetId string
param workspaceId string

var consumption = {
  name: 'Consumption'
  workloadProfileType: 'Consumption'
}
var gpuProfiles = {
  t4: 'Consumption-GPU-NC8as-T4'
  a100: 'Consumption-GPU-NC24-A100'
}
var private = !empty(subnetId)

resource managedEnvironment 'Microsoft.App/managedEnvironments@2026-01-01' = {
  name: 'cae-${suffix}'
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: {
      destination: 'azure-monitor'
    }
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    vnetConfiguration: private
      ? {
          internal: true
          infrastructureSubnetId: subnetId
        }
      : null
    workloadProfiles: compute == 'cpu'
      ? [consumption]
      : [
          consumption
          {
            name: gpuProfiles[compute]
            workloadProfileType: gpuProfiles[compute]
          }
        ]
    peerTrafficConfiguration: {
      encryption: {
        enabled: true
      }
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: managedEnvironment
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

output id string = managedEnvironment.id
output defaultDomain string = managedEnvironment.properties.defaultDomain
output staticIp string = managedEnvironment.properties.staticIp
output workloadProfile string = compute == 'cpu' ? consumption.name : gpuProfiles[compute]
