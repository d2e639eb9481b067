metadata description = 'Connects uploads to the app. Event Grid asks the app for a handshake when the subscription is made, so this comes after the app runs.'

param topicName string
param storageId string
@description('Address of the blob extension in the app, with the system key blobs_extension.')
@secure()
param webhook string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'classify-lesion'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    // A container app cannot be an endpoint of type AzureFunction (microsoft/azure-container-apps#1548).
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: webhook
        maxEventsPerBatch: 1
        minimumTlsVersionAllowed: '1.2'
      }
    }
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
