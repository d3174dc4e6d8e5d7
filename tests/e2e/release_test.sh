#!/usr/bin/env bash
# The demo's story through the real binary, a real model server and a real git remote: what is good arrives, what is
# slow, wrong or malicious is stopped, and a release that is killed in any step goes on. Exit 77: cannot run here.
set -euo pipefail
root=${MLCTL_SOURCE:?} mlctl=${MLCTL_BINARY:?}
. "$root/scripts/lib/python-env.sh"
. "$root/scripts/lib/story.sh"
python_env_ready "$root/examples/breast-cancer/requirements.lock" ||
  { echo "skipped: the example's model server is not installed (scripts/test installs it)"; exit 77; }
venv=$(python_env_dir "$root/examples/breast-cancer/requirements.lock")
export PATH="$venv/bin:$PATH"
unset GITHUB_REF GITHUB_STEP_SUMMARY
story=$(mktemp -d "${TMPDIR:-/tmp}/mlctl-e2e.XXXXXX")
keep=no
finish() { [ "$keep" = yes ] || rm -rf "$story"; }
trap finish EXIT

checks=0
fail() { keep=yes; printf 'FAILED: %s\n  left in %s\n' "$*" "$story" >&2; exit 1; }
check() { local what=$1; shift; "$@" || fail "$what"; checks=$((checks + 1)); }
# expect CODE WHAT COMMAND...: its output goes to $story/out.
expect() {
  local wanted=$1 what=$2 code=0
  shift 2
  "$@" >"$story/out" 2>&1 || code=$?
  [ "$code" = "$wanted" ] || { cat "$story/out" >&2; fail "$what: exit $code, expected $wanted"; }
  checks=$((checks + 1))
  printf 'ok: %s\n' "$what"
}
said() { grep -qF -- "$1" "$story/out" || { cat "$story/out" >&2; fail "nothing says '$1'"; }; checks=$((checks + 1)); }
refs() { git -C "$story/origin.git" for-each-ref --format='%(refname) %(objectname)'; }
stage_tags() { refs | grep -c 'breast-cancer#'; }
folder() { git -C "$story/origin.git" show "deploy:deploy/$1/models/breast-cancer.yaml"; }
running() { folder "$1" | sed -n '1s/.* \(v[0-9][^ ]*\) .*/\1/p'; }
digest_in() { folder "$1" | grep -o 'sha256:[0-9a-f]*' | head -1; }
# release CODE WHAT ARGUMENT…: a gate that this machine is too busy to decide (5) is asked again, twice at most.
release() {
  local wanted=$1 what=$2 code
  shift 2
  for _ in 1 2 3; do
    code=0
    story_mlctl release "$@" >"$story/out" 2>&1 || code=$?
    [ "$code" -eq 5 ] || break
  done
  [ "$code" -eq "$wanted" ] || { cat "$story/out" >&2; fail "$what: exit $code, expected $wanted"; }
  checks=$((checks + 1))
  printf 'ok: %s\n' "$what"
}
# Processes that work in a release's folder: its model servers.
children() { find /proc/[0-9]*/cwd -lname "$(story_repo)/.mlctl/work/*" 2>/dev/null || true; }
untouched() { git -C "$root" status --porcelain; git -C "$root" for-each-ref; }

"$root/tests/cluster/cluster" build --full >/dev/null 2>&1 || true  # nothing compiles beside what is measured
clone_before=$(untouched)
story_begin

# -- the first version
story_commit v1.0.0
expect 0 "register v1.0.0" story_mlctl register breast-cancer --version v1.0.0
release 0 "v1.0.0 is released" breast-cancer@v1.0.0 --yes --seed 1
check "staging runs v1.0.0" [ "$(running staging)" = v1.0.0 ]
check "prod runs v1.0.0" [ "$(running prod)" = v1.0.0 ]
check "origin has the stage tags" [ "$(stage_tags)" = 2 ]
before=$(refs)
expect 0 "the same release again" story_mlctl release breast-cancer@v1.0.0 --yes --seed 1
check "and it changed nothing" [ "$before" = "$(refs)" ]

# -- a better version, killed in every step
# stop_behind SIGNAL STEP VERSION SEED [in-gate]: runs the release until that step has ended (in-gate: until a model server
# of the next one runs too), then sends the signal. Its exit code is in $stopped.
stop_behind() {
  local signal=$1 step=$2 version=$3 seed=$4 pid line
  coproc RELEASE { exec "$mlctl" --project "$(story_repo)" release "breast-cancer@$version" --yes --seed "$seed" 2>&1; }
  pid=$RELEASE_PID
  exec 9<&"${RELEASE[0]}"
  while IFS= read -r -t 300 line <&9; do
    case $line in *" $step "*) break ;; esac
  done
  if [ "${5:-}" = in-gate ]; then
    for _ in $(seq 300); do [ -z "$(children)" ] || break; sleep 0.1; done
    check "a gate behind $step starts a model server" [ -n "$(children)" ]
  fi
  kill "-$signal" "$pid" 2>/dev/null || true
  stopped=0
  wait "$pid" 2>/dev/null || stopped=$?
  exec 9<&-
  for _ in $(seq 100); do [ -n "$(children)" ] || break; sleep 0.1; done
  check "no model server outlives SIG$signal behind $step" [ -z "$(children)" ]
  # A kill between git's lock and its rename: what comes next says which file a person has to remove.
  find "$story/origin.git/refs" "$(story_repo)/.git/refs" -name '*.lock' -delete
  git -C "$story/origin.git" fsck --strict >/dev/null 2>&1 || fail "origin is damaged after SIG$signal behind $step"
  git -C "$(story_repo)" fsck --strict >/dev/null 2>&1 || fail "the repository is damaged after SIG$signal behind $step"
  story_mlctl verify breast-cancer@v1.0.0 >/dev/null || fail "the registry is damaged after SIG$signal behind $step"
  printf 'ok: SIG%s behind %s: exit %s\n' "$signal" "$step" "$stopped"
  checks=$((checks + 3))
}
story_commit v1.1.0
expect 0 "register v1.1.0" story_mlctl register breast-cancer --version v1.1.0
steps=(resolve push validate 'gate staging' 'render staging' 'assign staging' 'apply staging' 'gate prod' 'render prod' 'assign prod')
stop_behind KILL validate v1.1.0 2 in-gate
check "it died of the signal" [ "$stopped" = 137 ]
killed=0
for step in "${steps[@]}"; do
  stop_behind KILL "$step" v1.1.0 2
  case $stopped in 137) killed=$((killed + 1)) ;; 0) ;; *) fail "SIGKILL behind $step: exit $stopped" ;; esac
done
check "at least half of the kills came in time" [ "$killed" -ge 5 ]
release 0 "v1.1.0 is released after eleven kills" breast-cancer@v1.1.0 --yes --seed 2
said "as in"
check "staging runs v1.1.0" [ "$(running staging)" = v1.1.0 ]
check "prod runs v1.1.0" [ "$(running prod)" = v1.1.0 ]
check "each stage took one number" [ "$(stage_tags)" = 4 ]
check "no model server is left" [ -z "$(children)" ]

# -- what must be stopped
stopped() { # VERSION WHY
  story_commit "$1"
  expect 0 "register $1" story_mlctl register breast-cancer --version "$1"
  release 1 "$1 is stopped" "breast-cancer@$1" --yes --seed 3
  said "$2"
  check "prod still runs v1.1.0" [ "$(running prod)" = v1.1.0 ]
  check "no stage tag for $1" [ "$(stage_tags)" = 4 ]
}
stopped v1.2.0 latency
stopped v1.3.0 accuracy
story_malicious_commit
story_git tag -a breast-cancer@v1.5.0 -m 'from a stranger'
expect 1 "a pickle that would run a command is stopped" story_mlctl release --tag breast-cancer@v1.5.0 --yes
said "validate"
check "nothing ran it" [ ! -e "$story/pickle-was-run" ]

# -- back, and forward again
expect 0 "undo in prod" story_mlctl undo breast-cancer --env prod
check "prod runs v1.0.0 again" [ "$(running prod)" = v1.0.0 ]
check "staging still runs v1.1.0" [ "$(running staging)" = v1.1.0 ]
expect 1 "what was gone back from is not installed again" story_mlctl release breast-cancer@v1.1.0 --yes
story_commit v1.4.0
expect 0 "register v1.4.0" story_mlctl register breast-cancer --version v1.4.0
stop_behind INT validate v1.4.0 4 in-gate
check "Ctrl-C in a gate ends it with 130" [ "$stopped" = 130 ]
interrupted=0
for step in "${steps[@]}"; do
  stop_behind INT "$step" v1.4.0 4
  # The last steps take milliseconds: the release may have ended before the signal came.
  case $stopped in 130) interrupted=$((interrupted + 1)) ;; 0) ;; *) fail "Ctrl-C behind $step: exit $stopped" ;; esac
done
check "Ctrl-C ended at least half of the releases" [ "$interrupted" -ge 5 ]
release 0 "v1.4.0 is released after Ctrl-C in every step" breast-cancer@v1.4.0 --yes --seed 4
check "prod runs v1.4.0" [ "$(running prod)" = v1.4.0 ]
expect 0 "audit finds the chain whole" story_mlctl audit 'breast-cancer#prod'
said "the chain is whole"
git clone -q "$story/origin.git" "$story/clone" && cp -r "$(story_repo)/.mlctl" "$story/clone/"
expect 0 "audit finds it whole in another clone" "$mlctl" --project "$story/clone" audit 'breast-cancer#prod'
git -C "$story/clone" worktree add -q "$story/tampered" deploy
sed -i 's/image: .*/image: example.org\/evil@sha256:0000000000000000000000000000000000000000000000000000000000000000/' \
  "$story/tampered/deploy/prod/models/breast-cancer.yaml"
git -C "$story/tampered" -c user.name=Eve -c user.email=eve@example.org commit -qam 'A small change'
git -C "$story/tampered" push -q "$story/origin.git" HEAD:deploy
expect 1 "audit sees what somebody changed in the folder" story_mlctl audit 'breast-cancer#prod'
said "is not what is assigned"
expect 0 "apply puts it right" story_mlctl apply --env prod --yes
shown=$(story_mlctl show breast-cancer@v1.4.0 -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
check "the folder names the registry's digest" [ "$(digest_in prod)" = "$shown" ]

# -- the rendered objects against a real API server
if cluster=$("$root/tests/cluster/cluster" up --light 2>"$story/cluster.log"); then
  eval "$cluster"
  trap '"$root/tests/cluster/cluster" down >/dev/null 2>&1; finish' EXIT
  story_git fetch -q origin deploy
  story_git worktree add -q "$story/folder" FETCH_HEAD
  expect 0 "a real API server accepts what is in the folder" "$root/tests/cluster/dry-run" "$story/folder/deploy"
else
  echo "skipped: no API server can be had here: $(tail -1 "$story/cluster.log")"
fi

# -- the report in a real browser
report=$(story_repo)/.mlctl/reports/breast-cancer/v1.4.0/report.html
check "there is a report" [ -s "$report" ]
if browser=$(command -v chromium || command -v chromium-browser); then
  "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$story/chromium" --dump-dom "file://$report" >"$story/dom" 2>/dev/null
  check "the page says what was released" grep -q 'breast-cancer' "$story/dom"
  check "the page draws plots" [ "$(grep -o '<svg' "$story/dom" | wc -l)" -ge 3 ]
  check "the page loads nothing from outside" [ -z "$(grep -oE '(src|href)="https?://[^"]*' "$story/dom")" ]
else
  echo "skipped: no Chromium here, the page was not opened"
fi

check "the clone is as it was" [ "$clone_before" = "$(untouched)" ]
check "no model server is left" [ -z "$(children)" ]
echo "$checks checks passed"
