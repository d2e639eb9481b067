metadata description = 'Every role assignment of the system. main.bicep calls it twice: for serving before the app starts, and for training once the machine exists, so that the app never waits for a GPU machine.'

param suffix string
param part 'serving' | 'training'
param storageName string
param registryName string
param insightsName string
param servingIdentityName string
param trainingIdentityName string
@description('Writes the models when private; empty otherwise.')
param operationsIdentityName string
@description('Topic that tells of uploads; empty when they are scanned.')
param topicName string
@description('Queue that the topic writes to; empty when it calls the app.')
param queueName string
@description('Tasks that build the images of a private registry.')
param taskNames string[]
@description('Machines and workflows of the training part.')
param machineNames string[]
param restartNames string[]
@description('Who deploys: publishes models and uploads data sets. Empty: nobody gets these roles.')
param deployerId string
param deployerType 'User' | 'Group' | 'ServicePrincipal'

var serving = part == 'serving'
var training = part == 'training'
var restarts = training && !empty(restartNames)

// Built-in roles, https://learn.microsoft.com/azure/role-based-access-control/built-in-roles.
var roles = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  queueMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  acrPush: '8311e382-0749-4cb8-b61a-304f252e45ec'
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource storage 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: storageName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource models 'containers' existing = {
      name: 'models'
    }

    resource datasets 'containers' existing = {
      name: 'datasets'
    }

    resource checkpoints 'containers' existing = {
      name: 'checkpoints'
    }

    resource deadLetters 'containers' existing = {
      name: 'dead-letters'
    }
  }

  resource queues 'queueServices' existing = {
    name: 'default'

    resource events 'queues' existing = {
      name: 'lesion-events'
    }
  }
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource tasks 'Microsoft.ContainerRegistry/registries/tasks@2019-04-01' existing = [
  for name in taskNames: {
    parent: registry
    name: name
  }
]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource servingIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: servingIdentityName
}

resource trainingIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: trainingIdentityName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: empty(topicName) ? 'none' : topicName
}

resource operationsIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: empty(operationsIdentityName) ? 'none' : operationsIdentityName
}

resource machines 'Microsoft.Compute/virtualMachines@2026-03-01' existing = [
  for name in machineNames: {
    name: name
  }
]

resource restarting 'Microsoft.Logic/workflows@2019-05-01' existing = [
  for name in restartNames: {
    name: name
  }
]

// The host keeps its leases and receipts in containers that it creates, reads images and writes answers: this is the role
// that the Functions host and its blob trigger need (Data Owner is about blobs only, it grants nothing on the account).
resource servingBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving) {
  scope: storage
  name: guid(storage.id, servingIdentity.id, roles.blobDataOwner)
  properties: {
    principalId: servingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataOwner)
  }
}

resource servingQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving) {
  scope: storage
  name: guid(storage.id, servingIdentity.id, roles.queueDataContributor)
  properties: {
    principalId: servingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueDataContributor)
  }
}

resource servingTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving) {
  scope: storage
  name: guid(storage.id, servingIdentity.id, roles.tableDataContributor)
  properties: {
    principalId: servingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableDataContributor)
  }
}

resource servingPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving) {
  scope: registry
  name: guid(registry.id, servingIdentity.id, roles.acrPull)
  properties: {
    principalId: servingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

resource servingTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving) {
  scope: insights
  name: guid(insights.id, servingIdentity.id, roles.metricsPublisher)
  properties: {
    principalId: servingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.metricsPublisher)
  }
}

resource topicDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(topicName)) {
  scope: storage::blobs::deadLetters
  name: guid(storage::blobs::deadLetters.id, topic.id, roles.blobDataContributor)
  properties: {
    principalId: topic!.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource topicQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(queueName)) {
  scope: storage::queues::events
  name: guid(storage::queues::events.id, topic.id, roles.queueMessageSender)
  properties: {
    principalId: topic!.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueMessageSender)
  }
}

resource taskPushes 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in taskNames: if (serving) {
    scope: registry
    name: guid(registry.id, tasks[i].id, roles.acrPush)
    properties: {
      principalId: tasks[i]!.identity.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPush)
    }
  }
]

resource operationsModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(operationsIdentityName)) {
  scope: storage::blobs::models
  name: guid(storage::blobs::models.id, operationsIdentity.id, roles.blobDataContributor)
  properties: {
    principalId: operationsIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource operationsPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(operationsIdentityName)) {
  scope: registry
  name: guid(registry.id, operationsIdentity.id, roles.acrPull)
  properties: {
    principalId: operationsIdentity!.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

resource deployerModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(deployerId)) {
  scope: storage::blobs::models
  name: guid(storage::blobs::models.id, deployerId, roles.blobDataContributor)
  properties: {
    principalId: deployerId
    principalType: deployerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource deployerDatasets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(deployerId)) {
  scope: storage::blobs::datasets
  name: guid(storage::blobs::datasets.id, deployerId, roles.blobDataContributor)
  properties: {
    principalId: deployerId
    principalType: deployerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

// To join members that several machines have trained.
resource deployerCheckpoints 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (serving && !empty(deployerId)) {
  scope: storage::blobs::checkpoints
  name: guid(storage::blobs::checkpoints.id, deployerId, roles.blobDataReader)
  properties: {
    principalId: deployerId
    principalType: deployerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataReader)
  }
}

resource trainingDatasets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (training) {
  scope: storage::blobs::datasets
  name: guid(storage::blobs::datasets.id, trainingIdentity.id, roles.blobDataReader)
  properties: {
    principalId: trainingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataReader)
  }
}

resource trainingCheckpoints 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (training) {
  scope: storage::blobs::checkpoints
  name: guid(storage::blobs::checkpoints.id, trainingIdentity.id, roles.blobDataContributor)
  properties: {
    principalId: trainingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource trainingModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (training) {
  scope: storage::blobs::models
  name: guid(storage::blobs::models.id, trainingIdentity.id, roles.blobDataContributor)
  properties: {
    principalId: trainingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource trainingPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (training) {
  scope: registry
  name: guid(registry.id, trainingIdentity.id, roles.acrPull)
  properties: {
    principalId: trainingIdentity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

resource turnsItselfOff 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (training) {
  name: guid(resourceGroup().id, 'turns-itself-off')
  properties: {
    roleName: 'Lentigo training machine turns itself off (${suffix}, ${uniqueString(resourceGroup().id)})'
    description: 'Deallocates a machine and writes its tags.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: [
          'Microsoft.Compute/virtualMachines/read'
          'Microsoft.Compute/virtualMachines/deallocate/action'
          'Microsoft.Resources/tags/read'
          'Microsoft.Resources/tags/write'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource machineOnItself 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in machineNames: if (training) {
    scope: machines[i]
    name: guid(machines[i].id, trainingIdentity.id, 'turns-itself-off')
    properties: {
      principalId: trainingIdentity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: turnsItselfOff.id
    }
  }
]

resource startsMachine 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (restarts) {
  name: guid(resourceGroup().id, 'starts-machine')
  properties: {
    roleName: 'Lentigo restart after eviction (${suffix}, ${uniqueString(resourceGroup().id)})'
    description: 'Reads the state of a machine and starts it.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: [
          'Microsoft.Compute/virtualMachines/read'
          'Microsoft.Compute/virtualMachines/instanceView/read'
          'Microsoft.Compute/virtualMachines/start/action'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

resource restartOnMachine 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in restartNames: if (restarts) {
    scope: machines[i]
    name: guid(machines[i].id, restarting[i].id, 'starts-machine')
    properties: {
      principalId: restarting[i]!.identity.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: startsMachine.id
    }
  }
]
