using '../main.bicep'

// Cheap: sleeps when idle, runs on CPUs, public endpoints behind identity, a spot machine that is off until train.sh starts it.

param environment = 'dev'
param name = readEnvironmentVariable('LENTIGO_NAME', 'lentigo')
param location = readEnvironmentVariable('LENTIGO_LOCATION', 'swedencentral')
param tags = {
  owner: 'lentigo-team'
}

param storage = {
  redundancy: 'Standard_LRS'
  lesionRetentionDays: 7
  resultRetentionDays: 30
  softDeleteDays: 7
  changeFeed: false
  lock: false
}

param serving = {
  compute: 'cpu'
  uploads: 'queue'
  zoneRedundant: false
  minReplicas: 0
  maxReplicas: 3
  corsOrigins: []
  model: 'lentigo'
}

param training = {
  enabled: true
  machines: 1
  vmSize: 'Standard_NC4as_T4_v3'
  spot: true
  arguments: ['--recipe strong']
  sshPublicKey: readEnvironmentVariable('LENTIGO_SSH_PUBLIC_KEY', '')
  existing: split(readEnvironmentVariable('LENTIGO_MACHINES', ''), ' ')
}

param network = {
  private: false
  addressSpace: '10.40.0.0/24'
  allowedIpAddresses: []
  peers: []
  gateway: 'none'
}

param monitoring = {
  alertEmail: readEnvironmentVariable('LENTIGO_ALERT_EMAIL', '')
  retentionDays: 30
  dailyCapGb: 1
  monthlyBudget: int(readEnvironmentVariable('LENTIGO_MONTHLY_BUDGET', '120'))
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
