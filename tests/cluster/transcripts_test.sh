#!/usr/bin/env bash
# The transcripts in transcripts/, through the real binary, against one real API server; each has namespaces of its own.
# usage: transcripts_test.sh MLCTL
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mlctl=$1
work=$(mktemp -d)
export MLCTL_TEST_CLUSTER=$work/state

clean_up() {
  [ ! -e "$MLCTL_TEST_CLUSTER" ] || "$here/cluster" down || true
  rm -rf "$work"
}
trap clean_up EXIT

code=0
"$here/cluster" up --light --state "$MLCTL_TEST_CLUSTER" >"$work/env" || code=$?
if [ "$code" -eq 3 ]; then
  echo "skipped: no test cluster can be had here (see the lines above)"
  exit 77
fi
[ "$code" -eq 0 ] || exit 1
# shellcheck source=/dev/null
source "$work/env"

failures=0 updated=0
for transcript in "$here"/transcripts/*.txt; do
  code=0
  python3 "$here/../scripts/run.py" "$mlctl" "$transcript" || code=$?
  case $code in
  0) ;;
  77) updated=1 ;;
  *) failures=$((failures + 1)) ;;
  esac
done
[ "$failures" -eq 0 ] || exit 1
[ "$updated" -eq 0 ] || exit 77
