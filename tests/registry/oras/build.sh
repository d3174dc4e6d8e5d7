# shellcheck shell=bash
# oras of the Go module proxy, built once per state of its lock file into the cache. For sourcing: build_oras prints
# the program's path, or fails where there is no Go or no network.
build_oras() {
  local here=$MLCTL_SOURCE/tests/registry/oras cache key program
  cache=${MLCTL_DEV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mlctl-dev}
  key=$(cat "$here"/go.{mod,sum} | sha256sum | cut -c1-16)
  program=$cache/oras-$key/oras
  if [ ! -x "$program" ]; then
    command -v go >/dev/null || { echo "oras needs Go (1.26 or newer)" >&2; return 1; }
    mkdir -p "$cache/oras-$key"
    (cd "$here" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 nice -n 10 \
      go build -trimpath -buildvcs=false -o "$program.$$" oras.land/oras/cmd/oras) >&2 || return 1
    mv "$program.$$" "$program"
  fi
  echo "$program"
}
