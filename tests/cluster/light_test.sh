#!/usr/bin/env bash
# The light cluster accepts what is right, refuses what is not, and leaves nothing behind.
# Exit codes: 0 passed, 1 failed, 77 skipped because something cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
export MLCTL_TEST_CLUSTER=$work/state
failures=0

clean_up() {
  [ ! -e "$MLCTL_TEST_CLUSTER" ] || "$here/cluster" down || true
  rm -rf "$work"
}
trap clean_up EXIT

# expect WHAT WANTED GOT
expect() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    printf 'FAILED: %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}

# deployment NAME NAMESPACE LINE: an object that restricted pod security lets pass, and one line more in its spec.
deployment() {
  cat <<END
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $1
  namespace: $2
spec:
  $3
  selector:
    matchLabels: {app: $1}
  template:
    metadata:
      labels: {app: $1}
    spec:
      securityContext:
        runAsNonRoot: ${4:-true}
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: server
          image: server@sha256:$(printf '0%.0s' {1..64})
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
END
}

route() { # WEIGHT
  cat <<END
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: route
  namespace: team
spec:
  rules:
    - backendRefs:
        - {name: server, port: 80, weight: $1}
END
}

namespace() {
  cat <<END
apiVersion: v1
kind: Namespace
metadata:
  name: team
  labels:
    pod-security.kubernetes.io/enforce: restricted
END
}

# verdicts FILE: the lines of a dry run without their file names, and its exit code.
verdicts() {
  local code=0
  "$here/dry-run" "$1" >"$work/out" || code=$?
  sed 's/ ([^)]*)//' "$work/out"
  echo "exit $code"
}

code=0
"$here/cluster" up --light --state "$MLCTL_TEST_CLUSTER" >"$work/env" || code=$?
if [ "$code" -eq 3 ]; then
  echo "skipped: no test cluster can be had here (see the lines above)"
  exit 77
fi
[ "$code" -eq 0 ] || exit 1
# shellcheck source=/dev/null
source "$work/env"

{
  namespace
  echo ---
  deployment good team 'replicas: 2'
  echo ---
  route 5
} >"$work/good.yaml"
expect "a namespace, a restricted Deployment, its pod and an HTTPRoute are accepted" \
  "accepted Namespace team
accepted Deployment team/good
accepted Pod of Deployment team/good
accepted HTTPRoute team/route
exit 0" "$(verdicts "$work/good.yaml")"

deployment typo team 'replica: 2' >"$work/typo.yaml"
expect "an unknown field is refused" \
  "refused Deployment team/typo: failed to create typed patch object (team/typo; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema
exit 1" "$(verdicts "$work/typo.yaml")"

deployment root team 'replicas: 1' false >"$work/root.yaml"
expect "a pod that restricted pod security forbids is refused" "refused Pod" \
  "$(verdicts "$work/root.yaml" | grep -o '^refused Pod')"

route 1000001 >"$work/route.yaml"
expect "a weight beyond the Gateway API's range is refused" "refused HTTPRoute team/route" \
  "$(verdicts "$work/route.yaml" | grep -o '^refused HTTPRoute team/route')"

# Asked of the server itself, not by the tool under test.
read -r -a pids < <(cut -d' ' -f1 "$MLCTL_TEST_CLUSTER"/pids/* | paste -sd' ')
answer=$(curl --silent --noproxy '*' --cacert "$MLCTL_TEST_CLUSTER/pki/ca.crt" --cert "$MLCTL_TEST_CLUSTER/pki/admin.crt" \
  --key "$MLCTL_TEST_CLUSTER/pki/admin.key" "$MLCTL_TEST_API/apis/apps/v1/deployments" | tr -d ' \n')
expect "a dry run stores nothing" '"items":[]' "$(grep -o '"items":\[\]' <<<"$answer")"

expect "two processes run" 2 "${#pids[@]}"
"$here/cluster" down
for pid in "${pids[@]}"; do
  name=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true)
  expect "process $pid is gone" "" "$name"
done
expect "the state is removed" "" "$(ls -A "$MLCTL_TEST_CLUSTER" 2>/dev/null || true)"

[ "$failures" -eq 0 ]
