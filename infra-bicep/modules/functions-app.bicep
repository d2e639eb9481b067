metadata description = 'The Functions app: the image on Container Apps, its settings, secrets, probes, scale and authentication.'

import { resourceTags, servingOptions, authenticationOptions } from '../types.bicep'

param location string
param tags resourceTags
param name string
param options servingOptions
param authentication authenticationOptions
@secure()
@minLength(32)
param masterKey string
@secure()
@minLength(32)
param functionKey string
@secure()
@minLength(32)
param blobsExtensionKey string
param image string
param registryServer string
param environmentId string
param workloadProfile string
param identityId string
param identityClientId string
param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param insightsName string
@description('Inside a virtual network a replica is always there: whether the platform sees the queue through its private endpoint is not documented.')
param private bool
@description('Names the app to the Functions host in its storage account. Without it each replica and revision would be a host of its own, with its own receipts, and classify every image again.')
@maxLength(32)
param hostId string
param storageName string
@description('Certificate of options.domain; empty leaves the domain to the gateway in front of the app.')
param certificateId string

var resources = {
  cpu: {
    cpu: 2
    memory: '4Gi'
  }
  t4: {
    cpu: 8
    memory: '56Gi'
  }
  a100: {
    cpu: 24
    memory: '220Gi'
  }
}

// Each upload reaches one function: the others are off.
var uploadFunctions = {
  queue: 'classify-lesion-event'
  webhook: 'classify-lesion'
  scan: 'classify-lesion-scan'
}
// Both ways of writing it: the host takes either, and some tools read the one, some the other.
var uploadSettings = flatten(map(items(uploadFunctions), function => [
  { name: 'AzureWebJobs.${function.value}.Disabled', value: string(function.key != options.uploads) }
  { name: 'AzureWebJobs_${function.value}_Disabled', value: string(function.key != options.uploads) }
]))

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource app 'Microsoft.App/containerApps@2026-03-02-preview' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: workloadProfile
    configuration: {
      activeRevisionsMode: 'Single'
      maxInactiveRevisions: 5
      ingress: {
        // In an internal environment external means: from the whole virtual network.
        external: true
        allowInsecure: false
        targetPort: 80
        transport: 'auto'
        traffic: [
          {
            latestRevision: true
            weight: 100
          }
        ]
        customDomains: empty(certificateId)
          ? null
          : [
              {
                name: options.domain!.name
                bindingType: 'SniEnabled'
                certificateId: certificateId
              }
            ]
        corsPolicy: empty(options.corsOrigins)
          ? null
          : {
              allowedOrigins: options.corsOrigins
              allowedMethods: ['GET', 'POST', 'OPTIONS']
              allowedHeaders: ['content-type', 'x-functions-key', 'authorization']
              allowCredentials: false
              maxAge: 600
            }
      }
      registries: [
        {
          server: registryServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: 'host-master'
          value: masterKey
        }
        {
          name: 'host-function-default'
          value: functionKey
        }
        {
          name: 'host-systemkey-blobs-extension'
          value: blobsExtensionKey
        }
      ]
    }
    template: {
      // Longer than the slowest image takes, so that a replica that goes away finishes its answers.
      terminationGracePeriodSeconds: 60
      // The platform derives the scale rules of a function app from its triggers, but not reliably for a queue that is read by a
      // user-assigned identity (microsoft/azure-container-apps#1633): these two take their place.
      scale: {
        minReplicas: private || options.uploads == 'scan' ? max(options.minReplicas, 1) : options.minReplicas
        maxReplicas: options.maxReplicas
        // Documented for this API version, and unknown to the compiler yet.
        #disable-next-line BCP037
        allowScalingRuleOverride: options.uploads == 'queue'
        rules: options.uploads == 'queue'
          ? [
              {
                name: 'uploads'
                azureQueue: {
                  accountName: storageName
                  queueName: 'lesion-events'
                  // Messages for one replica, those that it classifies counted: as many as it has cores. docs/scale.md has what more would do.
                  queueLength: resources[options.compute].cpu
                  identity: identityId
                }
              }
              {
                name: 'calls'
                http: {
                  metadata: {
                    concurrentRequests: '16'
                  }
                }
              }
            ]
          : null
      }
      containers: [
        {
          name: 'functions'
          image: image
          resources: {
            cpu: resources[options.compute].cpu
            memory: resources[options.compute].memory
          }
          env: concat(uploadSettings, [
            { name: 'FUNCTIONS_WORKER_RUNTIME', value: 'dotnet-isolated' }
            // The page lives at /, where the host would show its own.
            { name: 'AzureWebJobsDisableHomepage', value: 'true' }
            { name: 'AzureWebJobsSecretStorageType', value: 'ContainerApps' }
            { name: 'AzureFunctionsWebHost__hostid', value: hostId }
            // No trigger may hang for good, whatever host.json allows where the app runs elsewhere.
            { name: 'AzureFunctionsJobHost__functionTimeout', value: '00:10:00' }
            { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
            { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
            { name: 'AzureWebJobsStorage__blobServiceUri', value: blobEndpoint }
            { name: 'AzureWebJobsStorage__queueServiceUri', value: queueEndpoint }
            { name: 'AzureWebJobsStorage__tableServiceUri', value: tableEndpoint }
            { name: 'AZURE_CLIENT_ID', value: identityClientId }
            { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insights.properties.ConnectionString }
            { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'ClientId=${identityClientId};Authorization=AAD' }
            // The host sends what it measures by OpenTelemetry, under this name.
            { name: 'AzureFunctionsJobHost__telemetryMode', value: 'OpenTelemetry' }
            { name: 'OTEL_SERVICE_NAME', value: 'lentigo-functions' }
            { name: 'Lentigo__Model', value: options.model }
            // auto serves on the CPU where the GPU does not work, and an alert says so: slow answers are better than none.
            { name: 'Lentigo__Device', value: options.compute == 'cpu' ? 'cpu' : 'auto' }
          ])
          volumeMounts: [
            {
              volumeName: 'functions-keys'
              mountPath: '/run/secrets/functions-keys'
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/'
                port: 80
              }
              // Two and a half minutes to start: the platform takes 10 failures at most.
              initialDelaySeconds: 2
              periodSeconds: 15
              timeoutSeconds: 5
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/'
                port: 80
              }
              periodSeconds: 15
              timeoutSeconds: 10
              failureThreshold: 4
            }
            // 503 until a model is loaded: no call reaches a replica that cannot answer it.
            {
              type: 'Readiness'
              httpGet: {
                path: '/api/health'
                port: 80
              }
              periodSeconds: 10
              timeoutSeconds: 5
              failureThreshold: 3
            }
          ]
        }
      ]
      volumes: [
        {
          name: 'functions-keys'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'host-master'
              path: 'host.master'
            }
            {
              secretRef: 'host-function-default'
              path: 'host.function.default'
            }
            {
              secretRef: 'host-systemkey-blobs-extension'
              path: 'host.systemKey.blobs_extension'
            }
          ]
        }
      ]
    }
  }

  resource authConfig 'authConfigs' = if (!empty(authentication.clientId)) {
    name: 'current'
    properties: {
      platform: {
        enabled: true
      }
      globalValidation: {
        unauthenticatedClientAction: 'Return401'
        // Event Grid calls the blob extension with its own key, and the health page says nothing that is secret.
        excludedPaths: [
          '/runtime/webhooks/*'
          '/api/health'
        ]
      }
      httpSettings: {
        requireHttps: true
      }
      identityProviders: {
        azureActiveDirectory: {
          enabled: true
          registration: {
            clientId: authentication.clientId
            openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          }
          validation: {
            allowedAudiences: concat([authentication.clientId], authentication.audiences)
          }
        }
      }
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'to-log-analytics'
  properties: {
    workspaceId: insights.properties.WorkspaceResourceId
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

output hostName string = app.properties.configuration.ingress.fqdn
