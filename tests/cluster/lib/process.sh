# shellcheck shell=bash disable=SC2154,SC2034
# Background processes, told apart by pid and start time, so that a pid that was given to somebody
# else since is never signalled. Sourced by `cluster`, which sets state.

# elapsed SINCE: seconds since an EPOCHREALTIME, with one decimal.
elapsed() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# started_at PID: its start time in clock ticks since boot (field 22 of stat; the name before it may
# hold spaces, so count from its closing bracket). Fails when there is no such process or a zombie.
started_at() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] && echo "${fields[19]}"
}

# start NAME COMMAND…: in a session of its own, its output in log/NAME; in the cluster's network namespace where it has
# one (`inside`).
start() {
  local name=$1 pid
  shift
  setsid "${inside[@]}" "$@" >>"$state/log/$name" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(started_at "$pid")" >"$state/pids/$name"
}

# runs NAME: is it still the process that was started?
runs() {
  local pid when
  read -r pid when 2>/dev/null <"$state/pids/$1" || return 1
  [ -n "$when" ] && [ "$(started_at "$pid")" = "$when" ]
}

# stop NAME: asks, waits up to 3 s, ends.
stop() {
  local pid tries
  if runs "$1"; then
    read -r pid _ <"$state/pids/$1"
    kill "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 60; tries++)); do
      runs "$1" || break
      sleep 0.05
    done
    ! runs "$1" || kill -KILL "$pid" 2>/dev/null || true
    while runs "$1"; do sleep 0.02; done
  fi
  rm -f "$state/pids/$1"
}

# wait_until SECONDS NAME COMMAND…: until COMMAND succeeds; fails when the limit is over or NAME died.
wait_until() {
  local limit=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    runs "$name" || return 1
    ((SECONDS < limit)) || return 1
    sleep 0.1
  done
}
