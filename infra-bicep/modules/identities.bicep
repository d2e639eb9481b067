metadata description = 'The identities that the parts of the system act as. Nothing in it signs in with a key of Azure.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param servingName string
param trainingName string
@description('Of the job that publishes the model and tries the app out inside the network; empty without private networking.')
param operationsName string
@description('Reads the certificate of the app\'s domain and uses the storage key; empty without either.')
param vaultName string

resource serving 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: servingName
  location: location
  tags: tags
}

resource training 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: trainingName
  location: location
  tags: tags
}

resource operations 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (!empty(operationsName)) {
  name: operationsName
  location: location
  tags: tags
}

resource vault 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (!empty(vaultName)) {
  name: vaultName
  location: location
  tags: tags
}

output servingId string = serving.id
output servingClientId string = serving.properties.clientId
output trainingId string = training.id
output trainingClientId string = training.properties.clientId
output operationsId string = empty(operationsName) ? '' : operations.id
output operationsClientId string = empty(operationsName) ? '' : operations!.properties.clientId
output vaultId string = empty(vaultName) ? '' : vault.id
output vaultPrincipalId string = empty(vaultName) ? '' : vault!.properties.principalId
