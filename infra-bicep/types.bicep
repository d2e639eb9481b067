@export()
@description('How much the environment is meant for: prod insists on an alert address.')
type environmentName = 'dev' | 'test' | 'prod'

@export()
@description('Tags that every resource carries.')
type resourceTags = {
  @description('One tag: name and value.')
  *: string
}

@export()
@sealed()
@description('Where uploaded images, answers, models and data sets are kept, and for how long.')
type storageOptions = {
  @description('Copies: LRS one building, ZRS three zones, GZRS a second region as well.')
  redundancy: 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GZRS'

  @description('Uploaded images are deleted this many days after they were last written.')
  @minValue(1)
  @maxValue(3650)
  lesionRetentionDays: int

  @description('Answers are deleted this many days after they were written; 0 keeps them.')
  @minValue(0)
  @maxValue(3650)
  resultRetentionDays: int

  @description('Deleted blobs and containers can be restored for this many days.')
  @minValue(1)
  @maxValue(365)
  softDeleteDays: int

  @description('Keeps a log of every change to a blob, which point-in-time restore and audits need.')
  changeFeed: bool

  @description('Puts a lock on the account, so that nothing deletes it until destroy.sh removes the lock.')
  lock: bool
}

@export()
@sealed()
@description('The Functions app on Container Apps.')
type servingOptions = {
  @description('What a replica runs on. t4 and a100 need a region that has them and GPU quota; cpu needs neither.')
  compute: 'cpu' | 't4' | 'a100'

  @description('Replicas that are always there; 0 costs nothing when idle and makes the first call wait. Private networking raises it to 1.')
  @minValue(0)
  @maxValue(100)
  minReplicas: int

  @description('Most replicas at once; with a GPU each one takes a GPU of the quota.')
  @minValue(1)
  @maxValue(100)
  maxReplicas: int

  @description('Origins of web apps that may call the API from a browser, such as https://clinic.example.org. None by default.')
  corsOrigins: string[]

  @description('Name of the model that serves: the folder in the container models.')
  @minLength(1)
  @maxLength(63)
  model: string
}

@export()
@sealed()
@description('The GPU machine that trains.')
type trainingOptions = {
  @description('Whether there is a training machine at all.')
  enabled: bool

  @description('T4: NC4as_T4_v3 and up. A100: NC24ads_A100_v4. H100: NC40ads_H100_v5.')
  vmSize:
    | 'Standard_NC4as_T4_v3'
    | 'Standard_NC8as_T4_v3'
    | 'Standard_NC16as_T4_v3'
    | 'Standard_NC24ads_A100_v4'
    | 'Standard_NC40ads_H100_v5'

  @description('Spot costs a fraction and can be evicted; it is started again and training resumes.')
  spot: bool

  @description('Arguments of the verb train, as train.sh passes them when it is given none.')
  arguments: string

  @description('The SSH public key that a Linux machine must have. Nothing listens on the internet; train.sh needs no SSH.')
  sshPublicKey: string

  @description('State of the machine: deploy.sh passes on what it finds, so that deploying during a training does not end it.')
  state: 'idle' | 'wanted' | 'done' | 'failed'

  @description('Whether the log agent is installed: only while the machine is new or on, which deploy.sh looks up, since Azure refuses it otherwise.')
  installAgent: bool
}

@export()
@sealed()
@description('Public endpoints with identity, or everything inside a virtual network.')
type networkOptions = {
  @description('Storage, registry and app are reached through private endpoints only; the scanning trigger takes over from Event Grid.')
  private: bool

  @description('Address space of the virtual network, /24 or larger, such as 10.40.0.0/24. Needed when private or when there is a training machine.')
  addressSpace: string

  @description('Public addresses that may still reach storage and the registry when private: that of the machine which deploys.')
  allowedIpAddresses: string[]
}

@export()
@sealed()
@description('Logs, alerts and money.')
type monitoringOptions = {
  @description('Who gets the alerts. Prod does not deploy without it.')
  alertEmail: string

  @description('Logs are kept this many days.')
  @minValue(30)
  @maxValue(730)
  retentionDays: int

  @description('Most gigabytes of logs taken in a day; -1 is no limit.')
  dailyCapGb: int

  @description('Monthly budget of the resource group, in the currency of the subscription.')
  @minValue(1)
  monthlyBudget: int

  @description('First month of the budget, yyyy-MM-01. A budget that exists keeps its first month: deploy.sh passes it on.')
  @minLength(10)
  @maxLength(10)
  budgetStart: string
}

@export()
@sealed()
@description('Microsoft Entra authentication in front of the API.')
type authenticationOptions = {
  @description('Application (client) id of the API in Microsoft Entra; empty leaves authentication to function keys.')
  clientId: string

  @description('Audiences that a token may have, beside the client id, such as api://lentigo.')
  audiences: string[]
}

@export()
@sealed()
@secure()
@description('Keys of the Functions host, kept as secrets of the container app. deploy.sh makes them once and reads them back later.')
type hostKeys = {
  @description('Admin key of the host.')
  master: string

  @description('Key that callers of the API send as x-functions-key.')
  function: string

  @description('Key with which Event Grid calls the blob extension.')
  blobsExtension: string
}
