#!/usr/bin/env bash
# The transcripts in transcripts/, through the real binary, against one real API server; each has namespaces of its own.
# usage: transcripts_test.sh MLCTL
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mlctl=$1
work=$(mktemp -d)
export MLCTL_TEST_CLUSTER=$work/state

fail() {
  echo "FAILED: $1"
  exit 1
}

clean_up() {
  stop_all
  [ ! -e "$MLCTL_TEST_CLUSTER" ] || "$cluster/cluster" down || true
  rm -rf "$work"
}
# Only its start_registry is needed here.
cluster=$here
# shellcheck source=../registry/lib/servers.sh
here=$cluster/../registry cache=$work source "$cluster/../registry/lib/servers.sh"
trap clean_up EXIT

command -v docker-registry >/dev/null || { echo "skipped: docker-registry is not installed"; exit 77; }

code=0
"$cluster/cluster" up --light --state "$MLCTL_TEST_CLUSTER" >"$work/env" || code=$?
if [ "$code" -eq 3 ]; then
  echo "skipped: no test cluster can be had here (see the lines above)"
  exit 77
fi
[ "$code" -eq 0 ] || exit 1
# shellcheck source=/dev/null
source "$work/env"
start_registry pull docker-registry
MLCTL_TEST_PODMONITOR=$("$cluster/cluster" podmonitor)
export MLCTL_TEST_PODMONITOR MLCTL_TEST_REGISTRY=127.0.0.1:$port MLCTL_PLAIN_HTTP=true

failures=0 updated=0
for transcript in "$cluster"/transcripts/*.txt; do
  code=0
  python3 "$cluster/../scripts/run.py" "$mlctl" "$transcript" || code=$?
  case $code in
  0) ;;
  77) updated=1 ;;
  *) failures=$((failures + 1)) ;;
  esac
done
[ "$failures" -eq 0 ] || exit 1
[ "$updated" -eq 0 ] || exit 77
