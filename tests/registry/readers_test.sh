#!/usr/bin/env bash
# Other tools read the registry's folders as they lie, and mlctl reads what they wrote: skopeo and oras.
# Exits 77 when neither can be had.
set -euo pipefail
mlctl=${MLCTL_BINARY:?}
. "${MLCTL_SOURCE:?}/tests/registry/oras/build.sh"
oras=$(build_oras) || oras=
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work XDG_CACHE_HOME=$work/cache
die() { echo "failed: $*" >&2; exit 1; }
same() { [ "$1" = "$2" ] || die "$3: '$1' is not '$2'"; }

mkdir model
printf 'apiVersion: mlctl/v1\nkind: Model\nname: credit-risk\n' >model/model.yaml
echo '{"learner": {}}' >model/model.json
head -c 5000000 /dev/zero >model/weights.bin
echo 'print("ready")' >model/serve.py
digest=$("$mlctl" push model --quiet | grep -o 'sha256:[0-9a-f]*')
layout=$work/.mlctl/registry/models/credit-risk
seen=0

if command -v skopeo >/dev/null; then
  seen=1
  skopeo inspect --raw "oci:$layout:v0.0.1" >manifest.json
  same "sha256:$(sha256sum <manifest.json | cut -d ' ' -f 1)" "$digest" "skopeo inspect --raw"
  skopeo copy --quiet --insecure-policy --preserve-digests "oci:$layout:v0.0.1" "dir:$work/artifact"
  cmp manifest.json artifact/manifest.json
  skopeo copy --quiet --insecure-policy --preserve-digests "oci:$layout:image-v0.0.1" "dir:$work/image"
  grep -q "$digest" image/manifest.json || die "the image does not name its model"
  echo "skopeo $(skopeo --version | cut -d ' ' -f 3): inspected and copied"
else
  echo "skipped: no skopeo (Debian: skopeo)"
fi

if [ -n "$oras" ]; then
  seen=1
  "$oras" manifest fetch --oci-layout "$layout:v0.0.1" >manifest.json
  same "sha256:$(sha256sum <manifest.json | cut -d ' ' -f 1)" "$digest" "oras manifest fetch"
  "$oras" discover --oci-layout "$layout:v0.0.1" --format json >referrers.json
  grep -q '"referrers"' referrers.json || die "oras sees no referrers: $(cat referrers.json)"
  "$oras" cp --no-tty --from-oci-layout "$layout:v0.0.1" --to-oci-layout "$work/copied:v0.0.1" >/dev/null
  same "$("$oras" resolve --oci-layout "$work/copied:v0.0.1")" "$digest" "oras cp"

  # What oras pushes, into a layout that mlctl keeps: as a model, and as something else.
  echo '{"descriptor":{},"config":{},"modelfs":{"type":"layers","diffIds":["sha256:'"$(sha256sum <model/model.json | cut -d ' ' -f 1)"'"]}}' >config.json
  (cd model && "$oras" push --oci-layout "$layout:v9.0.0" --artifact-type application/vnd.cncf.model.manifest.v1+json \
    --config ../config.json:application/vnd.cncf.model.config.v1+json \
    model.json:application/vnd.cncf.model.weight.v1.raw >/dev/null)
  "$mlctl" pull credit-risk@v9.0.0 --dir pulled --quiet >/dev/null
  cmp model/model.json pulled/model.json
  "$mlctl" verify credit-risk@v9.0.0 >/dev/null || die "mlctl verify of what oras pushed"
  (cd model && "$oras" push --oci-layout "$layout:v9.0.1" --artifact-type application/vnd.example serve.py >/dev/null)
  if "$mlctl" pull credit-risk@v9.0.1 --dir plain --quiet >out 2>&1; then die "a plain artifact was taken for a model"; fi
  grep -q "not a model's manifest: of another type" out || die "$(cat out)"
  [ ! -e plain ] || die "something was written"
  # After all that the first version is as it was.
  "$mlctl" verify credit-risk@v0.0.1 >/dev/null
  echo "oras $("$oras" version | sed -n 's/^Version: *//p'): fetched, discovered, copied, pushed"
else
  echo "skipped: oras could not be built"
fi
[ "$seen" = 1 ] || exit 77
