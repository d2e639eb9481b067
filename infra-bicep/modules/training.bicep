metadata description = 'A GPU machine that trains, without a public address, and the workflow that starts it again after an eviction. The machine is only created here: deploy.sh and train.sh change its user data and its tag.'

import { resourceTags, trainingOptions, machineConfiguration } from '../types.bicep'

param location string
param tags resourceTags
param suffix string
@description('Which of the machines it is, from 0.')
param index int
param machineName string
param restartName string
param options trainingOptions
param subnetId string
param identityId string
param identityClientId string
param registryServer string
@description('The training image, without the registry: repository:tag. Empty until one is built.')
param image string
param blobEndpoint string
param workspaceId string
@description('Nobody signs in; a machine must have the account all the same.')
param adminUsername string = 'lentigo'

// The container reads it at each start, and ARM lets it change; customData could not change once the machine exists.
var configuration = {
  image: empty(image) ? '' : '${registryServer}/${image}'
  registry: registryServer
  clientId: identityClientId
  data: '${blobEndpoint}datasets'
  checkpoints: '${blobEndpoint}checkpoints'
  models: '${blobEndpoint}models'
  // train.sh names the run, says what it is for and may give it other arguments.
  run: ''
  job: 'train'
  runs: ''
  given: ''
  arguments: options.arguments[min(index, length(options.arguments) - 1)]
  script: loadFileAsBase64('../training-vm/train.sh')
}

resource nic 'Microsoft.Network/networkInterfaces@2026-01-01' = {
  name: 'nic-train-${suffix}'
  location: location
  tags: tags
  properties: {
    ipConfigurations: [
      {
        name: 'internal'
        properties: {
          privateIPAllocationMethod: 'Dynamic'
          subnet: {
            id: subnetId
          }
        }
      }
    ]
  }
}

// Whatever the template said of a machine that exists would be wrong by the time Azure reads it: a training starts, ends or is
// evicted in the meantime. Its SSH key, first-boot script and priority cannot change at all.
var create = !contains(options.existing, machineName)

resource machine 'Microsoft.Compute/virtualMachines@2026-03-01' = if (create) {
  name: machineName
  location: location
  // The machine and the workflow below tell each other by this tag whether there is work.
  tags: union(tags, { training: 'idle' })
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    hardwareProfile: {
      vmSize: options.vmSize
    }
    priority: options.spot ? 'Spot' : 'Regular'
    evictionPolicy: options.spot ? 'Deallocate' : null
    billingProfile: options.spot
      ? {
          maxPrice: -1
        }
      : null
    securityProfile: {
      securityType: 'TrustedLaunch'
      uefiSettings: {
        secureBootEnabled: true
        vTpmEnabled: true
      }
    }
    storageProfile: {
      imageReference: {
        publisher: 'Canonical'
        offer: 'ubuntu-24_04-lts'
        sku: 'server'
        version: 'latest'
      }
      osDisk: {
        name: 'disk-train-${suffix}'
        createOption: 'FromImage'
        caching: 'ReadWrite'
        deleteOption: 'Delete'
        diskSizeGB: 128
        managedDisk: {
          storageAccountType: 'StandardSSD_LRS'
        }
      }
    }
    osProfile: {
      computerName: 'lentigo-training'
      adminUsername: adminUsername
      customData: loadFileAsBase64('../training-vm/cloud-init.yaml')
      linuxConfiguration: {
        disablePasswordAuthentication: true
        ssh: {
          publicKeys: [
            {
              path: '/home/${adminUsername}/.ssh/authorized_keys'
              keyData: options.sshPublicKey
            }
          ]
        }
      }
    }
    userData: base64(string(configuration))
    networkProfile: {
      networkInterfaces: [
        {
          id: nic.id
          properties: {
            deleteOption: 'Delete'
          }
        }
      ]
    }
    diagnosticsProfile: {
      bootDiagnostics: {
        enabled: true
      }
    }
  }
}

// Azure refuses to touch the extensions of a machine that is off, even to leave them as they are.
resource agent 'Microsoft.Compute/virtualMachines/extensions@2026-03-01' = if (create) {
  parent: machine
  name: 'AzureMonitorLinuxAgent'
  location: location
  tags: tags
  properties: {
    publisher: 'Microsoft.Azure.Monitor'
    type: 'AzureMonitorLinuxAgent'
    typeHandlerVersion: '1.33'
    autoUpgradeMinorVersion: true
    enableAutomaticUpgrade: true
    settings: {
      authentication: {
        managedIdentity: {
          'identifier-name': 'mi_res_id'
          'identifier-value': identityId
        }
      }
    }
  }
}

resource syslog 'Microsoft.Insights/dataCollectionRules@2024-03-11' = {
  name: 'dcr-train-${suffix}'
  location: location
  tags: tags
  kind: 'Linux'
  properties: {
    dataSources: {
      syslog: [
        {
          name: 'training'
          streams: ['Microsoft-Syslog']
          facilityNames: ['daemon', 'user']
          logLevels: ['Info', 'Notice', 'Warning', 'Error', 'Critical', 'Alert', 'Emergency']
        }
      ]
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspaceId
        }
      ]
    }
    dataFlows: [
      {
        streams: ['Microsoft-Syslog']
        destinations: ['workspace']
      }
    ]
  }
}

resource syslogOfMachine 'Microsoft.Insights/dataCollectionRuleAssociations@2024-03-11' = if (create) {
  scope: machine
  name: 'training'
  properties: {
    dataCollectionRuleId: syslog.id
  }
}

// An evicted spot machine stays off for good. This looks every ten minutes: work wanted and machine off means evicted
// (the machine clears the tag before it turns itself off), so it is started; without free capacity the next round tries again.
resource restart 'Microsoft.Logic/workflows@2019-05-01' = if (options.spot) {
  name: restartName
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    state: 'Enabled'
    definition: {
      '$schema': 'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#'
      contentVersion: '1.0.0.0'
      triggers: {
        every_ten_minutes: {
          type: 'Recurrence'
          recurrence: {
            frequency: 'Minute'
            interval: 10
          }
          runtimeConfiguration: {
            concurrency: {
              runs: 1
            }
          }
        }
      }
      actions: {
        machine: {
          type: 'Http'
          inputs: {
            method: 'GET'
            uri: '${environment().resourceManager}${substring(machine.id, 1)}?$expand=instanceView&api-version=2024-07-01'
            authentication: {
              type: 'ManagedServiceIdentity'
              audience: environment().resourceManager
            }
          }
          runAfter: {}
        }
        evicted: {
          type: 'If'
          runAfter: {
            machine: ['Succeeded']
          }
          expression: {
            and: [
              {
                equals: ['@body(\'machine\')?[\'tags\']?[\'training\']', 'wanted']
              }
              {
                contains: ['@string(body(\'machine\')?[\'properties\']?[\'instanceView\']?[\'statuses\'])', 'PowerState/deallocated']
              }
            ]
          }
          actions: {
            start: {
              type: 'Http'
              runAfter: {}
              inputs: {
                method: 'POST'
                uri: '${environment().resourceManager}${substring(machine.id, 1)}/start?api-version=2024-07-01'
                authentication: {
                  type: 'ManagedServiceIdentity'
                  audience: environment().resourceManager
                }
              }
            }
          }
          else: {
            actions: {}
          }
        }
      }
    }
  }
}

resource restartDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (options.spot) {
  scope: restart
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
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

resource nicDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: nic
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('What the machine is told, as its user data; deploy.sh passes changes on to a machine that exists.')
output configuration machineConfiguration = configuration
