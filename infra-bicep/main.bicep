metadata name = 'Lentigo'
metadata description = 'Everything that Lentigo runs on: storage, the Functions app on Container Apps, the training machine, identities, logs, alerts and a budget.'

targetScope = 'subscription'

import {
  environmentName
  resourceTags
  storageOptions
  servingOptions
  trainingOptions
  networkOptions
  monitoringOptions
  authenticationOptions
  hostKeys
} from 'types.bicep'

@description('Name of the system, lower-case letters and digits; part of every resource name.')
@minLength(3)
@maxLength(10)
param name string = 'lentigo'

@description('Environment: part of every resource name.')
param environment environmentName

@description('Azure region of everything.')
param location string

@description('Tags of every resource, beside application and environment.')
param tags resourceTags = {}

@description('Storage account.')
param storage storageOptions

@description('Functions app.')
param serving servingOptions

@description('Training machine.')
param training trainingOptions

@description('Networking.')
param network networkOptions

@description('Logs, alerts and budget.')
param monitoring monitoringOptions

@description('Microsoft Entra authentication.')
param authentication authenticationOptions = {
  clientId: ''
  audiences: []
}

@description('Image of the app in the registry, repository:tag. Empty: everything but the app, the first phase of deploy.sh.')
param functionsImage string = ''

@description('Image of the training in the registry, repository:tag. Empty until one is built.')
param trainingImage string = ''

@description('Keys of the Functions host. Needed with functionsImage.')
param keys hostKeys = {
  master: ''
  function: ''
  blobsExtension: ''
}

@description('Whether uploads are connected to the app: the last phase of deploy.sh, since Event Grid calls the running app.')
param connectEvents bool = false

@description('Object id of who deploys; may then publish models and upload data sets.')
param deployerId string = ''

@description('What the deployer is.')
param deployerType 'User' | 'Group' | 'ServicePrincipal' = 'User'

// ---- What cannot work is refused before anything is created ----

var gpuRegions = loadJsonContent('gpu-regions.json')
var needsNetwork = network.private || training.enabled
var cannotWork = filter(
  [
    toLower(name) != name || !empty(filter(['-', '_', '.', ' ', '/'], character => contains(name, character)))
      ? 'The name "${name}" may have lower-case letters and digits only, since the storage account and the registry are named after it.'
      : ''
    serving.compute == 't4' && !contains(gpuRegions.t4, location)
      ? 'The region ${location} has no serverless T4. Set serving.compute to cpu, or location to one of: ${join(gpuRegions.t4, ', ')}.'
      : ''
    serving.compute == 'a100' && !contains(gpuRegions.a100, location)
      ? 'The region ${location} has no serverless A100. Set serving.compute to t4 or cpu, or location to one of: ${join(gpuRegions.a100, ', ')}.'
      : ''
    serving.minReplicas > serving.maxReplicas
      ? 'serving.minReplicas (${serving.minReplicas}) is above serving.maxReplicas (${serving.maxReplicas}).'
      : ''
    environment == 'prod' && !contains(monitoring.alertEmail, '@')
      ? 'The environment prod needs an address for alerts: set monitoring.alertEmail (LENTIGO_ALERT_EMAIL for deploy.sh).'
      : ''
    needsNetwork && empty(network.addressSpace)
      ? 'Private networking and the training machine need network.addressSpace, such as 10.40.0.0/24.'
      : ''
    needsNetwork && !empty(network.addressSpace) && int(last(split('0/${network.addressSpace}', '/'))) > 24
      ? 'network.addressSpace ${network.addressSpace} is too small: /24 or larger, such as 10.40.0.0/24.'
      : ''
    training.enabled && empty(training.sshPublicKey)
      ? 'A Linux machine needs training.sshPublicKey (LENTIGO_SSH_PUBLIC_KEY; deploy.sh makes one when there is none).'
      : ''
    connectEvents && (empty(functionsImage) || network.private)
      ? 'connectEvents needs an app that Event Grid can reach: set functionsImage, and leave it off with private networking.'
      : ''
  ],
  sentence => !empty(sentence)
)
var checkedName = empty(cannotWork) ? name : fail(join(cannotWork, ' '))

// ---- Names and tags ----

var suffix = '${checkedName}-${environment}'
var unique = uniqueString(subscription().id, checkedName, environment, location)
// Known before anything is created, so that what-if can tell all that will be.
var names = {
  servingIdentity: 'id-serving-${suffix}'
  trainingIdentity: 'id-training-${suffix}'
  workspace: 'log-${suffix}'
  insights: 'appi-${suffix}'
  storage: take('st${checkedName}${environment}${unique}', 24)
  registry: take('cr${checkedName}${environment}${unique}', 50)
  topic: network.private ? '' : 'evgt-${suffix}'
  app: empty(functionsImage) ? '' : 'ca-${suffix}'
  machine: training.enabled ? 'vm-train-${suffix}' : ''
  restart: training.enabled && training.spot ? 'logic-restart-${suffix}' : ''
}
var allTags = union({ application: 'lentigo', environment: environment }, tags)

// ---- What is deployed ----

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${suffix}'
  location: location
  tags: allTags
}

module identities 'modules/identities.bicep' = {
  scope: group
  name: 'identities'
  params: {
    location: location
    tags: allTags
    servingName: names.servingIdentity
    trainingName: names.trainingIdentity
  }
}

module logs 'modules/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    location: location
    tags: allTags
    workspaceName: names.workspace
    insightsName: names.insights
    options: monitoring
  }
}

module net 'modules/network.bicep' = if (needsNetwork) {
  scope: group
  name: 'network'
  params: {
    location: location
    tags: allTags
    suffix: suffix
    addressSpace: network.addressSpace
    privateEndpoints: network.private
    workspaceId: logs.outputs.workspaceId
  }
}

module account 'modules/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    location: location
    tags: allTags
    name: names.storage
    suffix: suffix
    options: storage
    private: network.private
    allowedIpAddresses: network.allowedIpAddresses
    workspaceId: logs.outputs.workspaceId
    endpointsSubnetId: network.private ? net!.outputs.endpointsSubnetId : ''
    blobZoneId: network.private ? net!.outputs.blobZoneId : ''
    queueZoneId: network.private ? net!.outputs.queueZoneId : ''
    tableZoneId: network.private ? net!.outputs.tableZoneId : ''
  }
}

module registry 'modules/registry.bicep' = {
  scope: group
  name: 'registry'
  params: {
    location: location
    tags: allTags
    name: names.registry
    suffix: suffix
    private: network.private
    allowedIpAddresses: network.allowedIpAddresses
    endpointsSubnetId: network.private ? net!.outputs.endpointsSubnetId : ''
    zoneId: network.private ? net!.outputs.registryZoneId : ''
    workspaceId: logs.outputs.workspaceId
  }
}

module events 'modules/events.bicep' = if (!network.private) {
  scope: group
  name: 'events'
  params: {
    location: location
    tags: allTags
    name: names.topic
    storageId: account.outputs.id
    workspaceId: logs.outputs.workspaceId
  }
}

module servingRoles 'modules/roles.bicep' = {
  scope: group
  name: 'roles-serving'
  params: {
    suffix: suffix
    part: 'serving'
    storageName: names.storage
    registryName: names.registry
    insightsName: names.insights
    servingIdentityName: names.servingIdentity
    trainingIdentityName: names.trainingIdentity
    topicName: names.topic
    machineName: ''
    restartName: ''
    deployerId: deployerId
    deployerType: deployerType
  }
  dependsOn: [
    account
    registry
    logs
    identities
    events
  ]
}

module containers 'modules/container-environment.bicep' = {
  scope: group
  name: 'container-environment'
  params: {
    location: location
    tags: allTags
    suffix: suffix
    compute: serving.compute
    subnetId: network.private ? net!.outputs.appsSubnetId : ''
    workspaceId: logs.outputs.workspaceId
  }
}

module privateDomain 'modules/private-app-domain.bicep' = if (network.private) {
  scope: group
  name: 'private-app-domain'
  params: {
    tags: allTags
    // The platform chooses the domain when it makes the environment.
    #disable-next-line what-if-short-circuiting
    domain: containers.outputs.defaultDomain
    address: containers.outputs.staticIp
    networkId: net!.outputs.networkId
  }
}

module app 'modules/functions-app.bicep' = if (!empty(functionsImage)) {
  scope: group
  name: 'functions-app'
  params: {
    location: location
    tags: allTags
    name: names.app
    options: serving
    authentication: authentication
    masterKey: keys.master
    functionKey: keys.function
    blobsExtensionKey: keys.blobsExtension
    image: '${registry.outputs.loginServer}/${functionsImage}'
    registryServer: registry.outputs.loginServer
    environmentId: containers.outputs.id
    workloadProfile: containers.outputs.workloadProfile
    identityId: identities.outputs.servingId
    identityClientId: identities.outputs.servingClientId
    blobEndpoint: account.outputs.blobEndpoint
    queueEndpoint: account.outputs.queueEndpoint
    tableEndpoint: account.outputs.tableEndpoint
    insightsName: names.insights
    private: network.private
  }
  dependsOn: [
    servingRoles
  ]
}

module subscriptionToUploads 'modules/event-subscription.bicep' = if (connectEvents) {
  scope: group
  name: 'event-subscription'
  params: {
    topicName: names.topic
    storageId: account.outputs.id
    webhook: 'https://${app!.outputs.hostName}/runtime/webhooks/blobs?functionName=Host.Functions.classify-lesion&code=${keys.blobsExtension}'
  }
  dependsOn: [
    servingRoles
  ]
}

module machine 'modules/training.bicep' = if (training.enabled) {
  scope: group
  name: 'training'
  params: {
    location: location
    tags: allTags
    suffix: suffix
    machineName: names.machine
    restartName: names.restart
    options: training
    subnetId: net!.outputs.trainingSubnetId
    identityId: identities.outputs.trainingId
    identityClientId: identities.outputs.trainingClientId
    registryServer: registry.outputs.loginServer
    image: trainingImage
    blobEndpoint: account.outputs.blobEndpoint
    workspaceId: logs.outputs.workspaceId
  }
}

module trainingRoles 'modules/roles.bicep' = if (training.enabled) {
  scope: group
  name: 'roles-training'
  params: {
    suffix: suffix
    part: 'training'
    storageName: names.storage
    registryName: names.registry
    insightsName: names.insights
    servingIdentityName: names.servingIdentity
    trainingIdentityName: names.trainingIdentity
    topicName: ''
    machineName: names.machine
    restartName: names.restart
    deployerId: ''
    deployerType: deployerType
  }
  dependsOn: [
    account
    registry
    identities
    machine
  ]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  name: 'alerts'
  params: {
    location: location
    tags: allTags
    suffix: suffix
    alertEmail: monitoring.alertEmail
    workspaceId: logs.outputs.workspaceId
    appName: names.app
    minReplicas: network.private ? max(serving.minReplicas, 1) : serving.minReplicas
    topicName: names.topic
    training: training.enabled
  }
  dependsOn: [
    app
    events
  ]
}

module budget 'modules/budget.bicep' = {
  scope: group
  name: 'budget'
  params: {
    amount: monitoring.monthlyBudget
    start: monitoring.budgetStart
    actionGroupId: alerts.outputs.actionGroupId
    contactEmail: monitoring.alertEmail
  }
}

output resourceGroup string = group.name
output storageAccount string = names.storage
output registry string = names.registry
output blobEndpoint string = account.outputs.blobEndpoint
output app string = names.app
output hostName string = empty(functionsImage) ? '' : app!.outputs.hostName
output trainingMachine string = names.machine
