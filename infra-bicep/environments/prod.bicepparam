using '../main.bicep'

// Private: everything inside a virtual network, a GPU that is always there, three zones, a lock on the data.

param environment = 'prod'
param name = readEnvironmentVariable('LENTIGO_NAME', 'lentigo')
param location = readEnvironmentVariable('LENTIGO_LOCATION', 'swedencentral')
param tags = {
  owner: 'lentigo-team'
}

param storage = {
  redundancy: 'Standard_GZRS'
  lesionRetentionDays: 30
  resultRetentionDays: 365
  softDeleteDays: 30
  changeFeed: true
  lock: true
}

param serving = {
  compute: 't4'
  uploads: 'queue'
  zoneRedundant: true
  minReplicas: 1
  maxReplicas: 4
  corsOrigins: []
  model: 'lentigo'
}

param training = {
  enabled: true
  machines: 1
  vmSize: 'Standard_NC24ads_A100_v4'
  spot: true
  arguments: ['--recipe strong']
  sshPublicKey: readEnvironmentVariable('LENTIGO_SSH_PUBLIC_KEY', '')
  existing: split(readEnvironmentVariable('LENTIGO_MACHINES', ''), ' ')
}

param network = {
  private: true
  addressSpace: '10.41.0.0/24'
  allowedIpAddresses: []
  peers: []
  gateway: 'none'
}

param monitoring = {
  alertEmail: readEnvironmentVariable('LENTIGO_ALERT_EMAIL', '')
  retentionDays: 180
  dailyCapGb: 5
  monthlyBudget: int(readEnvironmentVariable('LENTIGO_MONTHLY_BUDGET', '2000'))
  budgetStart: readEnvironmentVariable('LENTIGO_BUDGET_START', '2026-12-01')
}

// What follows is set by deploy.sh.
param functionsImage = readEnvironmentVariable('LENTIGO_FUNCTIONS_IMAGE', '')
param trainingImage = readEnvironmentVariable('LENTIGO_TRAINING_IMAGE', '')
param operationsImage = readEnvironmentVariable('LENTIGO_OPERATIONS_IMAGE', '')
param imageTag = readEnvironmentVariable('LENTIGO_IMAGE_TAG', 'latest')
param publishModel = readEnvironmentVariable('LENTIGO_PUBLISH_MODEL', 'none')
param connectEvents = bool(readEnvironmentVariable('LENTIGO_CONNECT_EVENTS', 'false'))
param deployerId = readEnvironmentVariable('LENTIGO_DEPLOYER_ID', '')
param deployerType = readEnvironmentVariable('LENTIGO_DEPLOYER_TYPE', 'User')
param keys = {
  master: readEnvironmentVariable('LENTIGO_KEY_MASTER', '')
  function: readEnvironmentVariable('LENTIGO_KEY_FUNCTION', '')
  blobsExtension: readEnvironmentVariable('LENTIGO_KEY_BLOBS_EXTENSION', '')
}
