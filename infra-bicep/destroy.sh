#!/usr/bin/env bash
# Deletes everything of an environment, back to nothing.
set -euo pipefail

usage() {
  cat << 'TEXT'
Usage: infra-bicep/destroy.sh <environment> [--yes] [--keep-group]

Deletes the resource group rg-lentigo-<environment> (LENTIGO_NAME) with all that is in it: images, answers, models, data sets and logs.
Asks for the name of the group first; --yes skips the question, except for an environment whose storage is locked.
--keep-group removes the lock and what lies outside of the group, and leaves the group itself to someone else, such as azd.
TEXT
}

die() { echo "destroy.sh: $*" >&2; exit 1; }
misuse() { echo "destroy.sh: $*" >&2; usage >&2; exit 2; }

target='' yes=false keep=false
while (($#)); do
  case $1 in
    --yes) yes=true ;;
    --keep-group) keep=true ;;
    -h | --help) usage; exit 0 ;;
    -*) misuse "There is no option $1." ;;
    *) [[ -z $target ]] || misuse "One environment at a time: $target or $1?"; target=$1 ;;
  esac
  shift
done
[[ -n $target ]] || misuse 'Which environment?'
command -v az > /dev/null || die 'az is not installed.'
az account show --output none 2> /dev/null || die 'Sign in first: az login, then az account set --subscription <name>.'
suffix="${LENTIGO_NAME:-lentigo}-$target"
group="rg-$suffix"
exists=$(az group exists --name "$group") || die "Cannot tell whether $group exists; see above. Nothing was deleted."
[[ $exists == true ]] || die "There is no resource group $group in this subscription; nothing to delete."

locks=$(az lock list --resource-group "$group" --query '[].id' --output tsv)
roles=$(az role definition list --custom-role-only true --resource-group "$group" --query "[?contains(roleName, '($suffix, ')].name" --output tsv)
identities=$(az identity list --resource-group "$group" --query '[].principalId' --output tsv)
echo "In $group:"
az resource list --resource-group "$group" --query '[].{type: type, name: name}' --output table
if ! $yes || [[ -n $locks ]]; then
  [[ -z $locks ]] || echo 'The storage is locked against deletion.'
  read -r -p "This cannot be undone. Type $group to delete it: " answer
  [[ $answer == "$group" ]] || die 'Stopped. Nothing was deleted.'
fi

for lock in $locks; do az lock delete --ids "$lock"; done
# Custom roles would outlive the group that they can be assigned in, and a role that is assigned cannot go.
for role in $roles; do
  assignments=$(az role assignment list --all --query "[?ends_with(roleDefinitionId, '$role')].id" --output tsv)
  for assignment in $assignments; do az role assignment delete --ids "$assignment"; done
  az role definition delete --name "$role" --resource-group "$group" --custom-role-only true
done
# What the identities may do elsewhere, as in a Key Vault of yours, would stay as assignments to nobody.
for identity in $identities; do
  assignments=$(az role assignment list --all --query "[?principalId == '$identity' && !contains(scope, '/$group/')].id" --output tsv)
  for assignment in $assignments; do az role assignment delete --ids "$assignment"; done
done
if $keep; then exit 0; fi
az group delete --name "$group" --yes
# Its record would keep azd and people believing that there is something.
az deployment sub delete --name "$suffix" || echo "The record of the deployment $suffix could not be deleted; it costs nothing." >&2
cat << TEXT
$group is gone. What is left of it:
- the workspace of its logs for 14 days, without charge: az monitor log-analytics workspace recover
- with a network of yours: the subnets, and the other side of each peering in network.peers
- with a Key Vault of yours: the certificate and the key
- with Entra authentication or GitHub: the app registrations
TEXT
