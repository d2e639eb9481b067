metadata description = 'The identities that the app and the training machine act as. Nothing in the system signs in with a key of Azure.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param servingName string
param trainingName string

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

output servingId string = serving.id
output servingClientId string = serving.properties.clientId
output trainingId string = training.id
output trainingClientId string = training.properties.clientId
