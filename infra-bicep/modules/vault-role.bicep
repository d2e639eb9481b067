metadata description = 'Lets an identity use what lies in a Key Vault of yours: the certificate of the app\'s domain, or the key of the storage account.'

param vaultName string
param identityName string
param principalId string
@description('certificate: read secrets, as which certificates are handed out. key: wrap and unwrap by keys.')
param purpose 'certificate' | 'key'

// Built-in roles: Key Vault Secrets User, Key Vault Crypto Service Encryption User.
var roles = {
  certificate: '4633458b-17de-408a-b874-0445c86b69e6'
  key: 'e147488a-f6f5-4113-8e2d-b22465e65bf6'
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identityName, roles[purpose])
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[purpose])
  }
}
