#!/usr/bin/env bash
# Runs inside the virtual network, as a job of Container Apps: publishes the model package and tries the app out. deploy.sh starts
# it and waits for it. On any other machine inside the network it does the same with these variables:
#
#   LENTIGO_MODEL    package to publish, a folder of models/; none publishes none
#   LENTIGO_MODELS   container of the models
#   LENTIGO_APP      address of the app
#   LENTIGO_KEY      key of the API
set -euo pipefail

die() { echo "operate.sh: $*" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wait=${LENTIGO_WAIT:-15}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
console=${LENTIGO_CONSOLE:-/app/Lentigo.Training.dll}

if [[ $LENTIGO_MODEL != none ]]; then
  # The role that allows it takes up to some minutes to reach the storage account.
  for attempt in $(seq 20); do
    if dotnet "$console" publish --model "$here/models/$LENTIGO_MODEL" --to "$LENTIGO_MODELS"; then break; fi
    ((attempt < 20)) || die "The model $LENTIGO_MODEL could not be published to $LENTIGO_MODELS. Does the job's identity have its role on the container, and does the name resolve to the private endpoint?"
    echo "Not yet; trying again in $wait s."
    sleep "$wait"
  done
fi

for attempt in $(seq 40); do
  status=$(curl -sS --max-time 30 --output "$scratch/health" --write-out '%{http_code}' "$LENTIGO_APP/api/health") || status=000
  case $status in
    200) break ;;
    503) [[ $LENTIGO_MODEL != none ]] || { echo "The app runs and waits for a model: $(cat "$scratch/health")"; exit 0; } ;;
  esac
  ((attempt < 40)) || die "The app at $LENTIGO_APP does not become healthy: its last answer was $status."
  sleep "$wait"
done

# A small plain picture: the answer means nothing, but it must be one.
base64 -d > "$scratch/sample.png" << 'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGM4UWGEFTEMLYkTFUYAzPVggW6qvCUAAAAASUVORK5CYII=
PNG
# The key goes in by standard input: a command line can be read by others.
status=$(curl -sS --max-time 120 --output "$scratch/answer" --write-out '%{http_code}' -H @- -H 'Content-Type: image/png' \
  --data-binary "@$scratch/sample.png" "$LENTIGO_APP/api/predict" <<< "x-functions-key: $LENTIGO_KEY") || status=000
case $status in
  200) ;;
  401) die "The app refuses the key that was deployed with it. Either Entra authentication is on, or the Functions host does not read the keys in /run/secrets/functions-keys: see AzureWebJobsSecretStorageType in infra-bicep/modules/functions-app.bicep." ;;
  *) die "The app is healthy but answers a prediction with $status: $(cat "$scratch/answer")" ;;
esac
jq -e '.probabilities | length == 7' "$scratch/answer" > /dev/null || die "The answer is not one: $(cat "$scratch/answer")"
echo 'The app answers.'
