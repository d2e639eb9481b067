metadata description = 'One private endpoint and its records in a private DNS zone.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param name string
param subnetId string
@description('The resource that the endpoint leads to.')
param resourceId string
@description('Which of its services: blob, queue, table, registry.')
param groupId string
param zoneId string

resource endpoint 'Microsoft.Network/privateEndpoints@2026-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    customNetworkInterfaceName: 'nic-${name}'
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: resourceId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }

  resource zone 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: groupId
          properties: {
            privateDnsZoneId: zoneId
          }
        }
      ]
    }
  }
}
