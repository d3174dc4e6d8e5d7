#!/usr/bin/env bash
# The chain with a team's registry: register, release with gate and signature, assign, verify by policy, audit, undo, all
# against docker-registry on loopback. No registry of our own may appear on the disk. Exits 77 without docker-registry.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for servers.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlctl-dev
mlctl=${MLCTL_BINARY:?}
command -v docker-registry >/dev/null || { echo "skipped: docker-registry is not installed (scripts/test installs it)"; exit 77; }
work=$(mktemp -d)
fail() {
  echo "failed: $*" >&2
  cat "$work/said" >&2 2>/dev/null || true
  exit 1
}
# shellcheck source=lib/servers.sh
source "$here/lib/servers.sh"
trap 'stop_all; rm -rf "$work"' EXIT
# expect EXIT COMMAND…: what it prints is in $work/said.
expect() {
  local wanted=$1 got=0
  shift
  "$@" >"$work/said" 2>&1 </dev/null || got=$?
  [ "$got" = "$wanted" ] || fail "$*: exit $got, not $wanted"
}
said() { grep -qF -- "$1" "$work/said" || fail "nothing says '$1'"; }

start_registry docker-registry docker-registry
mkdir -p "$work/p/models/m"
cd "$work/p"
export HOME=$work XDG_CACHE_HOME=$work/cache MLCTL_PLAIN_HTTP=true
git config --global user.name Ada
git config --global user.email ada@bank.example
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/release.key" 2>/dev/null
openssl pkey -in "$work/release.key" -pubout -out release.pem
cat >mlctl.yaml <<END
apiVersion: mlctl/v1
kind: Project
registry: oci://127.0.0.1:$port/team
trust: {keys: [release.pem]}
runtimes:
  mlserver: {image: "registry.example/mlserver@sha256:$(printf '%064d' 1)"}
environments:
  - name: staging
    gitops: {path: deploy/staging, branch: deploy}
    pull: oci://127.0.0.1:$port/team
    requires: [gate, signature]
END
cat >models/m/model.yaml <<'END'
apiVersion: mlctl/v1
kind: Model
name: m
files: [model.ubj, serve.py]
serving: {local: {command: [python3, serve.py, "{port}", good], ready: /ready}}
gate: {parity: {cases: golden.json, tolerance: {absolute: 1e-6}}}
END
cat >models/m/golden.json <<'END'
{"schemaVersion": 1, "protocol": "oip-v2", "model": "m", "cases": [
  {"name": "even", "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0, 0]}],
   "outputs": [{"name": "y", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}]}]}
END
example=${MLCTL_SOURCE:?}/examples/breast-cancer/versions
cp "$example/v1.0.0/model.ubj" models/m/
cp "$MLCTL_SOURCE/tests/validate/fake_server.py" models/m/serve.py
echo /.mlctl/ >.gitignore
git init -q -b main .
git add . && git commit -qm one

expect 0 "$mlctl" register m --version v1.0.0
expect 1 "$mlctl" assign m@v1.0.0 staging
said "requires a signature"
export MLCTL_SIGNING_KEY=$work/release.key
expect 0 "$mlctl" release m@v1.0.0 --yes --seed 1
said "in the registry already"
cp "$example/v1.1.0/model.ubj" models/m/ && git commit -qam two
expect 0 "$mlctl" register m --version v1.1.0
expect 0 "$mlctl" release m@v1.1.0 --yes --seed 1
expect 0 "$mlctl" release m@v1.1.0 --yes --seed 1 # again: nothing is measured or written anew
unset MLCTL_SIGNING_KEY
expect 0 "$mlctl" verify 'm#staging'
said "signed, by the trust of mlctl.yaml"
expect 0 "$mlctl" audit 'm#staging'
said "valid, by key"
expect 0 "$mlctl" compare 'm@v1.0.0' '@v1.0.0'
expect 1 "$mlctl" compare 'm@v1.0.0' '@v1.1.0'
git show deploy:deploy/staging >"$work/said" || fail "nothing was committed to the branch"
git grep -q "127.0.0.1:$port/team/m@sha256:" deploy -- deploy/staging || fail "the pods would pull from elsewhere"
expect 0 "$mlctl" undo m --env staging --yes
expect 0 "$mlctl" verify 'm#staging'
said v1.0.0
# Another checkout, with nothing of ours on its disk: signed evidence counts there too.
git clone -q . "$work/other"
cd "$work/other"
expect 0 "$mlctl" verify m@v1.1.0 --env staging
expect 0 "$mlctl" pull m@v1.1.0 --dir out
cmp "$example/v1.1.0/model.ubj" out/model.ubj
cd "$work/p"
[ -z "$(git status --porcelain)" ] || fail "the checkout was changed: $(git status --porcelain)"
[ -z "$(find . "$work/other" -name oci-layout)" ] || fail "a registry on the disk: $(find . -name oci-layout)"
echo "the chain ran against a registry behind a network"
