#!/usr/bin/env bash
# The images that `push` makes beside a version, in real pods: mounted as a volume, and run as a modelcar. Same files, same
# modes, links that lead somewhere.
# Needs a cluster with a node, and a registry (plain HTTP) that both this script and the node reach, with an image that
# has a shell and sha256sum in it. For example, inside the cluster's network namespace:
#   KUBECONFIG=… MLCTL_TEST_REGISTRY=127.0.0.1:5000 MLCTL_TEST_IMAGE=127.0.0.1:5000/busybox@sha256:… image_volume_test.sh
# Exits 77 without them.
set -euo pipefail
for name in KUBECONFIG MLCTL_TEST_REGISTRY MLCTL_TEST_IMAGE; do
  [ -n "${!name:-}" ] || { echo "skipped: no cluster with a node at hand ($name is not set)"; exit 77; }
done
read -ra kubectl <<<"${KUBECTL:-kubectl}"
mlctl=${MLCTL_BINARY:?}
work=$(mktemp -d)
pod=mlctl-test-$$
clean_up() {
  "${kubectl[@]}" delete pod "$pod-volume" "$pod-modelcar" --grace-period=0 --force --ignore-not-found >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
die() { echo "failed: $*" >&2; exit 1; }
cd "$work"
export HOME=$work XDG_CACHE_HOME=$work/cache

mkdir -p models/tiny/tokenizer
printf 'apiVersion: mlctl/v1\nkind: Project\nregistry: oci://%s/mlctl-test\n' "$MLCTL_TEST_REGISTRY" >mlctl.yaml
printf 'apiVersion: mlctl/v1\nkind: Model\nname: tiny-%s\n' $$ >models/tiny/model.yaml
head -c 8000000 /dev/urandom >models/tiny/weights.bin
echo '{"learner": {}}' >models/tiny/model.json
echo hello >models/tiny/tokenizer/vocab.txt
ln -s tokenizer/vocab.txt models/tiny/vocab
printf '#!/bin/sh\necho run\n' >models/tiny/start.sh
chmod 755 models/tiny/start.sh
"$mlctl" push "tiny-$$" --plain-http --quiet --version v1.0.0 --modelcar "oci://$MLCTL_TEST_IMAGE"
"$mlctl" show "tiny-$$@v1.0.0" --plain-http -o json >show.json
image=$(python3 -c 'import json; print(json.load(open("show.json"))["image"])')
modelcar=$(python3 -c 'import json; print(json.load(open("show.json"))["modelcars"][0]["digest"])')
read_all='find . -not -type d ! -name model.yaml | LC_ALL=C sort | xargs sha256sum && cat vocab && ./start.sh'
(cd models/tiny && sh -c "$read_all") >here.txt

# read_in KIND SPEC: runs the pod and compares what its container `reader` printed.
read_in() {
  printf '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"}, "spec": %s}\n' "$pod-$1" "$2" >pod.json
  "${kubectl[@]}" apply -f pod.json >/dev/null
  "${kubectl[@]}" wait "pod/$pod-$1" --for=jsonpath='{.status.phase}'=Succeeded --timeout=120s >/dev/null ||
    { "${kubectl[@]}" get "pod/$pod-$1" -o json >&2; die "$1: the pod did not end well"; }
  "${kubectl[@]}" logs "$pod-$1" -c reader | diff here.txt - || die "$1: the pod reads something else"
  echo "$1: $(wc -l <here.txt) lines alike"
}
repository=$MLCTL_TEST_REGISTRY/mlctl-test/tiny-$$
read_in volume '{"restartPolicy": "Never",
  "volumes": [{"name": "model", "image": {"reference": "'"$repository@$image"'", "pullPolicy": "Always"}}],
  "containers": [{"name": "reader", "image": "'"$MLCTL_TEST_IMAGE"'", "volumeMounts": [{"name": "model", "mountPath": "/model"}],
    "command": ["/bin/sh", "-c", "cd /model && readlink vocab >/dev/null && '"$read_all"'"]}]}'
# As KServe puts it into a pod: asked first, then beside the server, which reads through its root.
read_in modelcar '{"restartPolicy": "Never", "shareProcessNamespace": true, "volumes": [{"name": "mnt", "emptyDir": {}}],
  "initContainers": [
    {"name": "modelcar-init", "image": "'"$repository@$modelcar"'",
     "args": ["sh", "-c", "test -d /models && test -n \"$(ls -A /models)\""]},
    {"name": "modelcar", "restartPolicy": "Always", "image": "'"$repository@$modelcar"'",
     "args": ["sh", "-c", "ln -sf /proc/$$$$/root/models /mnt/models && sleep 600"],
     "volumeMounts": [{"name": "mnt", "mountPath": "/mnt"}]}],
  "containers": [{"name": "reader", "image": "'"$MLCTL_TEST_IMAGE"'", "volumeMounts": [{"name": "mnt", "mountPath": "/mnt"}],
    "command": ["/bin/sh", "-c",
      "for i in $(seq 60); do [ -e /mnt/models/ ] && break; sleep 1; done; cd /mnt/models/ && '"$read_all"'"]}]}'
