metadata description = 'Container Apps environment with the workload profile that the app runs on, and the certificate of the app\'s domain.'

import { resourceTags, customDomain } from '../types.bicep'

param location string
param tags resourceTags
param suffix string
@description('What replicas run on.')
param compute 'cpu' | 't4' | 'a100'
@description('Empty: reachable from the internet. A subnet: inside the virtual network only.')
param subnetId string
param zoneRedundant bool
param domain customDomain?
@description('Identity that may read the certificate; empty without a domain.')
param vaultIdentityId string
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
  identity: domain == null
    ? null
    : {
        type: 'UserAssigned'
        userAssignedIdentities: {
          '${vaultIdentityId}': {}
        }
      }
  properties: {
    appLogsConfiguration: {
      destination: 'azure-monitor'
    }
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    zoneRedundant: zoneRedundant
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

  resource certificate 'certificates' = if (domain != null) {
    name: 'domain'
    location: location
    tags: tags
    properties: {
      certificateKeyVaultProperties: {
        identity: vaultIdentityId
        // Without a version: the newest one.
        keyVaultUrl: 'https://${last(split(domain!.vaultId, '/'))}${environment().suffixes.keyvaultDns}/secrets/${domain!.certificate}'
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
output certificateId string = domain == null ? '' : managedEnvironment::certificate.id
