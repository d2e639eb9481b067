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
  minReplicas: 0
  maxReplicas: 3
  corsOrigins: []
  model: 'lentigo'
}

param training = {
  enabled: true
  vmSize: 'Standard_NC4as_T4_v3'
  spot: true
  arguments: '--recipe strong'
  sshPublicKey: readEnvironmentVariable('LENTIGO_SSH_PUBLIC_KEY', '')
  state: readEnvironmentVariable('LENTIGO_TRAINING_STATE', 'idle')
  installAgent: bool(readEnvironmentVariable('LENTIGO_INSTALL_AGENT', 'true'))
}

param network = {
  private: false
  addressSpace: '10.40.0.0/24'
  allowedIpAddresses: []
}

param monitoring = {
  alertEmail: readEnvironmentVariable('LENTIGO_ALERT_EMAIL', '')
  retentionDays: 30
  dailyCapGb: 1
  monthlyBudget: 120
  budgetStart: readEnvironmentVariable('LENTIGO_BUDGET_START', '2026-12-01')
}

// What follows is set by deploy.sh.
param functionsImage = readEnvironmentVariable('LENTIGO_FUNCTIONS_IMAGE', '')
param trainingImage = readEnvironmentVariable('LENTIGO_TRAINING_IMAGE', '')
param connectEvents = bool(readEnvironmentVariable('LENTIGO_CONNECT_EVENTS', 'false'))
param deployerId = readEnvironmentVariable('LENTIGO_DEPLOYER_ID', '')
param deployerType = readEnvironmentVariable('LENTIGO_DEPLOYER_TYPE', 'User')
param keys = {
  master: readEnvironmentVariable('LENTIGO_KEY_MASTER', '')
  function: readEnvironmentVariable('LENTIGO_KEY_FUNCTION', '')
  blobsExtension: readEnvironmentVariable('LENTIGO_KEY_BLOBS_EXTENSION', '')
}
