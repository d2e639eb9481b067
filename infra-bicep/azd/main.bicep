metadata description = 'What the Azure Developer CLI provisions: the resource group. Its hook runs deploy.sh, which deploys everything else in its phases.'

targetScope = 'subscription'

@description('Name of the environment: that of a file in infra-bicep/environments/.')
@minLength(3)
param environmentName string

@description('Azure region of everything.')
param location string

@description('Name of the system, as for deploy.sh.')
@minLength(3)
@maxLength(10)
param name string

// The same as in ../main.bicep, which sets all the tags.
resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${name}-${environmentName}'
  location: location
  tags: {
    application: 'lentigo'
    environment: environmentName
    'azd-env-name': environmentName
  }
}

@description('Where azd finds what was deployed.')
output AZURE_RESOURCE_GROUP string = group.name
