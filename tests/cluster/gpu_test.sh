#!/usr/bin/env bash
# mlctl gpu check --cluster on a full cluster: real Jobs, a real kubelet, real logs. The node's GPUs are said to be there (an
# extended resource that anybody may advertise); gpu-smoke is a script that prints a report, and once the real program,
# which finds no driver.
# usage: gpu_test.sh MLCTL [GPU-SMOKE]
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mlctl=$1 gpu_smoke=${2:-}
work=$(mktemp -d)
export MLCTL_TEST_CLUSTER=$work/state

clean_up() {
  [ ! -e "$MLCTL_TEST_CLUSTER" ] || "$here/cluster" down || true
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $1"
  [ ! -e "$work/out" ] || cat "$work/out"
  exit 1
}

busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 ||
  { echo "skipped: no static busybox (Debian: busybox-static)"; exit 77; }
code=0
"$here/cluster" up --state "$MLCTL_TEST_CLUSTER" >"$work/env" || code=$?
if [ "$code" -eq 3 ]; then
  echo "skipped: no full cluster can be had here (see the lines above)"
  exit 77
fi
[ "$code" -eq 0 ] || exit 1
# shellcheck source=/dev/null
source "$work/env"

kubectl() { "$here/cluster" kubectl "$@"; }

# make_image NAME: the folder $work/NAME with a shell, whose /gpu-smoke is started; prints its reference by digest.
make_image() {
  mkdir -p "$work/$1/bin"
  cp "$busybox" "$work/$1/bin/busybox"
  for name in sh cat sleep; do ln -sf busybox "$work/$1/bin/$name"; done
  chmod +x "$work/$1/gpu-smoke"
  "$here/make-image" "$work/$1.oci" "$work/$1" /gpu-smoke
  "$here/cluster" run skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$work/$1.oci:1" \
    "docker://$MLCTL_TEST_REGISTRY/test/gpu-$1:1"
  python3 -c 'import json, sys; print(sys.argv[2] + "@" + json.load(open(sys.argv[1]))["manifests"][0]["digest"])' \
    "$work/$1.oci/index.json" "$MLCTL_TEST_REGISTRY/test/gpu-$1"
}

# reporting NAME VERDICT CODE [SECONDS]: a gpu-smoke that takes so long and says that. It repeats its arguments, as a warning.
reporting() {
  mkdir -p "$work/$1"
  cat >"$work/$1/gpu-smoke" <<S
#!/bin/sh
echo "warning: called with \$*" >&2
sleep ${4:-0.5}  # as a driver's warning comes when it is loaded: the two streams of a log have no order of their own
echo '{"schemaVersion": 1, "host": "h", "verdict": "$2", "checks": [{"name": "nvml", "verdict": "pass"}],
       "gpus": [{"name": "H100", "checks": [{"name": "memory", "verdict": "$2", "reason": "bit 3 is stuck"}]}]}'
exit $3
S
  make_image "$1"
}

# check EXIT-CODE IMAGE ARGUMENT…: what it printed is in $work/out.
check() {
  local expected=$1 image=$2 code=0
  shift 2
  (cd "$work/project" && "$here/cluster" run "$mlctl" gpu check --cluster prod --image "$image" "$@") >"$work/out" 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || fail "exit $code instead of $expected: gpu check --image $image $*"
}
says() { grep -qE -- "$1" "$work/out" || fail "it does not say: $1"; }
no_job_is_left() { [ "$(kubectl get jobs -A -o name | wc -l)" -eq 0 ] || fail "a Job is left"; }

mkdir -p "$work/project"
git -C "$work/project" init -q
cat >"$work/project/mlctl.yaml" <<Y
apiVersion: mlctl/v1
kind: Project
environments: [{name: prod, cluster: {context: test}}]
Y
fit=$(reporting fit pass 0) unfit=$(reporting unfit fail 1) slow=$(reporting slow pass 0 60)

check 2 "$fit"
says 'offers nvidia.com/gpu'

node=$(kubectl get nodes -o jsonpath='{.items[0].metadata.name}')
kubectl patch node "$node" --subresource=status --type=merge \
  -p '{"status": {"capacity": {"nvidia.com/gpu": "2"}, "allocatable": {"nvidia.com/gpu": "2"}}}' >/dev/null
kubectl taint node "$node" team=vision:NoSchedule >/dev/null

check 0 "$fit" --dry-run --quiet
says "matchFields"
kubectl apply --dry-run=server -f - <"$work/out" >/dev/null || fail "the manifest is not one that a server takes"
check 0 "$fit"
says "^$node +2 .* pass"
grep -q '"verdict": "pass"' "$work/project/.mlctl/gpu/prod/$node.json" || fail "no report is kept"
no_job_is_left
echo "ok   a fit node, past its taint"

check 1 "$unfit" --mark -o json
says '"reason": "gpu 0 memory: bit 3 is stuck"'
kubectl get node "$node" -o jsonpath='{.metadata.labels.mlctl\.dev/gpu} {.spec.taints[*].key}' >"$work/out"
says '^unfit .*mlctl.dev/gpu'
says 'team'
check 0 "$fit" --mark --quick
kubectl get node "$node" -o jsonpath='{.metadata.labels.mlctl\.dev/gpu} {.spec.taints[*].key}' >"$work/out"
says '^fit team$'
echo "ok   an unfit node is marked, and a fit one again"

(cd "$work/project" && exec "$here/cluster" run "$mlctl" gpu check --cluster prod --image "$slow") >"$work/out" 2>&1 &
check=$!
for ((i = 0; i < 100; i++)); do [ "$(kubectl get jobs -A -o name | wc -l)" -eq 0 ] || break; sleep 0.2; done
check 3 "$fit"
says 'it is being checked already, since'
code=0
kill -INT "$(pgrep -n -f "gpu check --cluster prod --image $slow")"
wait "$check" || code=$?
[ "$code" -eq 130 ] || fail "Ctrl-C ends it with $code"
no_job_is_left
echo "ok   two checks at once, and Ctrl-C"

if [ -n "$gpu_smoke" ] && [ -x "$gpu_smoke" ]; then
  mkdir -p "$work/real"
  cp "$gpu_smoke" "$work/real/gpu-smoke"
  ldd "$gpu_smoke" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$work/real$(dirname "$library")"
    cp -L "$library" "$work/real$library"
  done
  check 3 "$(make_image real)"
  says "^$node +2 .* error +nvml: libnvidia-ml"
  echo "ok   the real gpu-smoke, where there is no driver"
else
  echo "left out: the real gpu-smoke, which was not built here"
fi
