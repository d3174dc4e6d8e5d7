#!/usr/bin/env bash
# A real API server accepts everything that is rendered: objects by server-side dry run with strict field validation,
# and the pods of each template under restricted pod security. Then what the cluster client needs of it: watches.
# usage: api_server_test.sh DEPLOY_TEST
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
cluster=$(cd "$(dirname "${BASH_SOURCE[0]}")/../cluster" && pwd)
program=$1
work=$(mktemp -d)
export MLCTL_TEST_CLUSTER=$work/state

clean_up() {
  [ ! -e "$MLCTL_TEST_CLUSTER" ] || "$cluster/cluster" down || true
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $1"
  exit 1
}

MLCTL_VARIANTS=$work/rendered "$program" --test-case='variants for a real API server' >"$work/out" ||
  { cat "$work/out"; fail "the variants do not render"; }
count=$(find "$work/rendered" -name '*.yaml' | wc -l)
[ "$count" -ge 15 ] || fail "$count files were rendered"

code=0
"$cluster/cluster" up --light --state "$MLCTL_TEST_CLUSTER" >"$work/env" || code=$?
if [ "$code" -eq 3 ]; then
  echo "skipped: no test cluster can be had here (see the lines above)"
  exit 77
fi
[ "$code" -eq 0 ] || fail "the cluster did not start"
# shellcheck source=/dev/null
source "$work/env"
"$cluster/add-definition" "$("$cluster/cluster" podmonitor)" monitoring.coreos.com/v1 podmonitors ||
  fail "no PodMonitor to be had"

# Models without a tenant go where no policy of ours is: the strictest one must accept them too.
cat >"$work/rendered/default/policy.yaml" <<'END'
apiVersion: v1
kind: Namespace
metadata:
  name: default
  labels:
    pod-security.kubernetes.io/enforce: restricted
END

"$cluster/dry-run" "$work/rendered" >"$work/verdicts" || { cat "$work/verdicts"; fail "the API server refused something"; }
if grep '^warning' "$work/verdicts"; then fail "the API server warns"; fi
for kind in Namespace ResourceQuota ServiceAccount Deployment Service HorizontalPodAutoscaler PodDisruptionBudget HTTPRoute PodMonitor; do
  grep -q "^accepted $kind " "$work/verdicts" || fail "no $kind was asked about"
done
pods=$(grep -c '^accepted Pod of Deployment' "$work/verdicts")
deployments=$(grep -c '^accepted Deployment ' "$work/verdicts")
[ "$pods" -eq "$deployments" ] || fail "$deployments Deployments but $pods pods"

# Lists, watches, bookmarks and a version that is forgotten, as this server has them.
"$program" --no-skip --test-case='a real API server *' >"$work/out" || { cat "$work/out"; fail "a watch"; }
grep -q '2 passed' "$work/out" || { cat "$work/out"; fail "not all of the watches were tested"; }

# The test can fail: a pod that is not restricted is refused in the same namespace.
sed 's/runAsNonRoot: true/runAsNonRoot: false/' "$work/rendered/fraud/cpu.yaml" >"$work/root.yaml"
if "$cluster/dry-run" "$work/root.yaml" >"$work/refused"; then fail "a pod that may run as root was accepted"; fi
grep -q '^refused Pod of Deployment' "$work/refused" || { cat "$work/refused"; fail "something else was refused"; }
echo "accepted: $(grep -c '^accepted' "$work/verdicts") objects and pods of $count files"
