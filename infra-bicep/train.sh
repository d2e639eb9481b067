#!/usr/bin/env bash
# Starts a training on a machine of an environment and follows its log. The machine turns itself off at the end.
# Keeps to what bash 3.2 knows, which macOS has.
set -euo pipefail

usage() {
  cat << 'TEXT'
Usage: infra-bicep/train.sh <environment> [options] [-- <arguments of the verb train>]

  --machine <n>   which of the training.machines, from 1 [1]
  --resume        go on with the run that failed, with its own arguments
  --no-follow     start it and leave
  --follow        only follow the training that runs
  --stop          stop the training at its last checkpoint and turn the machine off

Without arguments the training uses those of training.arguments in environments/<environment>.bicepparam.
The data is what lies in the container datasets; upload it first by the verb 'data push' of the training console.
TEXT
}

die() { echo "train.sh: $*" >&2; exit 1; }
misuse() { echo "train.sh: $*" >&2; usage >&2; exit 2; }
pause() { sleep "${LENTIGO_WAIT:-30}"; }

target='' mode=start follow=true arguments='' number=1
while (($#)); do
  case $1 in
    --resume) mode=resume ;;
    --follow) mode=follow ;;
    --stop) mode=stop ;;
    --no-follow) follow=false ;;
    --machine)
      [[ ${2:-} =~ ^[1-8]$ ]] || misuse '--machine needs a number from 1 to 8.'
      number=$2
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    --) shift; arguments=$*; break ;;
    -*) misuse "There is no option $1. Arguments of the training come after --." ;;
    *) [[ -z $target ]] || misuse "One environment at a time: $target or $1?"; target=$1 ;;
  esac
  shift
done
[[ -n $target ]] || misuse 'Which environment?'
for tool in az jq openssl; do
  command -v "$tool" > /dev/null || die "$tool is not installed."
done
[[ $mode == start || -z $arguments ]] || misuse 'Arguments are for a new training only.'

suffix="${LENTIGO_NAME:-lentigo}-$target"
group="rg-$suffix" name="vm-train-$suffix"
if ((number > 1)); then name="$name-$number"; fi
state() { az vm show --resource-group "$group" --name "$name" --query tags.training --output tsv; }
power() { az vm get-instance-view --resource-group "$group" --name "$name" --query "instanceView.statuses[?starts_with(code, 'PowerState/')].code | [0]" --output tsv; }
run() { az vm run-command invoke --resource-group "$group" --name "$name" --command-id RunShellScript "$@"; }
# Only the tag, and only the user data: updating the machine as a whole would send back what Azure did not show of it, and a tag that
# has changed in the meantime.
mark() { az tag update --resource-id "$id" --operation Merge --tags "training=$1" --output none; }
configure() { az rest --method patch --url "$id?api-version=2024-07-01" --body "{\"properties\": {\"userData\": \"$(openssl base64 -A <<< "$1")\"}}" --output none; }

az account show --output none 2> /dev/null || die 'Sign in first: az login, then az account set --subscription <name>.'
exists=$(az group exists --name "$group") || die "Cannot tell whether $group exists; see above."
id=''
if [[ $exists == true ]]; then
  id=$(az resource list --resource-group "$group" --resource-type Microsoft.Compute/virtualMachines --query "[?name == '$name'].id | [0]" --output tsv) ||
    die "Cannot tell whether $name exists; see above."
fi
[[ -n $id ]] || die "There is no machine $name in $group: set training.enabled and training.machines in environments/$target.bicepparam and run deploy.sh $target."

case $mode in
  start | resume)
    now=$(state)
    [[ $now != wanted ]] || die 'A training is under way. Follow it by --follow, or end it by --stop.'
    settings=$(az vm show --resource-group "$group" --name "$name" --include-user-data --query userData --output tsv | openssl base64 -d -A)
    [[ -n $(jq -r .image <<< "$settings") ]] || die "No training image is deployed: run deploy.sh $target first."
    if [[ $mode == start ]]; then
      configure "$(jq -c --arg run "$(date -u +%Y%m%dT%H%M%SZ)" --arg arguments "$arguments" \
        '.run = $run | if $arguments != "" then .arguments = $arguments else . end' <<< "$settings")"
    fi
    mark wanted
    # A machine that is on has looked at its tag already, or is about to turn itself off: off and on makes it look again.
    if [[ $(power) != PowerState/deallocated ]]; then
      az vm deallocate --resource-group "$group" --name "$name" --output none
    fi
    if ! az vm start --resource-group "$group" --name "$name" --output none; then
      echo 'Azure has no machine free now. The restart workflow tries every ten minutes; follow it by --follow.' >&2
    fi
    ;;
  stop)
    mark idle
    if [[ $(power) == PowerState/running ]]; then
      run --scripts 'systemctl stop lentigo-training' --output none || echo 'The training could not be told to stop; turning its machine off all the same.' >&2
    fi
    az vm deallocate --resource-group "$group" --name "$name" --output none
    echo 'Stopped at the last checkpoint; train.sh --resume goes on.'
    exit 0
    ;;
  follow) ;;
esac
$follow || exit 0

echo 'Following the log; Ctrl-C leaves, the training goes on.'
line=1 unanswered=0
while true; do
  # Azure not answering now and then is no reason to give up on a training of hours.
  if ! now=$(state) || ! is=$(power); then
    unanswered=$((unanswered + 1))
    ((unanswered < 20)) || die 'Azure does not answer; the training goes on. Follow it again by --follow.'
    pause
    continue
  fi
  unanswered=0
  if [[ $is == PowerState/running ]]; then
    # From where we left off. The command needs the machine, which may vanish in between.
    if text=$(run --query 'value[0].message' --output tsv --scripts "tail -n +$line /var/lib/lentigo/train.log 2> /dev/null | head -n 60" 2> /dev/null); then
      text=$(awk '/^\[stdout\]/ { on = 1; next } /^\[stderr\]/ { on = 0 } on' <<< "$text")
      if [[ -n $text ]]; then
        echo "$text"
        line=$((line + $(wc -l <<< "$text")))
      fi
    fi
  elif [[ $now == wanted ]]; then
    echo 'The machine is off: evicted or not started yet. It is started again within ten minutes when there is capacity.'
  fi
  case $now in
    'done') echo 'The training is done and its model published: the app takes it up by itself.'; exit 0 ;;
    failed) die "The training failed. Its log: Log Analytics, table Syslog, process lentigo-training. train.sh $target --resume goes on from the last checkpoint." ;;
    wanted) ;;
    *) die 'No training is under way.' ;;
  esac
  pause
done
