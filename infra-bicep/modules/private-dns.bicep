metadata description = 'Private DNS zones of storage and registry, linked to the networks whose machines use them.'

import { resourceTags } from '../types.bicep'

param tags resourceTags
@description('Resource ids of the networks.')
param networkIds string[]

module zones 'private-dns-zone.bicep' = [
  for service in ['blob', 'queue', 'table', 'registry']: {
    name: 'zone-${service}'
    params: {
      tags: tags
      name: service == 'registry'
        ? 'privatelink${environment().suffixes.acrLoginServer}'
        : 'privatelink.${service}.${environment().suffixes.storage}'
      networkIds: networkIds
    }
  }
]

output blobZoneId string = zones[0].outputs.id
output queueZoneId string = zones[1].outputs.id
output tableZoneId string = zones[2].outputs.id
output registryZoneId string = zones[3].outputs.id
