metadata description = 'One private DNS zone, linked to networks; with an address also the record of every name in it.'

import { resourceTags } from '../types.bicep'

param tags resourceTags
param name string
@description('Resource ids of the networks.')
param networkIds string[]
@description('Whether every name in the zone has the address below; otherwise private endpoints write its records.')
param everyNameHasAddress bool = false
param address string = ''

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: name
  location: 'global'
  tags: tags

  resource everyName 'A' = if (everyNameHasAddress) {
    name: '*'
    properties: {
      ttl: 300
      aRecords: [
        {
          ipv4Address: address
        }
      ]
    }
  }
}

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for networkId in networkIds: {
    parent: zone
    // Networks of other groups may have the same name.
    name: '${last(split(networkId, '/'))}-${uniqueString(networkId)}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: resourceId(split(networkId, '/')[2], split(networkId, '/')[4], 'Microsoft.Network/virtualNetworks', last(split(networkId, '/')))
      }
    }
  }
]

output id string = zone.id
