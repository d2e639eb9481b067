metadata description = 'The storage account: uploaded images, answers, models, data sets, checkpoints and the host\'s own state. Identity only, no keys.'

import { resourceTags, storageOptions } from '../types.bicep'

param location string
param tags resourceTags
@description('3 to 24 lower-case letters and digits, unique in Azure.')
@minLength(3)
@maxLength(24)
param name string
param suffix string
param options storageOptions
param private bool
param allowedIpAddresses string[]
param workspaceId string
@description('Subnet and zones of the private endpoints; empty without private networking.')
param endpointsSubnetId string
param blobZoneId string
param queueZoneId string
param tableZoneId string
@description('Identity that may use options.encryptionKey; empty without it.')
param vaultIdentityId string

var containers = [
  'lesions'
  'results'
  'result-names'
  'models'
  'datasets'
  'checkpoints'
  'dead-letters'
]

// The host warns every few seconds about a queue that it watches and that does not exist.
var queueNames = [
  'lesion-events'
  'lesion-events-poison'
  'webjobs-blobtrigger-poison'
]

var endpoints = private
  ? [
      {
        service: 'blob'
        zoneId: blobZoneId
      }
      {
        service: 'queue'
        zoneId: queueZoneId
      }
      {
        service: 'table'
        zoneId: tableZoneId
      }
    ]
  : []

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: options.redundancy
  }
  identity: options.?encryptionKey == null
    ? null
    : {
        type: 'UserAssigned'
        userAssignedIdentities: {
          '${vaultIdentityId}': {}
        }
      }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    isLocalUserEnabled: false
    // A second layer, which can only be chosen when the account is made.
    encryption: options.?encryptionKey == null
      ? {
          keySource: 'Microsoft.Storage'
          requireInfrastructureEncryption: true
        }
      : {
          requireInfrastructureEncryption: true
          keySource: 'Microsoft.Keyvault'
          identity: {
            userAssignedIdentity: vaultIdentityId
          }
          keyvaultproperties: {
            keyvaulturi: 'https://${last(split(options.encryptionKey!.vaultId, '/'))}${environment().suffixes.keyvaultDns}'
            keyname: options.encryptionKey!.name
          }
          // Queues and tables are encrypted by the same key only if that is said when the account is made.
          services: {
            queue: {
              keyType: 'Account'
            }
            table: {
              keyType: 'Account'
            }
          }
        }
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: private ? 'Deny' : 'Allow'
      // Diagnostic settings and Event Grid's dead letters come from inside Azure.
      bypass: 'AzureServices'
      ipRules: [
        for address in allowedIpAddresses: {
          value: address
          action: 'Allow'
        }
      ]
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      isVersioningEnabled: true
      changeFeed: options.changeFeed
        ? {
            enabled: true
            retentionInDays: 90
          }
        : {
            enabled: false
          }
      deleteRetentionPolicy: {
        enabled: true
        days: options.softDeleteDays
      }
      containerDeleteRetentionPolicy: {
        enabled: true
        days: options.softDeleteDays
      }
    }

    resource container 'containers' = [
      for container in containers: {
        name: container
        properties: {
          publicAccess: 'None'
        }
      }
    ]
  }

  resource queues 'queueServices' = {
    name: 'default'

    resource queue 'queues' = [
      for queue in queueNames: {
        name: queue
      }
    ]
  }

  resource tables 'tableServices' = {
    name: 'default'
  }

  resource lifecycle 'managementPolicies' = {
    name: 'default'
    properties: {
      policy: {
        rules: concat(
          [
            {
              name: 'delete-uploaded-images'
              type: 'Lifecycle'
              definition: {
                filters: {
                  blobTypes: [
                    'blockBlob'
                  ]
                  prefixMatch: [
                    'lesions/'
                    'dead-letters/'
                  ]
                }
                actions: {
                  baseBlob: {
                    delete: {
                      daysAfterModificationGreaterThan: options.lesionRetentionDays
                    }
                  }
                  // Deleting a blob of a versioned account leaves a version behind: without these an image would stay for good.
                  version: {
                    delete: {
                      daysAfterCreationGreaterThan: options.lesionRetentionDays
                    }
                  }
                  snapshot: {
                    delete: {
                      daysAfterCreationGreaterThan: options.lesionRetentionDays
                    }
                  }
                }
              }
            }
            // The host rewrites its leases all the time, and each write leaves a version behind.
            {
              name: 'delete-host-state-versions'
              type: 'Lifecycle'
              definition: {
                filters: {
                  blobTypes: [
                    'blockBlob'
                  ]
                  prefixMatch: [
                    'azure-webjobs-hosts/'
                  ]
                }
                actions: {
                  version: {
                    delete: {
                      daysAfterCreationGreaterThan: 1
                    }
                  }
                }
              }
            }
            // A receipt keeps an image from being classified twice, so it must outlive the image.
            {
              name: 'delete-receipts-of-deleted-images'
              type: 'Lifecycle'
              definition: {
                filters: {
                  blobTypes: [
                    'blockBlob'
                  ]
                  prefixMatch: [
                    'azure-webjobs-hosts/blobreceipts/'
                  ]
                }
                actions: {
                  baseBlob: {
                    delete: {
                      daysAfterModificationGreaterThan: options.lesionRetentionDays + options.softDeleteDays + 1
                    }
                  }
                }
              }
            }
            // Packages stay: one of them serves, the others are what a roll-back goes to. Only what was overwritten or deleted goes.
            {
              name: 'delete-overwritten-model-files'
              type: 'Lifecycle'
              definition: {
                filters: {
                  blobTypes: [
                    'blockBlob'
                  ]
                  prefixMatch: [
                    'models/'
                  ]
                }
                actions: {
                  version: {
                    delete: {
                      daysAfterCreationGreaterThan: 90
                    }
                  }
                }
              }
            }
            {
              name: 'delete-old-checkpoints'
              type: 'Lifecycle'
              definition: {
                filters: {
                  blobTypes: [
                    'blockBlob'
                  ]
                  prefixMatch: [
                    'checkpoints/'
                  ]
                }
                actions: {
                  baseBlob: {
                    delete: {
                      daysAfterModificationGreaterThan: 90
                    }
                  }
                  version: {
                    delete: {
                      daysAfterCreationGreaterThan: 7
                    }
                  }
                }
              }
            }
          ],
          options.resultRetentionDays == 0
            ? []
            : [
                {
                  name: 'delete-answers'
                  type: 'Lifecycle'
                  definition: {
                    filters: {
                      blobTypes: [
                        'blockBlob'
                      ]
                      prefixMatch: [
                        'results/'
                        'result-names/'
                      ]
                    }
                    actions: {
                      baseBlob: {
                        delete: {
                          daysAfterModificationGreaterThan: options.resultRetentionDays
                        }
                      }
                      version: {
                        delete: {
                          daysAfterCreationGreaterThan: options.resultRetentionDays
                        }
                      }
                    }
                  }
                }
              ]
        )
      }
    }
    dependsOn: [
      blobs
    ]
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (options.lock) {
  scope: account
  name: 'keep'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds models, data sets and answers. destroy.sh removes this lock after it has asked.'
  }
}

module endpoint 'private-endpoint.bicep' = [
  for item in endpoints: {
    name: 'endpoint-${item.service}'
    params: {
      location: location
      tags: tags
      name: 'pe-${item.service}-${suffix}'
      subnetId: endpointsSubnetId
      resourceId: account.id
      groupId: item.service
      zoneId: item.zoneId
    }
  }
]

resource accountDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::blobs
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

// The alert on the poison queue reads these.
resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::queues
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::tables
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

output id string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
