#!/usr/bin/env bash
# The image that `push` makes beside a version, mounted in a real pod: same files, same modes, links that lead somewhere.
# Needs a cluster with a node, and a registry (plain HTTP) that both this script and the node reach, with an image that
# has a shell and sha256sum in it. For example, inside the cluster's network namespace:
#   KUBECONFIG=… MLCTL_TEST_REGISTRY=127.0.0.1:5000 MLCTL_TEST_IMAGE=127.0.0.1:5000/busybox:1 image_volume_test.sh
# Exits 77 without them.
set -euo pipefail
for name in KUBECONFIG MLCTL_TEST_REGISTRY MLCTL_TEST_IMAGE; do
  [ -n "${!name:-}" ] || { echo "skipped: no cluster with a node at hand ($name is not set)"; exit 77; }
done
read -ra kubectl <<<"${KUBECTL:-kubectl}"
mlctl=${MLCTL_BINARY:?}
work=$(mktemp -d)
pod=mlctl-image-volume-$$
clean_up() {
  "${kubectl[@]}" delete pod "$pod" --grace-period=0 --force --ignore-not-found >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
die() { echo "failed: $*" >&2; exit 1; }
cd "$work"
export HOME=$work XDG_CACHE_HOME=$work/cache

mkdir -p models/tiny/tokenizer
printf 'apiVersion: mlctl/v1\nkind: Project\nregistry: oci://%s/mlctl-test\n' "$MLCTL_TEST_REGISTRY" >mlctl.yaml
printf 'apiVersion: mlctl/v1\nkind: Model\nname: tiny\n' >models/tiny/model.yaml
head -c 8000000 /dev/urandom >models/tiny/weights.bin
echo '{"learner": {}}' >models/tiny/model.json
echo hello >models/tiny/tokenizer/vocab.txt
ln -s tokenizer/vocab.txt models/tiny/vocab
printf '#!/bin/sh\necho run\n' >models/tiny/start.sh
chmod 755 models/tiny/start.sh
"$mlctl" push tiny --plain-http --quiet --version v1.0.0
image=$("$mlctl" show tiny@v1.0.0 --plain-http -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["image"])')

cat >pod.json <<END
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "$pod"}, "spec": {"restartPolicy": "Never",
 "volumes": [{"name": "model", "image": {"reference": "$MLCTL_TEST_REGISTRY/mlctl-test/tiny@$image", "pullPolicy": "Always"}}],
 "containers": [{"name": "reader", "image": "$MLCTL_TEST_IMAGE", "volumeMounts": [{"name": "model", "mountPath": "/model"}],
  "command": ["/bin/sh", "-c", "cd /model && find . -type f | sort | xargs sha256sum && readlink vocab && cat vocab && ./start.sh"]}]}}
END
"${kubectl[@]}" apply -f pod.json >/dev/null
"${kubectl[@]}" wait "pod/$pod" --for=jsonpath='{.status.phase}'=Succeeded --timeout=120s >/dev/null ||
  { "${kubectl[@]}" get "pod/$pod" -o json >&2; die "the pod did not end well"; }
"${kubectl[@]}" logs "$pod" >read.txt
(cd models/tiny && find . -type f ! -name model.yaml | LC_ALL=C sort | xargs sha256sum && readlink vocab && cat vocab && ./start.sh) >here.txt
grep -v ' \./model\.yaml$' read.txt | diff here.txt - || die "the pod reads something else"
echo "mounted: $(wc -l <here.txt) lines alike, of $image"
