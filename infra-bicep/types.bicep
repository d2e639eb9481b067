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

  @description('Key of yours that encrypts the account, instead of one of Microsoft.')
  encryptionKey: vaultKey?
}

@export()
@sealed()
@description('A key in a Key Vault with purge protection, in the same region and tenant.')
type vaultKey = {
  @description('Resource id of the Key Vault; it must use roles for access.')
  vaultId: string

  @description('Name of the key. Its newest version is used.')
  name: string
}

@export()
@sealed()
@description('The Functions app on Container Apps.')
type servingOptions = {
  @description('What a replica runs on. t4 and a100 need a region that has them and GPU quota; cpu needs neither.')
  compute: 'cpu' | 't4' | 'a100'

  @description('How the app learns of an upload: Event Grid through a storage queue, Event Grid through a webhook (not with private networking), or by scanning the container, which is slow, may miss images and needs a replica at all times.')
  uploads: 'queue' | 'webhook' | 'scan'

  @description('Spreads replicas over the zones of the region. Needs private networking, and is fixed once the environment exists.')
  zoneRedundant: bool

  @description('Replicas that are always there; 0 costs nothing when idle and makes the first call wait. Private networking and scanning raise it to 1.')
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

  @description('Host name of yours under which the app is reached, beside the one that Azure chooses.')
  domain: customDomain?
}

@export()
@sealed()
@description('A host name and its certificate.')
type customDomain = {
  @description('Host name, such as lentigo.clinic.example. The TXT record asuid.<name> must hold the verification id of the environment.')
  name: string

  @description('Resource id of the Key Vault that holds the certificate; it must use roles for access.')
  vaultId: string

  @description('Name of the certificate in the vault. Its newest version is used.')
  certificate: string
}

@export()
@sealed()
@description('The GPU machines that train.')
type trainingOptions = {
  @description('Whether there are training machines at all.')
  enabled: bool

  @description('Number of machines. Several train the members of an ensemble at the same time: train.sh --all.')
  @minValue(1)
  @maxValue(8)
  machines: int

  @description('T4: NC4as_T4_v3 and up. A100: NC24ads_A100_v4. H100: NC40ads_H100_v5.')
  vmSize:
    | 'Standard_NC4as_T4_v3'
    | 'Standard_NC8as_T4_v3'
    | 'Standard_NC16as_T4_v3'
    | 'Standard_NC24ads_A100_v4'
    | 'Standard_NC40ads_H100_v5'

  @description('Spot costs a fraction and can be evicted; it is started again and training resumes.')
  spot: bool

  @description('Arguments of the verb train, as train.sh passes them when it is given none: one text for each machine; machines beyond the last one take its text. With several machines each should name members of its own (--members).')
  @minLength(1)
  arguments: string[]

  @description('The SSH public key that a Linux machine must have. Nothing listens on the internet; train.sh needs no SSH.')
  sshPublicKey: string

  @description('Machines that exist; deploy.sh looks them up before each phase. The template only creates machines: most of what it says of one cannot change, its state is not the template\'s, and Azure refuses to touch the extensions of a machine that is off.')
  existing: string[]
}

@export()
@sealed()
@description('Public endpoints with identity, or everything inside a virtual network.')
type networkOptions = {
  @description('Storage, registry and app are reached from inside a virtual network only.')
  private: bool

  @description('Address space of the virtual network, /24 or larger, such as 10.40.0.0/24. Needed when private or when there is a training machine.')
  addressSpace: string

  @description('Public addresses that may reach storage and the registry although they are private. deploy.sh needs none.')
  allowedIpAddresses: string[]

  @description('Resource ids of virtual networks whose machines use the app, such as a hub. They get a peering from this side and the private DNS; their side of the peering is theirs to make.')
  peers: string[]

  @description('Subnets of a network of yours, in which nothing of a network is created then.')
  existing: existingNetwork?

  @description('Private DNS zones of yours, such as those of a hub.')
  existingZones: existingZones?

  @description('Application Gateway with a web application firewall in front of a private app. private listens inside the network, public on the internet. Needs serving.domain.')
  gateway: 'none' | 'private' | 'public'
}

@export()
@sealed()
@description('Bring your own network: it must let the subnets reach the internet (a NAT gateway or a firewall).')
type existingNetwork = {
  @description('Resource id of the virtual network.')
  networkId: string

  @description('Subnet of the app, /27 or larger, delegated to Microsoft.App/environments.')
  appsSubnetId: string

  @description('Subnet of the private endpoints.')
  endpointsSubnetId: string

  @description('Subnet of the training machines; may be empty without them.')
  trainingSubnetId: string

  @description('Subnet of the Application Gateway; may be empty without it.')
  gatewaySubnetId: string
}

@export()
@sealed()
@description('Bring your own private DNS: resource ids of the zones, linked to the network already.')
type existingZones = {
  @description('privatelink.blob.core.windows.net')
  blob: string

  @description('privatelink.queue.core.windows.net')
  queue: string

  @description('privatelink.table.core.windows.net')
  table: string

  @description('privatelink.azurecr.io')
  registry: string
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

  @description('Monthly budget of the resource group, in the currency of the subscription; 0 is none, for subscriptions that cannot have budgets.')
  @minValue(0)
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

@export()
@sealed()
@description('What a training machine is told, as its user data.')
type machineConfiguration = {
  @description('Training image with its registry; empty until one is built.')
  image: string

  @description('Registry that the image is pulled from.')
  registry: string

  @description('Client id of the identity of the machine.')
  clientId: string

  @description('Container of the data set.')
  data: string

  @description('Container of the checkpoints.')
  checkpoints: string

  @description('Container of the models.')
  models: string

  @description('Name of the run; train.sh gives it.')
  run: string

  @description('train publishes what it trained; member leaves it to compose, which joins the members of the runs and publishes them. train.sh says which.')
  job: 'train' | 'member' | 'compose'

  @description('Runs that compose joins, separated by spaces.')
  runs: string

  @description('Arguments of the verb train for this run alone; empty: those below. train.sh gives them.')
  given: string

  @description('Arguments of the verb train, from training.arguments.')
  arguments: string

  @description('training-vm/train.sh, base64.')
  script: string
}
