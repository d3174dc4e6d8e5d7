#!/usr/bin/env bash
# cosign 3 checks what mlctl signed, and mlctl what cosign signed, by one key, at a registry without and one with the
# referrers API. Building cosign takes minutes, so it is not built here: put it on PATH or name it in MLCTL_TEST_COSIGN
# (go install github.com/sigstore/cosign/v3/cmd/cosign@latest). Exits 77 without it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for servers.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlctl-dev
cosign=${MLCTL_TEST_COSIGN:-$(command -v cosign || true)}
[ -n "$cosign" ] || { echo "skipped: no cosign (set MLCTL_TEST_COSIGN)"; exit 77; }
mlctl=${MLCTL_BINARY:?}
work=$(mktemp -d)
fail() { echo "failed: $*" >&2; exit 1; }
# shellcheck source=lib/servers.sh
source "$here/lib/servers.sh"
trap 'stop_all; rm -rf "$work"' EXIT
build_servers && command -v docker-registry >/dev/null || { echo "skipped: the registries cannot be had here"; exit 77; }
cd "$work"
export HOME=$work XDG_CACHE_HOME=$work/cache COSIGN_PASSWORD='' MLCTL_PLAIN_HTTP=true

for key in release other; do
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $key.key 2>/dev/null
  openssl pkey -in $key.key -pubout -out $key.pub
done
"$cosign" import-key-pair --key release.key --output-key-prefix cosign >/dev/null 2>&1
mkdir -p models/ours models/theirs
for model in ours theirs; do
  printf 'apiVersion: mlctl/v1\nkind: Model\nname: %s\n' $model >models/$model/model.yaml
  echo '{"learner": {}}' >models/$model/model.json
done
digest_of() { "$mlctl" show "$1" -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])'; }
check_by_cosign() { "$cosign" verify --key "$1" --insecure-ignore-tlog=true --allow-http-registry "$2" >out 2>&1; }

for registry in docker-registry crane; do
  if [ $registry = crane ]; then start_crane crane; else start_registry docker-registry docker-registry; fi
  printf 'apiVersion: mlctl/v1\nkind: Project\nregistry: oci://127.0.0.1:%s/models\n' "$port" >mlctl.yaml
  "$mlctl" push ours --version v1.0.0 --quiet >/dev/null
  "$mlctl" sign ours@v1.0.0 --key release.key --quiet >/dev/null
  at=127.0.0.1:$port/models/ours@$(digest_of ours@v1.0.0)
  check_by_cosign release.pub "$at" || fail "$registry: cosign does not accept ours: $(cat out)"
  if check_by_cosign other.pub "$at"; then fail "$registry: cosign accepts it by another key"; fi

  "$mlctl" push theirs --version v1.0.0 --quiet >/dev/null
  if "$mlctl" verify theirs@v1.0.0 --key release.pub >out; then fail "$registry: unsigned, and accepted"; fi
  "$cosign" sign --key cosign.key --yes --tlog-upload=false --use-signing-config=false --allow-http-registry \
    "127.0.0.1:$port/models/theirs@$(digest_of theirs@v1.0.0)" >out 2>&1 || fail "$registry: cosign does not sign: $(cat out)"
  "$mlctl" verify theirs@v1.0.0 --key release.pub >out || fail "$registry: mlctl does not accept cosign's: $(cat out)"
  if "$mlctl" verify theirs@v1.0.0 --key other.pub >out; then fail "$registry: accepted by another key"; fi
  echo "$registry: each accepts the other's, and neither by another key"
  stop_all
done
"$cosign" version 2>/dev/null | sed -n 's/^GitVersion: */cosign /p'
