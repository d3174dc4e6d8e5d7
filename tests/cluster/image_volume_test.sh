#!/usr/bin/env bash
# tests/registry/image_volume_test.sh on a full cluster, with busybox as the image that has a shell.
# usage: image_volume_test.sh        with MLCTL_BINARY
# Exit codes: 0 passed, 1 failed, 77 skipped because the cluster cannot be had here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib/full-test.sh"

static_busybox
full_cluster

mkdir -p "$work/root/bin"
cp "$busybox" "$work/root/bin/busybox"
for name in $(busybox --list); do [ "$name" = busybox ] || ln -s busybox "$work/root/bin/$name"; done
"$here/make-image" "$work/busybox" "$work/root"
"$here/cluster" run skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$work/busybox:1" \
  "docker://$MLCTL_TEST_REGISTRY/test/busybox:1"
digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$work/busybox/index.json")
# The test has a home of its own, in which no cluster was built.
cache=${XDG_CACHE_HOME:-$HOME/.cache}
"$here/cluster" run env KUBECTL="env XDG_CACHE_HOME=$cache $here/cluster kubectl" MLCTL_TEST_IMAGE="$MLCTL_TEST_REGISTRY/test/busybox@$digest" \
  "$here/../registry/image_volume_test.sh"
