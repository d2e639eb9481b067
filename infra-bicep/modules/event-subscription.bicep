metadata description = 'Tells the app of uploads. By webhook Event Grid asks the app for a handshake when the subscription is made, so this comes after the app runs.'

param topicName string
param storageId string
@description('Through the queue lesion-events, or straight to the app.')
param uploads 'queue' | 'webhook'
@description('Address of the blob extension in the app, with the system key blobs_extension.')
@secure()
param webhook string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

// One name for both ways: changing serving.uploads replaces the subscription, and no upload is told of twice.
resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'classify-lesion'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    // A container app cannot be an endpoint of type AzureFunction (microsoft/azure-container-apps#1548).
    destination: uploads == 'webhook'
      ? {
          endpointType: 'WebHook'
          properties: {
            endpointUrl: webhook
            maxEventsPerBatch: 1
            minimumTlsVersionAllowed: '1.2'
          }
        }
      : null
    // The account's firewall lets Event Grid in by its system-assigned identity, with public access disabled too.
    deliveryWithResourceIdentity: uploads == 'queue'
      ? {
          identity: {
            type: 'SystemAssigned'
          }
          destination: {
            endpointType: 'StorageQueue'
            properties: {
              resourceId: storageId
              queueName: 'lesion-events'
              queueMessageTimeToLiveInSeconds: 604800
            }
          }
        }
      : null
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/lesions/blobs/'
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: storageId
          blobContainerName: 'dead-letters'
        }
      }
    }
  }
}
