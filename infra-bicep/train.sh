#!/usr/bin/env bash
# Starts a training on the machine of an environment and follows its log. The machine turns itself off at the end.
set -euo pipefail

usage() {
  cat << 'TEXT'
Usage: infra-bicep/train.sh <environment> [options] [-- <arguments of the verb train>]

  --resume      go on with the run that failed, with its own arguments
  --no-follow   start it and leave
  --follow      only follow the training that runs
  --stop        stop the training at its last checkpoint and turn the machine off

Without arguments the training uses those of training.arguments in environments/<environment>.bicepparam.
The data is what lies in the container datasets; upload it first by the verb 'data push' of the training console.
TEXT
}

die() { echo "train.sh: $*" >&2; exit 1; }
misuse() { echo "train.sh: $*" >&2; usage >&2; exit 2; }

target='' mode=start follow=true arguments=''
while (($#)); do
  case $1 in
    --resume) mode=resume ;;
    --follow) mode=follow ;;
    --stop) mode=stop ;;
    --no-follow) follow=false ;;
    -h | --help) usage; exit 0 ;;
    --) shift; arguments=$*; break ;;
    -*) misuse "There is no option $1. Arguments of the training come after --." ;;
    *) [[ -z $target ]] || misuse "One environment at a time: $target or $1?"; target=$1 ;;
  esac
  shift
done
[[ -n $target ]] || misuse 'Which environment?'
for tool in az jq; do
  command -v "$tool" > /dev/null || die "$tool is not installed."
done
[[ $mode == start || -z $arguments ]] || misuse 'Arguments are for a new training only.'

suffix="${LENTIGO_NAME:-lentigo}-$target"
machine=(--resource-group "rg-$suffix" --name "vm-train-$suffix")
state() { az vm show "${machine[@]}" --query tags.training --output tsv; }
power() { az vm get-instance-view "${machine[@]}" --query "instanceView.statuses[?starts_with(code, 'PowerState/')].code | [0]" --output tsv; }
# Only the tag: updating the machine as a whole would send back what Azure did not show of it.
mark() { az tag update --resource-id "$(az vm show "${machine[@]}" --query id --output tsv)" --operation Merge --tags "training=$1" --output none; }

az vm show "${machine[@]}" --output none 2> /dev/null ||
  die "There is no training machine in $target: set training.enabled in environments/$target.bicepparam and run deploy.sh."

case $mode in
  start | resume)
    [[ $(state) != wanted ]] || die 'A training is under way. Follow it by --follow, or end it by --stop.'
    settings=$(az vm show "${machine[@]}" --include-user-data --query userData --output tsv | base64 -d)
    [[ -n $(jq -r .image <<< "$settings") ]] || die "No training image is deployed: run deploy.sh $target first."
    if [[ $mode == start ]]; then
      settings=$(jq -c --arg run "$(date -u +%Y%m%dT%H%M%SZ)" --arg arguments "$arguments" \
        '.run = $run | if $arguments != "" then .arguments = $arguments else . end' <<< "$settings")
      az vm update "${machine[@]}" --user-data "$settings" --output none
    fi
    mark wanted
    # A machine that is on has looked at its tag already, or is about to turn itself off: off and on makes it look again.
    if [[ $(power) != PowerState/deallocated ]]; then
      az vm deallocate "${machine[@]}" --output none
    fi
    if ! az vm start "${machine[@]}" --output none; then
      echo 'Azure has no machine free now. The restart workflow tries every ten minutes; follow it by --follow.' >&2
    fi
    ;;
  stop)
    mark idle
    az vm run-command invoke "${machine[@]}" --command-id RunShellScript --scripts 'systemctl stop lentigo-training' --output none
    az vm deallocate "${machine[@]}" --output none
    echo 'Stopped at the last checkpoint; train.sh --resume goes on.'
    exit 0
    ;;
  follow) ;;
esac
$follow || exit 0

echo 'Following the log; Ctrl-C leaves, the training goes on.'
line=1
while true; do
  now=$(state)
  if [[ $(power) == PowerState/running ]]; then
    # From where we left off. The command needs the machine, which may vanish in between.
    if text=$(az vm run-command invoke "${machine[@]}" --command-id RunShellScript --query 'value[0].message' --output tsv \
      --scripts "tail -n +$line /var/lib/lentigo/train.log 2> /dev/null | head -n 60" 2> /dev/null); then
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
    idle) die 'No training is under way.' ;;
  esac
  sleep "${LENTIGO_WAIT:-30}"
done
