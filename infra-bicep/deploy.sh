#!/usr/bin/env bash
# Deploys an environment: shows what will change, asks, then creates everything, builds the images in the registry, publishes
# the model, starts the app, connects uploads to it and tries it out. Safe to repeat: what exists is kept.
set -euo pipefail

usage() {
  cat << 'TEXT'
Usage: infra-bicep/deploy.sh <environment> [options]

  <environment>       a file in environments/, such as dev or prod
  --yes               do not ask (for pipelines)
  --what-if           only show what would change
  --model <folder>    model package to publish [models/lentigo]; 'none' publishes none
  --image <tag>       tag of the images [the commit]; an image that is in the registry is not built again
  --region <region>   region of the deployment's record and, for dev and prod, of everything [LENTIGO_LOCATION]

Variables: LENTIGO_NAME [lentigo], LENTIGO_ALERT_EMAIL, LENTIGO_LOCATION, LENTIGO_SSH_PUBLIC_KEY, LENTIGO_DEPLOYER_ADDRESS (your public address, with
private networking). Needs az (2.70 or later, signed in), dotnet, curl, openssl, ssh-keygen and jq.
TEXT
}

die() { echo "deploy.sh: $*" >&2; exit 1; }
misuse() { echo "deploy.sh: $*" >&2; usage >&2; exit 2; }
step() { printf '\n== %s\n' "$*"; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
target='' yes=false only_what_if=false model="$root/models/lentigo" tag=''
while (($#)); do
  case $1 in
    --yes) yes=true ;;
    --what-if) only_what_if=true ;;
    --model | --image | --region)
      (($# > 1)) || misuse "$1 needs a value."
      case $1 in
        --model) model=$2 ;;
        --image) tag=$2 ;;
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
az account show --output none 2> /dev/null || die "Sign in first: az login, then az account set --subscription <name>."

# ---- What is there already is kept ----

suffix="${LENTIGO_NAME:-lentigo}-$target"
group="rg-$suffix" app="ca-$suffix" machine="vm-train-$suffix"
group_exists=$(az group exists --name "$group")
# A question that fails is no "no": taking it for one would make new keys.
exists() {
  local count
  [[ $group_exists == true ]] || return 1
  count=$(az resource list --resource-group "$group" --resource-type "$1" --name "$2" --query 'length(@)' --output tsv) || die "Cannot tell whether $2 exists; see above."
  ((count > 0))
}

: "${LENTIGO_LOCATION:=swedencentral}"
export LENTIGO_LOCATION
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

# A budget keeps the month it started in; a new one must start in this month.
LENTIGO_BUDGET_START=$(az consumption budget show --resource-group "$group" --budget-name monthly --query timePeriod.startDate --output tsv 2> /dev/null | cut -c1-10) || true
export LENTIGO_BUDGET_START=${LENTIGO_BUDGET_START:-$(date -u +%Y-%m-01)}

# A machine keeps its SSH key (Azure refuses another), and a training that runs goes on.
export LENTIGO_TRAINING_STATE=idle LENTIGO_INSTALL_AGENT=true
machine_exists=false
if exists Microsoft.Compute/virtualMachines "$machine"; then
  machine_exists=true
  LENTIGO_SSH_PUBLIC_KEY=$(az vm show --resource-group "$group" --name "$machine" --query 'osProfile.linuxConfiguration.ssh.publicKeys[0].keyData' --output tsv)
  LENTIGO_TRAINING_STATE=$(az vm show --resource-group "$group" --name "$machine" --query 'tags.training' --output tsv)
  LENTIGO_TRAINING_STATE=${LENTIGO_TRAINING_STATE:-idle}
  # Azure refuses to touch the extensions of a machine that is off.
  power=$(az vm get-instance-view --resource-group "$group" --name "$machine" --query "instanceView.statuses[?starts_with(code, 'PowerState/')].code | [0]" --output tsv)
  [[ $power == PowerState/running ]] || LENTIGO_INSTALL_AGENT=false
elif [[ -z ${LENTIGO_SSH_PUBLIC_KEY:-} ]]; then
  # Nobody needs the private half: the machine listens to no one, and az vm run-command goes through Azure.
  scratch=$(mktemp -d)
  ssh-keygen -q -t ed25519 -N '' -C lentigo-training -f "$scratch/key"
  LENTIGO_SSH_PUBLIC_KEY=$(cat "$scratch/key.pub")
  rm -rf "$scratch"
fi
export LENTIGO_SSH_PUBLIC_KEY

# The keys of the host are made once and read back afterwards.
key() {
  local value=''
  if $app_exists; then
    value=$(az containerapp secret show --resource-group "$group" --name "$app" --secret-name "$1" --query value --output tsv) ||
      die "The secret $1 of $app cannot be read; see above. Nothing was changed."
  fi
  echo "${value:-$(openssl rand -hex 32)}"
}
app_exists=false
if exists Microsoft.App/containerApps "$app"; then app_exists=true; fi
LENTIGO_KEY_MASTER=$(key host-master)
LENTIGO_KEY_FUNCTION=$(key host-function-default)
LENTIGO_KEY_BLOBS_EXTENSION=$(key host-systemkey-blobs-extension)
export LENTIGO_KEY_MASTER LENTIGO_KEY_FUNCTION LENTIGO_KEY_BLOBS_EXTENSION

if [[ -z $tag ]]; then
  tag=$(git -C "$root" rev-parse --short=12 HEAD 2> /dev/null) || die 'Not a git checkout: name the images by --image.'
  if [[ -n $(git -C "$root" status --porcelain 2> /dev/null) ]]; then tag="$tag-$(date -u +%Y%m%d%H%M%S)"; fi
fi

# ---- Show and ask ----

compiled=$(az bicep build-params --file "$parameters" --stdout) || die "The parameters of $target are not valid; see above."
setting() { jq -r ".parametersJson | fromjson | .parameters.$1" <<< "$compiled"; }
compute=$(setting serving.value.compute) private=$(setting network.value.private) trains=$(setting training.value.enabled)
functions_image="lentigo-functions:$tag" training_image="lentigo-training:$tag"
if [[ $compute != cpu ]]; then functions_image="lentigo-functions-gpu:$tag"; fi
if [[ $trains != true ]]; then training_image=''; fi

# Runs the template: the verb, then how far it shall go.
template() {
  local verb=$1
  shift
  env "$@" az deployment sub "$verb" --name "$suffix" --location "$LENTIGO_LOCATION" --parameters "$parameters" "${format[@]}"
}
whole=(LENTIGO_FUNCTIONS_IMAGE="$functions_image" LENTIGO_TRAINING_IMAGE="$training_image")
connected=(LENTIGO_CONNECT_EVENTS=false)
if [[ $private != true ]]; then connected=(LENTIGO_CONNECT_EVENTS=true); fi

step "What will change in $target"
format=()
template what-if "${whole[@]}" "${connected[@]}" || die 'The template is refused; see above. Nothing was created.'
if $only_what_if; then exit 0; fi
if ! $yes; then
  read -r -p "Deploy to $target? [y/N] " answer
  [[ $answer == [yY]* ]] || die 'Stopped. Nothing was created.'
fi

# ---- Deploy ----

format=(--output json --query properties.outputs)
step 'Everything but the app'
# What runs keeps its image and its connection while the new ones are built.
before=()
if $app_exists; then
  running=$(az containerapp show --resource-group "$group" --name "$app" --query 'properties.template.containers[0].image' --output tsv)
  before=(LENTIGO_FUNCTIONS_IMAGE="${running#*/}" "${connected[@]}")
fi
if $machine_exists; then
  running=$(az vm show --resource-group "$group" --name "$machine" --include-user-data --query userData --output tsv | base64 -d | jq -r .image)
  before+=(LENTIGO_TRAINING_IMAGE="${running#*/}")
fi
outputs=$(template create "${before[@]}")
output() { jq -r ".$1.value" <<< "$outputs"; }
registry=$(output registry) endpoint=$(output blobEndpoint)

# Builds an image in the registry, without Docker here: name, Dockerfile, build arguments.
image() {
  local name=$1 file=$2
  shift 2
  if az acr repository show --name "$registry" --image "$name" --output none 2> /dev/null; then
    echo "$name is there already."
    return
  fi
  az acr build --registry "$registry" --image "$name" --file "$root/$file" --timeout 7200 "$@" "$root" --output none
}
step "Images ($tag)"
if [[ $compute == cpu ]]; then
  image "$functions_image" functions/Dockerfile
else
  image "$functions_image" functions/Dockerfile --build-arg ACCELERATOR=Cuda
fi
if [[ -n $training_image ]]; then image "$training_image" training/Dockerfile; fi

if [[ $model != none ]]; then
  step 'Model'
  # The role that allows it takes up to some minutes to reach the storage account.
  for attempt in $(seq 20); do
    if dotnet run --project "$root/training" -c Release -- publish --model "$model" --to "${endpoint}models"; then break; fi
    ((attempt < 20)) || die "The model could not be published to ${endpoint}models. Was the role assigned, and may this machine reach the account (LENTIGO_DEPLOYER_ADDRESS)?"
    echo "Not yet; trying again in ${LENTIGO_WAIT:-30} s."
    sleep "${LENTIGO_WAIT:-30}"
  done
fi

step 'The app'
# What was open for this machine is closed again.
whole+=(LENTIGO_DEPLOYER_ADDRESS='')
outputs=$(template create "${whole[@]}" LENTIGO_CONNECT_EVENTS="$($app_exists && echo "${connected[0]#*=}" || echo false)")
host=$(output hostName)

if [[ $private == true ]]; then
  step 'Done'
  echo "The app is at https://$host, inside the virtual network only. From a machine there, try: curl https://$host/api/health"
  exit 0
fi

step 'Waiting for the app'
for attempt in $(seq 40); do
  if curl -fsS --max-time 30 "https://$host/api/health"; then break; fi
  ((attempt < 40)) || die "The app at https://$host does not become healthy. Its log: az containerapp logs show --resource-group $group --name $app --follow"
  sleep "${LENTIGO_WAIT:-15}"
done

step 'Uploads'
template create "${whole[@]}" "${connected[@]}" > /dev/null

step 'Trying it out'
sample=$(mktemp --suffix .png)
trap 'rm -f "$sample"' EXIT
# A small plain picture: the answer means nothing, but it must be one.
base64 -d > "$sample" << 'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGM4UWGEFTEMLYkTFUYAzPVggW6qvCUAAAAASUVORK5CYII=
PNG
# The key goes in by standard input: a command line can be read by others.
answer=$(curl -fsS --max-time 120 -H @- -H 'Content-Type: image/png' --data-binary "@$sample" "https://$host/api/predict" <<< "x-functions-key: $LENTIGO_KEY_FUNCTION") ||
  die "The app at https://$host is healthy but does not answer a prediction; see its log."
jq -e '.probabilities | length == 7' <<< "$answer" > /dev/null || die "The answer is not one: $answer"
step 'Done'
echo "The page and the API are at https://$host. The key for the API: az containerapp secret show --resource-group $group --name $app --secret-name host-function-default --query value --output tsv"
