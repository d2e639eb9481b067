#!/usr/bin/env bash
# Runs on the training machine at every start, as the service lentigo-training. Works while the machine's tag 'training'
# says 'wanted', says in the tag that it is done, and turns the machine off. An eviction leaves the tag, so that the
# machine is started again; a training then goes on from its last checkpoint. Its job is one of three: 'train' trains and publishes
# the model; 'member' trains only; 'compose' joins the members of several runs and publishes the ensemble.
set -euo pipefail

config=${LENTIGO_CONFIG:-/run/lentigo/config.json}
work=${LENTIGO_WORK:-/var/lib/lentigo}
devices=${LENTIGO_DEVICES:-/dev}
wait=${LENTIGO_WAIT:-15}
metadata=http://169.254.169.254/metadata
arm=https://management.azure.com

say() { echo "<6>$*"; }   # The number is a syslog level, which systemd takes from the line.
fail() { echo "<3>$*"; }

value() { jq -r ".$1" "$config"; }

from_metadata() { curl -fsS --retry 10 --retry-delay 3 --retry-all-errors --noproxy '*' -H 'Metadata: true' "$metadata/$1"; }

token() { from_metadata "identity/oauth2/token?api-version=2018-02-01&client_id=$(value clientId)&resource=$1" | jq -r .access_token; }

# Calls Azure Resource Manager about this machine: method, path below the machine, body. The role that allows it may be assigned later
# than the machine first starts, and Azure may be out of order for hours. Giving up would leave a machine on that costs money and does
# nothing, so it is tried until it works, ever less often, and an alert tells of it.
manage() {
  local attempt=0 pause=$wait
  until curl -fsS -X "$1" -H @- -H 'Content-Type: application/json' --data "$3" "$arm$machine$2" > /dev/null <<< "Authorization: Bearer $(token "$arm/")"; do
    attempt=$((attempt + 1))
    if ((attempt % 20 == 0)); then
      fail "Azure refuses $1 $2 on this machine for the ${attempt}th time: check the role assignments of its identity. Until then the machine stays on and costs money."
      pause=$((wait * 20))
    else
      say "Attempt $attempt to $1 $2 failed; trying again."
    fi
    sleep "$pause"
  done
}

state() { from_metadata 'instance/compute/tagsList?api-version=2021-02-01' | jq -r 'map(select(.name == "training"))[0].value // "idle"'; }

mark() { manage PATCH '/providers/Microsoft.Resources/tags/default?api-version=2021-04-01' "{\"operation\":\"Merge\",\"properties\":{\"tags\":{\"training\":\"$1\"}}}"; }

turn_off() {
  say "Turning the machine off: $1."
  manage POST '/deallocate?api-version=2024-07-01' ''
}

give_up() {
  fail "The training failed: $1 The log is in Log Analytics (table Syslog, process lentigo-training) and in $work/train.log; train.sh starts it again."
  mark failed
  turn_off 'the training failed'
  exit 1
}

# The registry takes a token of the identity for one of its own.
sign_in() {
  local registry refresh
  registry=$(value registry)
  refresh=$(printf %s "$(token "$arm/")" | curl -fsS --retry 5 --retry-all-errors -X POST "https://$registry/oauth2/exchange" \
    --data-urlencode grant_type=access_token --data-urlencode "service=$registry" \
    --data-urlencode access_token@- | jq -r .refresh_token)
  docker login "$registry" --username 00000000-0000-0000-0000-000000000000 --password-stdin <<< "$refresh" > /dev/null
}

# The GPU goes into the container as its device files and the driver's libraries, so that no package beside Ubuntu's is needed.
gpu_options() {
  local file library
  for file in "$devices"/nvidia0 "$devices"/nvidiactl "$devices"/nvidia-uvm "$devices"/nvidia-uvm-tools; do
    if [[ -e $file ]]; then echo "--device=$file"; fi
  done
  for library in libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1; do
    file=$(ldconfig -p | awk -v name="$library" '$1 == name && /x86-64/ { print $NF; exit }')
    if [[ -n $file ]]; then echo "--volume=$file:/usr/lib/x86_64-linux-gnu/$library:ro"; fi
  done
}

# Runs a verb of the console in the container: its log goes to the journal and to a file.
console() {
  docker rm --force lentigo-training > /dev/null 2>&1 || true
  docker run --name lentigo-training --stop-timeout 25 --network host --shm-size 8g \
    --volume "$work:/lentigo" --env AZURE_CLIENT_ID="$(value clientId)" --env XDG_CACHE_HOME=/lentigo/cache \
    "${gpu[@]}" "$(value image)" "$@" >> "$work/train.log" 2>&1 &
  wait $!
}

evicted() {
  say 'The machine is about to stop: stopping the training at its last checkpoint. It goes on when the machine starts again.'
  docker stop --time 25 lentigo-training > /dev/null 2>&1 || true
  exit 0
}

# Azure tells of an eviction 30 seconds ahead, in the metadata only.
watch() {
  while sleep "${LENTIGO_WATCH:-5}"; do
    if [[ -n $(from_metadata 'scheduledevents?api-version=2020-07-01' 2> /dev/null | jq -r '.Events[]? | select(.EventType == "Preempt" or .EventType == "Terminate") | .EventType' 2> /dev/null) ]]; then
      kill -TERM $$
      return
    fi
  done
}

machine=$(from_metadata 'instance/compute/resourceId?api-version=2021-02-01&format=text')
if [[ $(state) != wanted ]]; then
  turn_off 'no training is wanted; train.sh starts one'
  exit 0
fi
trap evicted TERM INT

install -d -m 0755 "$work"
chown 1654:1654 "$work"   # The container's user.
: >> "$work/train.log"
[[ -n $(value image) ]] || give_up 'There is no training image: deploy.sh builds one.'
nvidia-modprobe -u -c 0 || true
nvidia-smi > /dev/null || give_up 'The NVIDIA driver does not run.'
sign_in || give_up "The identity may not pull from $(value registry)."
docker pull --quiet "$(value image)" > /dev/null || give_up "The image $(value image) cannot be pulled."
mapfile -t gpu < <(gpu_options)

# A run keeps its name, job and arguments on the disk, which outlives an eviction: going on with other arguments would spoil it,
# and a deployment in between changes them. train.sh names a new run.
name=$(value run)
if [[ ! -s $work/current.json || (-n $name && $name != "$(jq -r .run "$work/current.json")") ]]; then
  jq --arg run "${name:-$(date -u +%Y%m%dT%H%M%SZ)}" \
    '{run: $run, job: (.job // "train"), runs: (.runs // ""), arguments: (if (.given // "") != "" then .given else .arguments end)}' "$config" > "$work/current.json"
fi
current() { jq -r ".$1" "$work/current.json"; }
run=$(current run) job=$(current job)
read -r -a arguments <<< "$(current arguments)"

if [[ $job == compose ]]; then say "Run $run, joining the members of: $(current runs)"; else say "Run $run, training with: ${arguments[*]}"; fi
tail -n 0 -F "$work/train.log" &   # The journal gets what the container says.
follow=$!
watch &
watcher=$!
trap 'kill "$follow" "$watcher" 2> /dev/null || true' EXIT
status=0
if [[ $job == compose ]]; then
  read -r -a runs <<< "$(current runs)"
  console compose --run "${runs[@]/#/$(value checkpoints)/}" --data "$(value data)" --out "/lentigo/runs/$run" || status=$?
else
  console train --data "$(value data)" --checkpoints "$(value checkpoints)/$run" --out "/lentigo/runs/$run" --resume --device cuda "${arguments[@]}" || status=$?
fi
[[ $status == 0 ]] || give_up "The console ended with exit code $status."
if [[ $job != member ]]; then
  console publish --model "/lentigo/runs/$run" --to "$(value models)" || give_up 'The model could not be published.'
fi

rm -f "$work/current.json"   # The next training is a new run.
mark 'done'
turn_off "run $run is done"
