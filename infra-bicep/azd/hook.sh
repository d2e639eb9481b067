#!/usr/bin/env bash
# Hooks of azure.yaml: hands over to the scripts that work without the Azure Developer CLI too. azd passes its environment on as variables.
set -euo pipefail

die() { echo "azd: $*" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${AZURE_ENV_NAME:?is set by azd: run azd up}"
environment=$AZURE_ENV_NAME
export LENTIGO_LOCATION=${AZURE_LOCATION:-swedencentral}

case ${1:-} in
  check)
    [[ -f $here/environments/$environment.bicepparam ]] ||
      die "There is no infra-bicep/environments/$environment.bicepparam: name the environment dev or prod (azd env new dev), or copy one of these files."
    # azd has a sign-in of its own; the scripts use that of az.
    az account set --subscription "$AZURE_SUBSCRIPTION_ID" || die 'Sign in to az too: az login. With azd config set auth.useAzCliAuth true, azd uses the same sign-in.'
    ;;
  deploy)
    # azd up is the yes.
    exec "$here/deploy.sh" "$environment" --yes
    ;;
  destroy)
    # Asks for the name of the group. It is left for azd to delete, which asks as well.
    exec "$here/destroy.sh" "$environment" --keep-group
    ;;
  *) die 'There are the hooks check, deploy and destroy.' ;;
esac
