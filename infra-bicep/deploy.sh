#!/usr/bin/env bash
# Deploys an environment: shows what will change, asks, then creates everything, builds the images in the registry, publishes
# the model, starts the app, connects uploads to it and tries it out. Safe to repeat, also after a failure: what exists is kept.
# Keeps to what bash 3.2 knows, which macOS has.
set -euo pipefail

usage() {
  cat << 'TEXT'
Usage: infra-bicep/deploy.sh <environment> [options]

  <environment>       a file in environments/, such as dev or prod
  --yes               do not ask (for pipelines)
  --what-if           only show what would change
  --model <folder>    model package to publish [models/lentigo]; 'none' publishes none
  --image <tag>       deploy the images with this tag, which must be in the registry [build them from this checkout]
  --region <region>   region of the deployment's record and, for dev and prod, of everything [LENTIGO_LOCATION]
  --rotate-keys       give the app new keys; callers need the new key at once

Variables: LENTIGO_NAME [lentigo], LENTIGO_ALERT_EMAIL, LENTIGO_LOCATION [swedencentral], LENTIGO_SSH_PUBLIC_KEY, LENTIGO_IMAGE_TAG (tag of images
that are built) [the commit], LENTIGO_DEPLOYER_ID and LENTIGO_DEPLOYER_TYPE. Needs az (2.70 or later, signed in), dotnet, curl, openssl and jq; and
ssh-keygen where training machines are created without LENTIGO_SSH_PUBLIC_KEY.
TEXT
}

die() { echo "deploy.sh: $*" >&2; exit 1; }
misuse() { echo "deploy.sh: $*" >&2; usage >&2; exit 2; }
notice() { echo "deploy.sh: $*" >&2; }
step() { printf '\n== %s\n' "$*"; }
pause() { sleep "${LENTIGO_WAIT:-$1}"; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
target='' yes=false only_what_if=false model="$root/models/lentigo" image='' rotate=false
while (($#)); do
  case $1 in
    --yes) yes=true ;;
    --what-if) only_what_if=true ;;
    --rotate-keys) rotate=true ;;
    --model | --image | --region)
      (($# > 1)) || misuse "$1 needs a value."
      case $1 in
        --model) model=$2 ;;
        --image) image=$2 ;;
        --region) export LENTIGO_LOCATION=$2 ;;
      esac
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    -*) misuse "There is no option $1." ;;
    *) [[ -z $target ]] || misuse "One environment at a time: $target or $1?"; target=$1 ;;
  esac
  shift
done
[[ -n $target ]] || misuse 'Which environment?'
parameters="$here/environments/$target.bicepparam"
[[ -f $parameters ]] || misuse "There is no $parameters."
for tool in az dotnet curl openssl jq; do
  command -v "$tool" > /dev/null || die "$tool is not installed."
done
$only_what_if || [[ $model == none || -f $model/current.json || -f $model/manifest.json ]] ||
  die "$model is no model package: it has neither current.json nor manifest.json. Train one, or pass --model none and publish later."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# GitHub's token for Azure lasts minutes and what az makes of it about an hour, less than a first deployment takes: in a workflow
# each phase signs in anew.
sign_in() {
  local token
  [[ -n ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]] || return 0
  token=$(curl -fsS -H @- "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=api://AzureADTokenExchange" <<< "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" | jq -r .value)
  az login --service-principal --username "$AZURE_CLIENT_ID" --tenant "$AZURE_TENANT_ID" --federated-token "$token" --output none
  az account set --subscription "$AZURE_SUBSCRIPTION_ID" --output none
}
sign_in
az account show --output none 2> "$scratch/error" || { cat "$scratch/error" >&2; die 'Sign in first: az login, then az account set --subscription <name>.'; }

# ---- What the environment asks for ----

suffix="${LENTIGO_NAME:-lentigo}-$target"
group="rg-$suffix" app="ca-$suffix"
: "${LENTIGO_LOCATION:=swedencentral}"
export LENTIGO_LOCATION
compiled=$(az bicep build-params --file "$parameters" --stdout) || die "The parameters of $target are not valid; see above."
# What may be empty comes first: trailing empty lines are cut off.
settings=$(jq -r '.parametersJson | fromjson | .parameters | (.authentication.value.clientId // ""), .serving.value.compute, .serving.value.uploads,
  .network.value.private, .training.value.enabled, .training.value.machines' <<< "$compiled")
{ read -r client; read -r compute; read -r uploads; read -r private; read -r trains; read -r machines; } <<< "$settings"
if [[ $private == true && $model != none && ! $model -ef "$root/models/lentigo" ]]; then
  die "Into a private network only models/lentigo of this repository is published, by a job inside. Publish $model from a machine in the network (README.md, Day 2), and pass --model none here."
fi

# ---- What is there already is kept ----

# A question that fails is no "no": taking it for one would make new keys.
group_exists() {
  local answer
  answer=$(az group exists --name "$group") || die "Cannot tell whether $group exists; see above. Nothing was changed."
  echo "$answer"
}
found() {
  local exists names
  exists=$(group_exists) || exit 1
  [[ $exists == true ]] || return 0
  names=$(az resource list --resource-group "$group" --resource-type "$1" --query '[].name' --output tsv) || die "Cannot tell which $1 exist in $group; see above. Nothing was changed."
  tr '\n' ' ' <<< "$names"
}

# The template creates machines and never touches one that exists. They are looked up again before each phase: an earlier phase
# may have created them.
find_machines() {
  local all name
  all=$(found Microsoft.Compute/virtualMachines) || exit 1
  LENTIGO_MACHINES=''
  for name in $all; do
    if [[ $name == vm-train-* ]]; then LENTIGO_MACHINES="$LENTIGO_MACHINES${LENTIGO_MACHINES:+ }$name"; fi
  done
  export LENTIGO_MACHINES
}

if [[ -z ${LENTIGO_DEPLOYER_ID:-} ]]; then
  if LENTIGO_DEPLOYER_ID=$(az ad signed-in-user show --query id --output tsv 2> /dev/null); then
    LENTIGO_DEPLOYER_TYPE=User
  else
    LENTIGO_DEPLOYER_ID=$(az ad sp show --id "$(az account show --query user.name --output tsv)" --query id --output tsv) ||
      die 'Cannot tell who you are in Microsoft Entra. Set LENTIGO_DEPLOYER_ID and LENTIGO_DEPLOYER_TYPE.'
    LENTIGO_DEPLOYER_TYPE=ServicePrincipal
  fi
fi
export LENTIGO_DEPLOYER_ID LENTIGO_DEPLOYER_TYPE

# A budget keeps the month it started in; a new one must start in this month. Some kinds of subscription have no budgets at all.
export LENTIGO_BUDGET_START=''
if az consumption budget list --output none 2> "$scratch/error"; then
  exists=$(group_exists)
  if [[ $exists == true ]]; then
    LENTIGO_BUDGET_START=$(az consumption budget list --resource-group "$group" --query "[?name == 'monthly'].timePeriod.startDate | [0]" --output tsv | cut -c1-10)
  fi
else
  notice "This subscription does not show its budgets, so none is deployed and nobody is told what it costs: $(tail -n 1 "$scratch/error")"
  export LENTIGO_MONTHLY_BUDGET=0
fi
LENTIGO_BUDGET_START=${LENTIGO_BUDGET_START:-$(date -u +%Y-%m-01)}

find_machines
if [[ $trains == true && -z ${LENTIGO_SSH_PUBLIC_KEY:-} && $(wc -w <<< "$LENTIGO_MACHINES") -lt $machines ]]; then
  # Nobody needs the private half: the machine listens to no one, and az vm run-command goes through Azure.
  command -v ssh-keygen > /dev/null || die 'ssh-keygen is not installed. Install it, or set LENTIGO_SSH_PUBLIC_KEY to any SSH public key: a Linux machine must have one.'
  ssh-keygen -q -t ed25519 -N '' -C lentigo-training -f "$scratch/key"
  LENTIGO_SSH_PUBLIC_KEY=$(cat "$scratch/key.pub")
fi
export LENTIGO_SSH_PUBLIC_KEY=${LENTIGO_SSH_PUBLIC_KEY:-}

# The keys of the host are made once and read back afterwards.
app_exists=false
apps=$(found Microsoft.App/containerApps)
for name in $apps; do
  if [[ $name == "$app" ]]; then app_exists=true; fi
done
key() {
  local value=''
  if $app_exists && ! $rotate; then
    value=$(az containerapp secret show --resource-group "$group" --name "$app" --secret-name "$1" --query value --output tsv) ||
      die "The secret $1 of $app cannot be read; see above. Nothing was changed."
  fi
  echo "${value:-$(openssl rand -hex 32)}"
}
LENTIGO_KEY_MASTER=$(key host-master)
LENTIGO_KEY_FUNCTION=$(key host-function-default)
LENTIGO_KEY_BLOBS_EXTENSION=$(key host-systemkey-blobs-extension)
export LENTIGO_KEY_MASTER LENTIGO_KEY_FUNCTION LENTIGO_KEY_BLOBS_EXTENSION

tag=${image:-${LENTIGO_IMAGE_TAG:-}}
if [[ -z $tag ]]; then
  tag=$(git -C "$root" rev-parse --short=12 HEAD 2> /dev/null) || die 'Not a git checkout: name the images by LENTIGO_IMAGE_TAG.'
  if [[ -n $(git -C "$root" status --porcelain 2> /dev/null) ]]; then tag="$tag-$(date -u +%Y%m%d%H%M%S)"; fi
fi
export LENTIGO_IMAGE_TAG=$tag
functions_image="lentigo-functions:$tag" training_image="lentigo-training:$tag" operations_image="lentigo-operations:$tag"
if [[ $compute != cpu ]]; then functions_image="lentigo-functions-gpu:$tag"; fi
if [[ $trains != true ]]; then training_image=''; fi
if [[ $private != true ]]; then operations_image=''; fi

# ---- Show and ask ----

# How far the template goes: nothing of the app; the app; and its connection to uploads. What a phase leaves out stays as it is.
template() {
  local verb=$1 phase=$2
  export LENTIGO_FUNCTIONS_IMAGE='' LENTIGO_OPERATIONS_IMAGE='' LENTIGO_CONNECT_EVENTS=false
  export LENTIGO_TRAINING_IMAGE="$training_image" LENTIGO_PUBLISH_MODEL=none
  if [[ $phase != foundation ]]; then
    LENTIGO_FUNCTIONS_IMAGE=$functions_image LENTIGO_OPERATIONS_IMAGE=$operations_image
    if [[ $model != none ]]; then LENTIGO_PUBLISH_MODEL=lentigo; fi
  fi
  if [[ $phase == uploads && $uploads != scan ]]; then LENTIGO_CONNECT_EVENTS=true; fi
  shift 2
  sign_in
  find_machines
  az deployment sub "$verb" --name "$suffix" --location "$LENTIGO_LOCATION" --parameters "$parameters" "$@"
}

step "What will change in $target"
template what-if uploads || die 'The template is refused; see above. Nothing was created.'
if $only_what_if; then exit 0; fi
if ! $yes; then
  read -r -p "Deploy to $target? [y/N] " answer
  [[ $answer == [yY]* ]] || die 'Stopped. Nothing was created.'
fi

# ---- Deploy ----

step 'Everything but the app'
outputs=$(template create foundation --output json --query properties.outputs) || die "Azure refused; see above. What was created stays; repeat deploy.sh $target."
output() { jq -r ".$1.value" <<< "$outputs"; }
registry=$(output registry) endpoint=$(output blobEndpoint)

# Whether an image is in the registry. A private one does not answer from outside; Azure Resource Manager knows what its tasks built.
built() {
  if [[ $private == true ]]; then
    [[ $(az acr task list-runs --registry "$registry" --run-status Succeeded --query "length([].outputImages[] | [?repository == '${1%%:*}' && tag == '${1#*:}'])" --output tsv) != 0 ]]
  elif ! az acr repository show --name "$registry" --image "$1" --output none 2> "$scratch/error"; then
    grep -qiE 'not exist|not found|unknown|not known' "$scratch/error" || { cat "$scratch/error" >&2; die "Cannot tell whether $1 is in $registry; see above."; }
    return 1
  fi
}

# Builds an image in the registry, without Docker here: image, task, Dockerfile, target, accelerator.
build() {
  local attempt
  sign_in
  if built "$1"; then
    echo "$1 is there already."
    return
  fi
  [[ -z $image ]] || die "There is no image $1 in $registry. Leave --image out to build from this checkout."
  if [[ $private != true ]]; then
    az acr build --registry "$registry" --image "$1" --file "$root/$3" --target "$4" --build-arg "ACCELERATOR=$5" --timeout 7200 --output none "$root"
    return
  fi
  # A build by az acr build would be refused by the registry's network rules; a task with an identity of its own is let in. The role that
  # lets it push takes up to some minutes to arrive.
  for attempt in 1 2 3 4; do
    if (cd "$root" && az acr task run --registry "$registry" --name "$2" --context . --file "$3" --output none) > "$scratch/build" 2>&1; then
      return
    fi
    cat "$scratch/build" >&2
    grep -qiE 'log ?in|unauthorized|forbidden|denied|403' "$scratch/build" || break
    if ((attempt < 4)); then echo "The role of the task $2 may not have arrived yet; trying again."; pause 60; fi
  done
  die "The image $1 could not be built; see above. What was created stays; repeat deploy.sh $target."
}
step "Images ($tag)"
if [[ $compute == cpu ]]; then
  build "$functions_image" build-functions functions/Dockerfile cpu Cpu
else
  build "$functions_image" build-functions functions/Dockerfile cuda Cuda
fi
if [[ -n $training_image ]]; then build "$training_image" build-training training/Dockerfile final Cuda; fi
if [[ -n $operations_image ]]; then build "$operations_image" build-operations infra-bicep/operations/Dockerfile final Cpu; fi

if [[ $model != none && $private != true ]]; then
  step 'Model'
  sign_in
  # The role that allows it takes up to some minutes to reach the storage account.
  for attempt in $(seq 20); do
    if dotnet run --project "$root/training" -c Release -- publish --model "$model" --to "${endpoint}models"; then break; fi
    ((attempt < 20)) || die "The model could not be published to ${endpoint}models. Was the role assigned to $LENTIGO_DEPLOYER_ID? What was created stays; repeat deploy.sh $target."
    echo 'Not yet; trying again.'
    pause 30
  done
fi

step 'The app'
outputs=$(template create app --output json --query properties.outputs) || die "Azure refused; see above. What runs stays as it was; repeat deploy.sh $target."
host=$(output hostName) job=$(output job)

# A training machine takes up the new image, script and arguments at its next start. What it works on is train.sh's.
find_machines
for name in $LENTIGO_MACHINES; do
  [[ $trains == true ]] || break
  id=$(az vm show --resource-group "$group" --name "$name" --query id --output tsv)
  az vm show --resource-group "$group" --name "$name" --include-user-data --query userData --output tsv | openssl base64 -d -A > "$scratch/old"
  # A machine that training.machines does not count any more has the configuration of the last one.
  data=$(jq -c --slurpfile old "$scratch/old" --arg name "$name" '(.trainingMachines.value | index($name)) as $at | .trainingConfigurations.value[$at // -1]
    + ($old[0] | with_entries(select(.key == ("run", "job", "runs", "given"))))' <<< "$outputs")
  if [[ $data != "$(jq -c . "$scratch/old")" ]]; then
    # Only the user data: what a machine's tag says may change at any moment.
    az rest --method patch --url "$id?api-version=2024-07-01" --body "{\"properties\": {\"userData\": \"$(openssl base64 -A <<< "$data")\"}}" --output none
  fi
done

connect() {
  step 'Uploads'
  if [[ $uploads == scan ]]; then
    # Left behind by an earlier serving.uploads, a subscription would call a function that is off.
    topics=$(found Microsoft.EventGrid/systemTopics)
    if [[ " $topics " == *" evgt-$suffix "* ]]; then
      az eventgrid system-topic event-subscription delete --resource-group "$group" --system-topic-name "evgt-$suffix" --name classify-lesion --yes --output none
    fi
    return
  fi
  for attempt in 1 2 3; do
    if template create uploads --output none; then return; fi
    ((attempt < 3)) || die "Uploads could not be connected to the app; see above. The API works. Repeat deploy.sh $target."
    echo 'Event Grid may not have its role yet, or the app did not answer in time; trying again.'
    pause 60
  done
}

if [[ $private == true ]]; then
  connect
  step 'Trying it out, inside the network'
  execution=$(az containerapp job start --resource-group "$group" --name "$job" --query name --output tsv)
  for attempt in $(seq 80); do
    pause 30
    if (( attempt % 40 == 0 )); then sign_in; fi
    status=$(az containerapp job execution show --resource-group "$group" --name "$job" --job-execution-name "$execution" --query properties.status --output tsv) || status=unknown
    case $status in
      Succeeded) break ;;
      Failed | Stopped | Degraded) die "The job $job has ended as $status. What it says: Log Analytics, ContainerAppConsoleLogs | where JobName == \"$job\"." ;;
    esac
    ((attempt < 80)) || die "The job $job does not end; its state is $status."
  done
  step 'Done'
  echo "The app is at https://$host, for the virtual network and its peers. The model is published and a prediction was answered."
  exit 0
fi

step 'Waiting for the app'
# Without a model no replica is ready, and what answers 503 is the platform; that a replica has started is all there is to see then.
started() {
  [[ $(az containerapp replica list --resource-group "$group" --name "$app" --query 'length([?properties.containers[0].started])' --output tsv) -gt 0 ]]
}
health=000
for attempt in $(seq 40); do
  health=$(curl -sS --max-time 30 --output "$scratch/health" --write-out '%{http_code}' "https://$host/api/health") || health=000
  if [[ $health == 200 ]]; then break; fi
  if [[ $health == 503 && $model == none ]] && started; then break; fi
  ((attempt < 40)) || die "The app at https://$host does not become healthy (its last answer was $health). Its log: az containerapp logs show --resource-group $group --name $app --follow"
  pause 15
done
if [[ $health == 200 || $uploads != webhook ]]; then
  connect
else
  notice "Event Grid cannot shake hands with an app that has no model: publish one, and repeat deploy.sh $target to connect uploads."
fi

step 'Trying it out'
if [[ $health != 200 ]]; then
  echo 'The app has started and waits for a model, as --model none was asked for: publish one.'
elif [[ -n $client ]]; then
  # Who may call is decided in Microsoft Entra, where this script has no say; that nobody else may call can be tried.
  status=$(curl -sS --max-time 60 --output /dev/null --write-out '%{http_code}' -X POST "https://$host/api/predict") || status=000
  [[ $status == 401 ]] || die "Entra authentication is on, but a call without a token is answered with $status instead of 401."
  echo 'A call without a token is refused. Try a prediction with a token of an application that may call the API.'
else
  # A small plain picture: the answer means nothing, but it must be one.
  openssl base64 -d -A > "$scratch/sample.png" <<< 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGM4UWGEFTEMLYkTFUYAzPVggW6qvCUAAAAASUVORK5CYII='
  # The key goes in by standard input: a command line can be read by others.
  status=$(curl -sS --max-time 120 --output "$scratch/answer" --write-out '%{http_code}' -H @- -H 'Content-Type: image/png' --data-binary "@$scratch/sample.png" \
    "https://$host/api/predict" <<< "x-functions-key: $LENTIGO_KEY_FUNCTION") || status=000
  case $status in
    200) ;;
    401) die "The app refuses the key that was deployed with it: the Functions host does not read the keys in /run/secrets/functions-keys. See AzureWebJobsSecretStorageType in infra-bicep/modules/functions-app.bicep." ;;
    *) die "The app at https://$host is healthy but answers a prediction with $status; see its log." ;;
  esac
  jq -e '.probabilities | length == 7' "$scratch/answer" > /dev/null || die "The answer is not one: $(cat "$scratch/answer")"
fi
step 'Done'
echo "The page and the API are at https://$host. The key for the API: az containerapp secret show --resource-group $group --name $app --secret-name host-function-default --query value --output tsv"
