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
@description('Inside a virtual network Event Grid cannot reach the app: the scanning trigger takes over, and a replica must always be there to scan.')
param private bool

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

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource app 'Microsoft.App/containerApps@2026-01-01' = {
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
      // The scale rules of a function app are the platform's: it derives them from the triggers.
      scale: {
        minReplicas: private ? max(options.minReplicas, 1) : options.minReplicas
        maxReplicas: options.maxReplicas
      }
      containers: [
        {
          name: 'functions'
          image: image
          resources: {
            cpu: resources[options.compute].cpu
            memory: resources[options.compute].memory
          }
          env: [
            { name: 'FUNCTIONS_WORKER_RUNTIME', value: 'dotnet-isolated' }
            // The page lives at /, where the host would show its own.
            { name: 'AzureWebJobsDisableHomepage', value: 'true' }
            { name: 'AzureWebJobsSecretStorageType', value: 'containerapp' }
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
            { name: 'Lentigo__Device', value: options.compute == 'cpu' ? 'cpu' : 'cuda' }
            // Both ways of writing it: the host takes either, and some tools read the one, some the other.
            { name: 'AzureWebJobs.classify-lesion.Disabled', value: string(private) }
            { name: 'AzureWebJobs_classify-lesion_Disabled', value: string(private) }
            { name: 'AzureWebJobs.classify-lesion-scan.Disabled', value: string(!private) }
            { name: 'AzureWebJobs_classify-lesion-scan_Disabled', value: string(!private) }
          ]
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
