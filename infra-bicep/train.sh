#!/usr/bin/env bash
# Starts a training on a machine of an environment, or on all of them at once, and follows it. A machine turns itself off at its end.
# Keeps to what bash 3.2 knows, which macOS has.
set -euo pipefail

usage() {
  cat << 'TEXT'
Usage: infra-bicep/train.sh <environment> [options] [-- <arguments of the verb train>]

  --machine <n>   which of the training.machines, from 1 [1]
  --all           all of them at once, each with its training.arguments; the first one then joins their members by compose and
                  publishes the ensemble
  --resume        go on with the run that failed, with its own arguments; with --all, with each that failed or was stopped
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

target='' mode=start follow=true arguments='' number='' all=false
while (($#)); do
  case $1 in
    --resume) mode=resume ;;
    --follow) mode=follow ;;
    --stop) mode=stop ;;
    --no-follow) follow=false ;;
    --all) all=true ;;
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
if $all; then
  [[ -z $number ]] || misuse '--all is for all machines, --machine for one.'
  [[ -z $arguments ]] || misuse 'With --all each machine has its own arguments: set training.arguments, and run deploy.sh.'
  $follow || misuse '--all waits for all machines, to join their members; Ctrl-C leaves, and --all --follow goes on.'
fi

suffix="${LENTIGO_NAME:-lentigo}-$target"
group="rg-$suffix" first="vm-train-$suffix"
state() { az vm show --resource-group "$group" --name "$name" --query tags.training --output tsv; }
power() { az vm get-instance-view --resource-group "$group" --name "$name" --query "instanceView.statuses[?starts_with(code, 'PowerState/')].code | [0]" --output tsv; }
run() { az vm run-command invoke --resource-group "$group" --name "$name" --command-id RunShellScript "$@"; }
# Only the tag, and only the user data: updating the machine as a whole would send back what Azure did not show of it, and a tag that
# has changed in the meantime.
mark() { az tag update --resource-id "$id" --operation Merge --tags "training=$1" --output none; }
configure() { az rest --method patch --url "$id?api-version=2024-07-01" --body "{\"properties\": {\"userData\": \"$(openssl base64 -A <<< "$1")\"}}" --output none; }

az account show --output none 2> /dev/null || die 'Sign in first: az login, then az account set --subscription <name>.'
exists=$(az group exists --name "$group") || die "Cannot tell whether $group exists; see above."
no_machine() { die "There is no machine $1 in $group: set training.enabled and training.machines in environments/$target.bicepparam and run deploy.sh $target."; }
# Makes a machine the one that the functions above are about.
use() {
  name=$1 id=''
  if [[ $exists == true ]]; then
    id=$(az resource list --resource-group "$group" --resource-type Microsoft.Compute/virtualMachines --query "[?name == '$name'].id | [0]" --output tsv) ||
      die "Cannot tell whether $name exists; see above."
  fi
  [[ -n $id ]] || no_machine "$name"
}
settings() { az vm show --resource-group "$group" --name "$name" --include-user-data --query userData --output tsv | openssl base64 -d -A; }
turn_on() {
  mark wanted
  # A machine that is on has looked at its tag already, or is about to turn itself off: off and on makes it look again.
  if [[ $(power) != PowerState/deallocated ]]; then
    az vm deallocate --resource-group "$group" --name "$name" --output none
  fi
  if ! az vm start --resource-group "$group" --name "$name" --output none; then
    echo "Azure has no machine free for $name now. The restart workflow tries every ten minutes; follow it by --follow." >&2
  fi
}
# Gives the machine a new run: its name, job, the runs to join, and arguments of its own.
start() {
  local now old
  now=$(state)
  [[ $now != wanted ]] || die "A training is under way on $name. Follow it by --follow, or end it by --stop."
  old=$(settings)
  [[ -n $(jq -r .image <<< "$old") ]] || die "No training image is deployed: run deploy.sh $target first."
  configure "$(jq -c --arg run "$1" --arg job "$2" --arg runs "$3" --arg given "$4" '.run = $run | .job = $job | .runs = $runs | .given = $given' <<< "$old")"
  turn_on
}
resume() {
  local now
  now=$(state)
  [[ $now != wanted ]] || die "A training is under way on $name. Follow it by --follow, or end it by --stop."
  turn_on
}
stop() {
  mark idle
  if [[ $(power) == PowerState/running ]]; then
    run --scripts 'systemctl stop lentigo-training' --output none || echo "The training on $name could not be told to stop; turning its machine off all the same." >&2
  fi
  az vm deallocate --resource-group "$group" --name "$name" --output none
}
# Counts how often in a row Azure did not answer: now and then is no reason to give up on a training of hours.
unanswered=0
unanswered() {
  unanswered=$((unanswered + 1))
  ((unanswered < 20)) || die 'Azure does not answer; the training goes on. Follow it again by --follow.'
  pause
}

# ---- All machines at once ----

# What it knows is with the machines: it can be left and followed again from anywhere.
if $all; then
  machines=''
  if [[ $exists == true ]]; then
    machines=$(az resource list --resource-group "$group" --resource-type Microsoft.Compute/virtualMachines --query '[].name' --output tsv | grep "^$first\(-[2-8]\)\{0,1\}$" | sort) ||
      die "Cannot tell which machines $group has, or it has none: set training.enabled and training.machines in environments/$target.bicepparam and run deploy.sh $target."
  fi
  [[ -n $machines ]] || no_machine "$first"
  stamp=$(date -u +%Y%m%dT%H%M%SZ) number=0
  if [[ $mode == start ]]; then
    for machine in $machines; do
      use "$machine"
      if [[ $(state) == wanted ]]; then die "A training is under way on $name. Follow it by --follow, or end it by --stop."; fi
    done
  fi
  for machine in $machines; do
    use "$machine"
    number=$((number + 1))
    case $mode in
      start) start "$stamp-$number" member '' '' ;;
      resume)
        now=$(state)
        # What failed or was stopped; not what trained on its own.
        if [[ ($now == failed || $now == idle) && $(settings | jq -r .job) != train ]]; then resume; fi
        ;;
      stop) stop ;;
    esac
  done
  if [[ $mode == stop ]]; then
    echo 'Stopped at the last checkpoints; train.sh --all --resume goes on.'
    exit 0
  fi

  use "$first"
  if [[ $(settings | jq -r .job) != compose ]]; then
    echo 'Following all machines; Ctrl-C leaves, the training goes on, and --all --follow joins the members at its end.'
    said=''
    while true; do
      states='' working=false
      for machine in $machines; do
        name=$machine
        if ! now=$(state); then
          unanswered
          continue 2
        fi
        states="$states $machine: $now;"
        case $now in
          'done') ;;
          wanted) working=true ;;
          failed) echo "The training on $machine failed. Its log: Log Analytics, table Syslog, process lentigo-training." >&2 ;;
          *) die "No training is under way on $machine." ;;
        esac
      done
      unanswered=0
      if [[ $states != "$said" ]]; then
        echo "${states# }"
        said=$states
      fi
      if ! $working; then break; fi
      pause
    done
    [[ $states != *': failed;'* ]] || die "Not all members are trained. train.sh $target --all --resume goes on from their last checkpoints."
    runs=''
    for machine in $machines; do
      name=$machine
      runs="$runs${runs:+ }$(settings | jq -r 'if .job == "member" then .run else error("it trained no member") end')" || die "$machine did not train by --all: start it by train.sh $target --all."
    done
    use "$first"
    start "$stamp" compose "$runs" ''
    echo "Joining $runs on $first."
  fi
  mode=follow
fi

# ---- One machine ----

if ((${number:-1} > 1)) && ! $all; then use "$first-$number"; else use "$first"; fi
case $mode in
  start) start "$(date -u +%Y%m%dT%H%M%SZ)" train '' "$arguments" ;;
  resume) resume ;;
  stop)
    stop
    echo 'Stopped at the last checkpoint; train.sh --resume goes on.'
    exit 0
    ;;
  follow) ;;
esac
$follow || exit 0

echo 'Following the log; Ctrl-C leaves, the training goes on.'
line=1
while true; do
  if ! now=$(state) || ! is=$(power); then
    unanswered
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
    'done')
      if [[ $(settings | jq -r .job) == member ]]; then
        echo "The member is trained. train.sh $target --all --follow joins it with the others."
      else
        echo 'The training is done and its model published: the app takes it up by itself.'
      fi
      exit 0
      ;;
    failed) die "The training failed. Its log: Log Analytics, table Syslog, process lentigo-training. train.sh $target --resume goes on from the last checkpoint." ;;
    wanted) ;;
    *) die 'No training is under way.' ;;
  esac
  pause
done
