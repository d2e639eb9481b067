metadata description = 'Job that works inside the virtual network for those who deploy from outside it: publishes the model and tries the app out.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param name string
param environmentId string
param image string
param registryServer string
param identityId string
param identityClientId string
@description('Container of the models.')
param models string
@description('Package to publish, a folder of models/ in the repository; none publishes none.')
param model string
@description('Address of the app.')
param app string
@secure()
@minLength(32)
param functionKey string

resource job 'Microsoft.App/jobs@2026-01-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      triggerType: 'Manual'
      replicaTimeout: 1800
      replicaRetryLimit: 0
      manualTriggerConfig: {
        parallelism: 1
        replicaCompletionCount: 1
      }
      registries: [
        {
          server: registryServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: 'function-key'
          value: functionKey
        }
      ]
    }
    template: {
      containers: [
        {
          name: 'operations'
          image: image
          resources: {
            cpu: 1
            memory: '2Gi'
          }
          env: [
            { name: 'AZURE_CLIENT_ID', value: identityClientId }
            { name: 'LENTIGO_MODELS', value: models }
            { name: 'LENTIGO_MODEL', value: model }
            { name: 'LENTIGO_APP', value: app }
            { name: 'LENTIGO_KEY', secretRef: 'function-key' }
          ]
        }
      ]
    }
  }
}
