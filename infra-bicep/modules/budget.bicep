metadata description = 'Monthly budget of the resource group.'

param amount int
@description('First month, yyyy-MM-01.')
param start string
param actionGroupId string
param contactEmail string

var contact = {
  operator: 'GreaterThanOrEqualTo'
  enabled: true
  contactEmails: empty(contactEmail) ? [] : [contactEmail]
  contactGroups: [actionGroupId]
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: 'monthly'
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: start
    }
    notifications: {
      actual80: union(contact, { threshold: 80, thresholdType: 'Actual' })
      actual100: union(contact, { threshold: 100, thresholdType: 'Actual' })
      forecast110: union(contact, { threshold: 110, thresholdType: 'Forecasted' })
    }
  }
}
