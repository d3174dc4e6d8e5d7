#!/usr/bin/env bash
# Rollouts on a full cluster: see rollout/story.py.
# usage: rollout_test.sh [--mlserver] MLCTL [SCENARIO…]     --mlserver: also an image with the real MLServer (0.5 GB)
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib/full-test.sh"

mlserver=
[ "$1" != --mlserver ] || { mlserver=yes && shift; }
command -v hey >/dev/null || { echo "skipped: hey, which makes the load, is not installed"; exit 77; }
full_cluster
if [ -n "$mlserver" ]; then
  "$here/mlserver-image" "$work/mlserver"
  "$here/cluster" run skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$work/mlserver:1" \
    "docker://$MLCTL_TEST_REGISTRY/test/mlserver:1"
  MLCTL_TEST_MLSERVER_IMAGE=$MLCTL_TEST_REGISTRY/test/mlserver@$(
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$work/mlserver/index.json")
  export MLCTL_TEST_MLSERVER_IMAGE
fi
"$here/add-definition" "$("$here/cluster" podmonitor)" monitoring.coreos.com/v1 podmonitors
"$here/cluster" run python3 "$here/rollout/story.py" "$1" "$work" "${@:2}"
