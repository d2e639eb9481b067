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
  machineConfiguration
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

@description('Image of the job that works inside a private network, repository:tag. Empty without one.')
param operationsImage string = ''

@description('Tag of the images that the tasks of a private registry build.')
param imageTag string = 'latest'

@description('Package that the job publishes: a folder of models/ in the repository, or none.')
param publishModel string = 'none'

@description('Keys of the Functions host. Needed with functionsImage.')
param keys hostKeys = {
  master: ''
  function: ''
  blobsExtension: ''
}

@description('Whether uploads are connected to the app: the last phase of deploy.sh, since Event Grid calls the running app.')
param connectEvents bool = false

@description('Object id of who deploys; may then publish models, upload data sets and read checkpoints.')
param deployerId string = ''

@description('What the deployer is.')
param deployerType 'User' | 'Group' | 'ServicePrincipal' = 'User'

// ---- What cannot work is refused before anything is created ----

var gpuRegions = loadJsonContent('gpu-regions.json')
var zoneRegions = loadJsonContent('zone-regions.json')
var needsNetwork = network.private || training.enabled
var ownNetwork = needsNetwork && network.?existing == null
var gateway = network.gateway != 'none'
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
    serving.zoneRedundant && !network.private
      ? 'serving.zoneRedundant needs network.private: Azure spreads only environments in a virtual network over zones.'
      : ''
    serving.zoneRedundant && !contains(zoneRegions.regions, location)
      ? 'The region ${location} has no availability zones. Set serving.zoneRedundant to false, or location to one of: ${join(zoneRegions.regions, ', ')}.'
      : ''
    serving.uploads == 'webhook' && network.private
      ? 'Event Grid cannot call an app in a private network: set serving.uploads to queue or scan.'
      : ''
    environment == 'prod' && !contains(monitoring.alertEmail, '@')
      ? 'The environment prod needs an address for alerts: set monitoring.alertEmail (LENTIGO_ALERT_EMAIL for deploy.sh).'
      : ''
    ownNetwork && empty(network.addressSpace)
      ? 'Private networking and the training machine need network.addressSpace, such as 10.40.0.0/24, or network.existing.'
      : ''
    ownNetwork && !empty(network.addressSpace) && int(last(split('0/${network.addressSpace}', '/'))) > 24
      ? 'network.addressSpace ${network.addressSpace} is too small: /24 or larger, such as 10.40.0.0/24.'
      : ''
    network.?existing != null && training.enabled && empty(network.?existing.?trainingSubnetId)
      ? 'The training machines need network.existing.trainingSubnetId; or set training.enabled to false.'
      : ''
    gateway && (!network.private || serving.?domain == null)
      ? 'network.gateway stands in front of a private app under its own name: set network.private and serving.domain, or network.gateway to none.'
      : ''
    gateway && network.?existing != null && empty(network.?existing.?gatewaySubnetId)
      ? 'network.gateway needs network.existing.gatewaySubnetId.'
      : ''
    training.enabled && empty(training.sshPublicKey) && training.machines > length(filter(training.existing, machine => !empty(machine)))
      ? 'A Linux machine needs training.sshPublicKey (LENTIGO_SSH_PUBLIC_KEY; deploy.sh makes one when there is none).'
      : ''
    connectEvents && (empty(functionsImage) || serving.uploads == 'scan')
      ? 'connectEvents needs an app and Event Grid: set functionsImage, and leave it off where serving.uploads is scan.'
      : ''
  ],
  sentence => !empty(sentence)
)
var checkedName = empty(cannotWork) ? name : fail(join(cannotWork, ' '))

// ---- Names and tags ----

var suffix = '${checkedName}-${environment}'
var unique = uniqueString(subscription().id, checkedName, environment, location)
// Suffixes of the training machines' names: the first one has that of the system.
var machineSuffixes = [for i in range(0, training.enabled ? training.machines : 0): i == 0 ? suffix : '${suffix}-${i + 1}']
// Known before anything is created, so that what-if can tell all that will be.
var names = {
  servingIdentity: 'id-serving-${suffix}'
  trainingIdentity: 'id-training-${suffix}'
  operationsIdentity: network.private ? 'id-operations-${suffix}' : ''
  vaultIdentity: serving.?domain != null || storage.?encryptionKey != null ? 'id-vault-${suffix}' : ''
  workspace: 'log-${suffix}'
  insights: 'appi-${suffix}'
  storage: take('st${checkedName}${environment}${unique}', 24)
  registry: take('cr${checkedName}${environment}${unique}', 50)
  topic: serving.uploads == 'scan' ? '' : 'evgt-${suffix}'
  app: empty(functionsImage) ? '' : 'ca-${suffix}'
  job: empty(operationsImage) ? '' : 'caj-operations-${suffix}'
  machines: map(machineSuffixes, machine => 'vm-train-${machine}')
  restarts: map(training.spot ? machineSuffixes : [], machine => 'logic-restart-${machine}')
}
var allTags = union({ application: 'lentigo', environment: environment }, tags)

// ---- What is deployed ----

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${suffix}'
  location: location
  // The Azure Developer CLI finds what it has deployed by this tag.
  tags: union(allTags, { 'azd-env-name': environment })
}

module identities 'modules/identities.bicep' = {
  scope: group
  name: 'identities'
  params: {
    location: location
    tags: allTags
    servingName: names.servingIdentity
    trainingName: names.trainingIdentity
    operationsName: names.operationsIdentity
    vaultName: names.vaultIdentity
  }
}

module certificateRole 'modules/vault-role.bicep' = if (serving.?domain != null) {
  scope: resourceGroup(split(serving.?domain.?vaultId ?? '////', '/')[2], split(serving.?domain.?vaultId ?? '////', '/')[4])
  name: 'certificate-role-${suffix}'
  params: {
    vaultName: last(split(serving.?domain.?vaultId ?? '', '/'))
    identityName: names.vaultIdentity
    principalId: identities.outputs.vaultPrincipalId
    purpose: 'certificate'
  }
}

module keyRole 'modules/vault-role.bicep' = if (storage.?encryptionKey != null) {
  scope: resourceGroup(split(storage.?encryptionKey.?vaultId ?? '////', '/')[2], split(storage.?encryptionKey.?vaultId ?? '////', '/')[4])
  name: 'key-role-${suffix}'
  params: {
    vaultName: last(split(storage.?encryptionKey.?vaultId ?? '', '/'))
    identityName: names.vaultIdentity
    principalId: identities.outputs.vaultPrincipalId
    purpose: 'key'
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

module net 'modules/network.bicep' = if (ownNetwork) {
  scope: group
  name: 'network'
  params: {
    location: location
    tags: allTags
    suffix: suffix
    addressSpace: network.addressSpace
    peers: network.peers
    gateway: network.gateway
    workspaceId: logs.outputs.workspaceId
  }
}

var subnets = {
  network: network.?existing.?networkId ?? (ownNetwork ? net!.outputs.networkId : '')
  apps: network.?existing.?appsSubnetId ?? (ownNetwork ? net!.outputs.appsSubnetId : '')
  endpoints: network.?existing.?endpointsSubnetId ?? (ownNetwork ? net!.outputs.endpointsSubnetId : '')
  training: network.?existing.?trainingSubnetId ?? (ownNetwork ? net!.outputs.trainingSubnetId : '')
  gateway: network.?existing.?gatewaySubnetId ?? (ownNetwork ? net!.outputs.gatewaySubnetId : '')
}
var ownZones = network.private && network.?existingZones == null

module dns 'modules/private-dns.bicep' = if (ownZones) {
  scope: group
  name: 'private-dns'
  params: {
    tags: allTags
    networkIds: concat([subnets.network], network.peers)
  }
}

var zones = {
  blob: network.?existingZones.?blob ?? (ownZones ? dns!.outputs.blobZoneId : '')
  queue: network.?existingZones.?queue ?? (ownZones ? dns!.outputs.queueZoneId : '')
  table: network.?existingZones.?table ?? (ownZones ? dns!.outputs.tableZoneId : '')
  registry: network.?existingZones.?registry ?? (ownZones ? dns!.outputs.registryZoneId : '')
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
    endpointsSubnetId: network.private ? subnets.endpoints : ''
    blobZoneId: zones.blob
    queueZoneId: zones.queue
    tableZoneId: zones.table
    vaultIdentityId: identities.outputs.vaultId
  }
  dependsOn: [
    keyRole
  ]
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
    endpointsSubnetId: network.private ? subnets.endpoints : ''
    zoneId: zones.registry
    workspaceId: logs.outputs.workspaceId
    imageTag: imageTag
    gpu: serving.compute != 'cpu'
  }
}

module events 'modules/events.bicep' = if (serving.uploads != 'scan') {
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
    operationsIdentityName: names.operationsIdentity
    topicName: names.topic
    queueName: serving.uploads == 'queue' ? 'lesion-events' : ''
    taskNames: network.private ? ['build-functions', 'build-training', 'build-operations'] : []
    machineNames: []
    restartNames: []
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
    subnetId: network.private ? subnets.apps : ''
    zoneRedundant: serving.zoneRedundant
    domain: gateway ? null : serving.?domain
    vaultIdentityId: identities.outputs.vaultId
    workspaceId: logs.outputs.workspaceId
  }
  dependsOn: [
    certificateRole
  ]
}

module privateDomain 'modules/private-dns-zone.bicep' = if (network.private) {
  scope: group
  name: 'private-app-domain'
  params: {
    tags: allTags
    // The platform chooses the domain when it makes the environment.
    #disable-next-line what-if-short-circuiting
    name: containers.outputs.defaultDomain
    everyNameHasAddress: true
    address: containers.outputs.staticIp
    networkIds: concat([subnets.network], network.peers)
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
    hostId: suffix
    storageName: names.storage
    certificateId: containers.outputs.certificateId
  }
  dependsOn: [
    servingRoles
  ]
}

module operations 'modules/operations-job.bicep' = if (!empty(operationsImage) && !empty(functionsImage)) {
  scope: group
  name: 'operations-job'
  params: {
    location: location
    tags: allTags
    name: names.job
    environmentId: containers.outputs.id
    image: '${registry.outputs.loginServer}/${operationsImage}'
    registryServer: registry.outputs.loginServer
    identityId: identities.outputs.operationsId
    identityClientId: identities.outputs.operationsClientId
    models: '${account.outputs.blobEndpoint}models'
    model: publishModel
    app: 'https://${app!.outputs.hostName}'
    functionKey: keys.function
  }
  dependsOn: [
    servingRoles
  ]
}

module front 'modules/app-gateway.bicep' = if (gateway && !empty(functionsImage)) {
  scope: group
  name: 'app-gateway'
  params: {
    location: location
    tags: allTags
    suffix: suffix
    exposure: network.gateway == 'public' ? 'public' : 'private'
    subnetId: subnets.gateway
    domain: serving.domain!
    vaultIdentityId: identities.outputs.vaultId
    appHost: app!.outputs.hostName
    zones: contains(zoneRegions.regions, location) ? ['1', '2', '3'] : []
    workspaceId: logs.outputs.workspaceId
  }
  dependsOn: [
    certificateRole
    privateDomain
  ]
}

module subscriptionToUploads 'modules/event-subscription.bicep' = if (connectEvents) {
  scope: group
  name: 'event-subscription'
  params: {
    topicName: names.topic
    storageId: account.outputs.id
    uploads: serving.uploads == 'queue' ? 'queue' : 'webhook'
    webhook: 'https://${app!.outputs.hostName}/runtime/webhooks/blobs?functionName=Host.Functions.classify-lesion&code=${keys.blobsExtension}'
  }
  dependsOn: [
    servingRoles
  ]
}

module machines 'modules/training.bicep' = [
  for (machine, i) in machineSuffixes: {
    scope: group
    name: 'training-${machine}'
    params: {
      location: location
      tags: allTags
      suffix: machine
      index: i
      machineName: 'vm-train-${machine}'
      restartName: 'logic-restart-${machine}'
      options: training
      subnetId: subnets.training
      identityId: identities.outputs.trainingId
      identityClientId: identities.outputs.trainingClientId
      registryServer: registry.outputs.loginServer
      image: trainingImage
      blobEndpoint: account.outputs.blobEndpoint
      workspaceId: logs.outputs.workspaceId
    }
  }
]

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
    operationsIdentityName: ''
    topicName: ''
    queueName: ''
    taskNames: []
    machineNames: names.machines
    restartNames: names.restarts
    deployerId: ''
    deployerType: deployerType
  }
  dependsOn: [
    account
    registry
    identities
    machines
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
    minReplicas: network.private || serving.uploads == 'scan' ? max(serving.minReplicas, 1) : serving.minReplicas
    topicName: names.topic
    training: training.enabled
    gpu: serving.compute != 'cpu'
  }
  dependsOn: [
    app
    events
  ]
}

module budget 'modules/budget.bicep' = if (monitoring.monthlyBudget > 0) {
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
output job string = empty(functionsImage) ? '' : names.job
output trainingMachines string[] = names.machines
output trainingConfigurations machineConfiguration[] = [for (machine, i) in machineSuffixes: machines[i].outputs.configuration]
