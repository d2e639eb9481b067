metadata description = 'Who is told, and of what: errors, slowness, images given up, no ready replica, a GPU that is not used, undelivered events, failed training.'

import { resourceTags } from '../types.bicep'

param location string
param tags resourceTags
param suffix string
@description('Empty: the alerts are shown in the portal only.')
param alertEmail string
param workspaceId string
@description('Empty until the app is deployed.')
param appName string
@description('0: the app may sleep, so having no replica is no fault.')
param minReplicas int
@description('Empty with private networking.')
param topicName string
param training bool
@description('Whether the app is meant to run on a GPU.')
param gpu bool

// Queries over the logs. Their tables come into being with the first row, later than the rules: validation is skipped.
var queries = {
  'errors-5xx': {
    title: 'More than 5 % of the calls fail'
    severity: 1
    enabled: true
    // Only calls that do work: the page and the probes are frequent, rarely fail, and would hide failing calls.
    query: 'AppRequests | where Name has_any ("predict", "results", "feedback") | summarize calls = count(), failed = countif(toint(ResultCode) >= 500) | where failed >= 3 and failed * 100.0 / calls > 5'
  }
  'latency-p95': {
    title: '95 % of the calls take longer than 3 seconds'
    severity: 2
    enabled: true
    query: 'AppRequests | where Name has "predict" and toint(ResultCode) < 500 | summarize calls = count(), p95 = percentile(DurationMs, 95) | where calls >= 20 and p95 > 3000'
  }
  'poison-queue': {
    title: 'An image failed five times and went to the poison queue'
    severity: 1
    enabled: true
    query: 'StorageQueueLogs | where OperationName == "PutMessage" and Uri matches regex "/(webjobs-blobtrigger|lesion-events)-poison/"'
  }
  'replica-not-ready': {
    title: 'Replicas of the app do not become ready'
    severity: 1
    enabled: true
    query: 'ContainerAppSystemLogs | where Log startswith "Probe of" and Log has "failed" | summarize failures = count() | where failures >= 12'
  }
  'gpu-not-used': {
    title: 'The app runs on the CPU of a machine with a GPU'
    severity: 2
    enabled: gpu
    query: 'AppTraces | where Message startswith "Serving the model" and Message contains " on Cpu,"'
  }
  'training-failed': {
    title: 'A training failed'
    severity: 2
    enabled: training
    query: 'Syslog | where ProcessName == "lentigo-training" and SeverityLevel in ("err", "crit", "alert", "emerg")'
  }
}

resource team 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'lentigo'
    enabled: true
    emailReceivers: empty(alertEmail)
      ? []
      : [
          {
            name: 'team'
            emailAddress: alertEmail
            useCommonAlertSchema: true
          }
        ]
  }
}

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in items(queries): {
    name: 'alert-${alert.key}-${suffix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.value.title
      description: '${alert.value.title}. See "When an alert comes" in infra-bicep/README.md.'
      severity: alert.value.severity
      enabled: alert.value.enabled
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alert.value.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [team.id]
      }
    }
  }
]

resource noReplica 'Microsoft.Insights/metricAlerts@2026-01-01' = if (!empty(appName) && minReplicas > 0) {
  name: 'alert-no-replica-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    description: 'No replica of the app runs. See "When an alert comes" in infra-bicep/README.md.'
    severity: 0
    enabled: true
    scopes: [resourceId('Microsoft.App/containerApps', appName)]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'replicas'
          metricNamespace: 'microsoft.app/containerapps'
          metricName: 'Replicas'
          timeAggregation: 'Maximum'
          operator: 'LessThan'
          threshold: 1
        }
      ]
    }
    actions: [
      {
        actionGroupId: team.id
      }
    ]
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2026-01-01' = if (!empty(topicName)) {
  name: 'alert-dead-letters-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Grid could not tell the app of an image; the event is in the container dead-letters.'
    severity: 1
    enabled: true
    scopes: [resourceId('Microsoft.EventGrid/systemTopics', topicName)]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [
      {
        actionGroupId: team.id
      }
    ]
  }
}

output actionGroupId string = team.id
