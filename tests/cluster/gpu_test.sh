#!/usr/bin/env bash
# mlctl gpu check --cluster on a full cluster: real Jobs, a real kubelet, real logs. The node's GPUs are said to be there (an
# extended resource that anybody may advertise); gpu-smoke is a script that prints a report, and once the real program,
# which finds no driver.
# usage: gpu_test.sh MLCTL [GPU-SMOKE]
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mlctl=$1 gpu_smoke=${2:-}
. "$here/lib/full-test.sh"

fail() {
  echo "FAILED: $1"
  [ ! -e "$work/out" ] || cat "$work/out"
  exit 1
}

static_busybox
full_cluster

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

export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
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
marks() { kubectl get node "$node" -o jsonpath='{.metadata.labels.mlctl\.dev/gpu} {.spec.taints[*].key}' >"$work/out"; }
check 0 "$fit" --mark --quick
says 'not marked, for --quick leaves out most checks'
marks
says '^unfit '
grep -q '"verdict": "fail"' "$work/project/.mlctl/gpu/prod/$node.json" || fail "a quick look has taken the place of what was found"
check 0 "$fit" --mark
marks
says '^fit team$'
grep -q '"verdict": "pass"' "$work/project/.mlctl/gpu/prod/$node.json" || fail "the new report is not kept"
echo "ok   an unfit node is marked, a quick look clears nobody, and a fit one is marked again"

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

# What mlctl says of the room, and what the scheduler makes of it. Only labels are missing: the node has two GPUs.
cat >"$work/project/mlctl.yaml" <<Y
apiVersion: mlctl/v1
kind: Project
runtimes:
  mlserver: {image: "registry.example/mlserver@sha256:$(printf 'a%.0s' {1..64})"}
environments: [{name: prod, cluster: {context: test}, pull: "oci://registry.example/models", node_autoscaling: true}]
Y
mkdir -p "$work/project/models/seg"
cat >"$work/project/models/seg/model.yaml" <<Y
apiVersion: mlctl/v1
kind: Model
name: seg
serving: {autoscale: {min: 3, max: 3}, gpu: {count: 1, memory: 24Gi, arch: ">=8.0"}}
Y
(cd "$work/project" && echo weights >models/seg/weights.bin && git add . && git commit -q -m "A model" && git tag -am v1 seg@v1.0.0 &&
  git tag -am 1 'seg#prod#1')
project() { (cd "$work/project" && "$here/cluster" run "$mlctl" "$@") >"$work/out" 2>&1 || true; }
project diff --env prod
says '3 new pods want 1 GPU each.* and there is no room'
says "$node: it has the taint team=vision"
kubectl taint node "$node" team- >/dev/null
project diff --env prod
says "$node: it has no label nvidia.com/gpu.count"
kubectl label node "$node" nvidia.com/gpu.count=2 nvidia.com/gpu.memory=81559 nvidia.com/gpu.compute.major=9 \
  nvidia.com/gpu.compute.minor=0 >/dev/null
project diff --env prod
says 'there is room for 2'
says "$node: 2 of 2 GPUs free"
(cd "$work/project" && "$here/cluster" run "$mlctl" render --env prod) >"$work/rendered"
no_pods() { for ((i = 0; i < 300; i++)); do [ "$(kubectl get pods -o name | wc -l)" -ne 0 ] || return 0; sleep 0.2; done; }
no_pods  # of the checks before: while they end they hold their GPUs
kubectl apply -f - <"$work/rendered" >/dev/null
placed() { kubectl get pods -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | grep -c . || true; }
unplaced() { kubectl get pods -o jsonpath='{.items[*].status.conditions[?(@.reason=="Unschedulable")].message}'; }
for ((i = 0; i < 150; i++)); do [ -z "$(unplaced)" ] || [ "$(placed)" -lt 2 ] || break; sleep 0.2; done
unplaced >"$work/out"
says 'Insufficient nvidia.com/gpu'
[ "$(placed)" -eq 2 ] || fail "the scheduler has placed $(placed) pods, and not 2"
kubectl delete --wait=false -f - <"$work/rendered" >/dev/null
no_pods
echo "ok   there is room for as many pods as the scheduler finds places for"

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
