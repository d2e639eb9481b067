metadata description = 'Container registry with the images of the app and of the training. No admin user, no anonymous pull.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
@minLength(5)
@maxLength(50)
param name string
param suffix string
param private bool
param allowedIpAddresses string[]
param endpointsSubnetId string
param zoneId string
param workspaceId string

var ipRules = [
  for address in allowedIpAddresses: {
    value: address
    action: 'Allow'
  }
]

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  // Private endpoints and network rules are features of Premium.
  sku: {
    name: private ? 'Premium' : 'Standard'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    // deploy.sh builds the images in the registry itself, which must reach its own storage when the network is private.
    networkRuleBypassOptions: 'AzureServices'
    networkRuleBypassAllowedForTasks: private
    networkRuleSet: private
      ? {
          defaultAction: 'Deny'
          ipRules: ipRules
        }
      : null
  }
}

module endpoint 'private-endpoint.bicep' = if (private) {
  name: 'endpoint-registry'
  params: {
    location: location
    tags: tags
    name: 'pe-registry-${suffix}'
    subnetId: endpointsSubnetId
    resourceId: registry.id
    groupId: 'registry'
    zoneId: zoneId
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: registry
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

output loginServer string = registry.properties.loginServer
