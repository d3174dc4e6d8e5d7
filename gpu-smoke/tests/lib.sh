# Shared by the shell tests: run the binary, look at what it said, and keep going after a failure.
: "${GPU_SMOKE:?path of the binary}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
label=

complain() {
  echo "failed: $label: $1"
  failed=1
}

run() {
  label="gpu-smoke $* (${FAKE_NVML:-no NVML})"
  "$GPU_SMOKE" "$@" >"$work/stdout" 2>"$work/stderr"
  code=$?
}

expect_exit() { [ "$code" -eq "$1" ] || complain "exit $code, expected $1"; }
expect_text() { grep -q -- "$1" "$work/stdout" || complain "no line like: $1"; }
expect_cause() {
  grep -q "^  \"cause\": \"$1\",\$" "$work/stdout" ||
    complain "cause is $(sed -n 's/^  "cause": //p' "$work/stdout"), expected $1"
}
expect_silent_stderr() { [ ! -s "$work/stderr" ] || complain "stderr: $(cat "$work/stderr")"; }

# Valid JSON, as schema.json says, and the exit code in it is the process's.
expect_report() {
  if command -v python3 >/dev/null; then
    python3 "$here/check_schema.py" "$here/../schema.json" "$work/stdout" || complain "the report breaks schema.json"
  else
    echo "skipped: no python3 here to check the report against schema.json"
  fi
  expect_text "^  \"exitCode\": $code,\$"
}

finish() {
  [ "$failed" -eq 0 ] && echo ok
  exit "$failed"
}
