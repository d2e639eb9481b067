metadata description = 'Container registry with the images of the app and of the training, and, when private, the tasks that build them. No admin user, no anonymous pull.'

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
@description('Tag of the images that the tasks build.')
param imageTag string
@description('Whether the app\'s image is the one for GPUs.')
param gpu bool

var loginServer = '${name}${environment().suffixes.acrLoginServer}'
var ipRules = [
  for address in allowedIpAddresses: {
    value: address
    action: 'Allow'
  }
]

var builds = [
  {
    name: 'build-functions'
    image: gpu ? 'lentigo-functions-gpu' : 'lentigo-functions'
    file: 'functions/Dockerfile'
    target: gpu ? 'cuda' : 'cpu'
    accelerator: gpu ? 'Cuda' : 'Cpu'
  }
  {
    name: 'build-training'
    image: 'lentigo-training'
    file: 'training/Dockerfile'
    target: 'final'
    accelerator: 'Cuda'
  }
  {
    name: 'build-operations'
    image: 'lentigo-operations'
    file: 'infra-bicep/operations/Dockerfile'
    target: 'final'
    accelerator: 'Cpu'
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
    // A build runs outside the network. Only a task with an identity of its own gets past the rules, and only where this allows it.
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

// deploy.sh runs these with the checkout as their context. Without private networking it builds without a task.
resource tasks 'Microsoft.ContainerRegistry/registries/tasks@2019-04-01' = [
  for build in private ? builds : []: {
    parent: registry
    name: build.name
    location: location
    tags: tags
    identity: {
      type: 'SystemAssigned'
    }
    properties: {
      status: 'Enabled'
      platform: {
        os: 'Linux'
        architecture: 'amd64'
      }
      agentConfiguration: {
        cpu: 2
      }
      timeout: 7200
      // By the task's identity and nothing else: the default credentials are refused by the network rules.
      credentials: {
        sourceRegistry: {
          loginMode: 'None'
        }
        customRegistries: {
          '${loginServer}': {
            identity: '[system]'
          }
        }
      }
      // Steps and not a Dockerfile: a task of that kind cannot be made without a repository to build from.
      step: {
        type: 'EncodedTask'
        encodedTaskContent: base64(join(
          [
            'version: v1.1.0'
            'stepTimeout: 7200'
            'steps:'
            '  - build: -t $Registry/${build.image}:${imageTag} -f ${build.file} --target ${build.target} --build-arg ACCELERATOR=${build.accelerator} .'
            '  - push: ["$Registry/${build.image}:${imageTag}"]'
          ],
          '\n'
        ))
      }
    }
  }
]

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
output taskNames string[] = [for build in private ? builds : []: build.name]
