metadata description = 'Virtual network: subnets for the app, for private endpoints, for the training machines and for a gateway. Outbound traffic leaves through a NAT gateway; nothing listens on a public address.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param suffix string
@description('At least a /24.')
param addressSpace string
@description('Networks that this one is peered with, from this side.')
param peers string[]
@description('Application Gateway: none, for the network only, or for the internet.')
param gateway 'none' | 'private' | 'public'
param workspaceId string

// The rules that come with every group allow traffic inside the network and its load balancer and deny what comes from
// the internet. The app and the endpoints need no more; the training machine gets less: nobody calls it.
resource endpointsGroup 'Microsoft.Network/networkSecurityGroups@2026-01-01' = {
  name: 'nsg-endpoints-${suffix}'
  location: location
  tags: tags
}

resource appsGroup 'Microsoft.Network/networkSecurityGroups@2026-01-01' = {
  name: 'nsg-apps-${suffix}'
  location: location
  tags: tags
}

resource trainingGroup 'Microsoft.Network/networkSecurityGroups@2026-01-01' = {
  name: 'nsg-training-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-all-inbound'
        properties: {
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

// Azure refuses an Application Gateway whose health ports its own manager cannot reach.
resource gatewayGroup 'Microsoft.Network/networkSecurityGroups@2026-01-01' = if (gateway != 'none') {
  name: 'nsg-gateway-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'allow-manager'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'GatewayManager'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '65200-65535'
        }
      }
      {
        name: 'allow-clients'
        properties: {
          priority: 110
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: gateway == 'public' ? 'Internet' : 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '443'
        }
      }
    ]
  }
}

resource natAddress 'Microsoft.Network/publicIPAddresses@2026-01-01' = {
  name: 'pip-nat-${suffix}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
  }
}

resource natGateway 'Microsoft.Network/natGateways@2026-01-01' = {
  name: 'nat-${suffix}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: natAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2026-01-01' = {
  name: 'vnet-${suffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressSpace
      ]
    }
    subnets: concat(
      [
        {
          name: 'apps'
          properties: {
            addressPrefix: cidrSubnet(addressSpace, 25, 0)
            defaultOutboundAccess: false
            natGateway: {
              id: natGateway.id
            }
            networkSecurityGroup: {
              id: appsGroup.id
            }
            delegations: [
              {
                name: 'container-apps'
                properties: {
                  serviceName: 'Microsoft.App/environments'
                }
              }
            ]
          }
        }
        {
          name: 'endpoints'
          properties: {
            addressPrefix: cidrSubnet(addressSpace, 27, 4)
            defaultOutboundAccess: false
            privateEndpointNetworkPolicies: 'Enabled'
            networkSecurityGroup: {
              id: endpointsGroup.id
            }
          }
        }
        {
          name: 'training'
          properties: {
            addressPrefix: cidrSubnet(addressSpace, 27, 5)
            defaultOutboundAccess: false
            natGateway: {
              id: natGateway.id
            }
            networkSecurityGroup: {
              id: trainingGroup.id
            }
          }
        }
      ],
      gateway == 'none'
        ? []
        : [
            {
              name: 'gateway'
              properties: {
                addressPrefix: cidrSubnet(addressSpace, 26, 3)
                defaultOutboundAccess: false
                networkSecurityGroup: {
                  id: gatewayGroup!.id
                }
                delegations: [
                  {
                    name: 'application-gateway'
                    properties: {
                      serviceName: 'Microsoft.Network/applicationGateways'
                    }
                  }
                ]
              }
            }
          ]
    )
  }

  resource apps 'subnets' existing = {
    name: 'apps'
  }

  resource endpoints 'subnets' existing = {
    name: 'endpoints'
  }

  resource training 'subnets' existing = {
    name: 'training'
  }

  resource gatewaySubnet 'subnets' existing = {
    name: 'gateway'
  }
}

resource peerings 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings@2026-01-01' = [
  for peer in peers: {
    parent: network
    // Networks of other groups may have the same name.
    name: '${last(split(peer, '/'))}-${uniqueString(peer)}'
    properties: {
      remoteVirtualNetwork: {
        id: resourceId(split(peer, '/')[2], split(peer, '/')[4], 'Microsoft.Network/virtualNetworks', last(split(peer, '/')))
      }
      allowVirtualNetworkAccess: true
      allowForwardedTraffic: true
    }
  }
]

resource networkDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: network
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

resource appsGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: appsGroup
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource endpointsGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: endpointsGroup
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource trainingGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: trainingGroup
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource gatewayGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (gateway != 'none') {
  scope: gatewayGroup
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource natAddressDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: natAddress
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

output networkId string = network.id
output appsSubnetId string = network::apps.id
output endpointsSubnetId string = network::endpoints.id
output trainingSubnetId string = network::training.id
output gatewaySubnetId string = gateway == 'none' ? '' : network::gatewaySubnet.id
