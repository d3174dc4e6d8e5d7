#!/bin/sh
# Measures gpu-smoke itself on a machine with a GPU: wall times, false alarms, injected faults, sanitizer, and its
# figures beside PyTorch's and nvbandwidth's. One command, about half an hour; the result is one Markdown file.
set -u

usage() {
  cat <<'END'
usage: gpu-smoke/measure.sh [--out DIR] [--runs N] [--trials N] [--quick]

  --out DIR      keep reports and the summary here (default: gpu-smoke/measurements)
  --runs N       healthy runs in a row (default: 20)
  --trials N     injections of each fault (default: 100)
  --quick        2 runs and 5 trials: does this script work here?

Needs nvidia-smi and python3; compute-sanitizer (in PATH or beside nvcc), nvbandwidth and PyTorch are used where they
are. Exit 0: everything was measured and held; 1: something did not hold; 3: no GPU, or no build; 5: what was measured
held, and something was not measured: the summary's last line lists it.
END
}

here=$(cd "$(dirname "$0")" && pwd)
out=$here/measurements
runs=20
trials=100
while [ $# -gt 0 ]; do
  case $1 in
    --out) [ $# -ge 2 ] || { usage >&2; exit 2; }; out=$2; shift ;;
    --runs) [ $# -ge 2 ] || { usage >&2; exit 2; }; runs=$2; shift ;;
    --trials) [ $# -ge 2 ] || { usage >&2; exit 2; }; trials=$2; shift ;;
    --quick) runs=2; trials=5 ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

command -v nvidia-smi >/dev/null && nvidia-smi -L | grep -q GPU || { echo "measure.sh: no GPU here" >&2; exit 3; }
command -v python3 >/dev/null || { echo "measure.sh: python3 is needed" >&2; exit 3; }
mkdir -p "$out" || exit 3
summary=$out/summary.md
bad=0
unmeasured=

say() { printf '%s\n' "$*" | tee -a "$summary"; }
hold() { bad=1; say "**does not hold:** $*"; }
leave_out() { unmeasured="$unmeasured${unmeasured:+; }$*"; }

binary=$("$here/build.sh" --build "$out/build") || exit 3
"$here/build.sh" --faults --build "$out/build-faults" >/dev/null || exit 3

: >"$summary"
say "# gpu-smoke measured"
say ""
nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,pcie.link.gen.max --format=csv,noheader |
  while read -r line; do say "- $line"; done
say "- $("$binary" --version), $(date -u +%Y-%m-%dT%H:%M:%SZ)"

timed() {  # name, arguments: keeps the report, sets code and seconds
  name=$1
  shift
  start=$(date +%s.%N)
  "$binary" --output json "$@" >"$out/$name.json" 2>"$out/$name.err"
  code=$?
  seconds=$(python3 -c 'import sys, time; print("%.2f" % (time.time() - float(sys.argv[1])))' "$start")
}
reason_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["reason"])' "$out/$1.json" 2>/dev/null; }
over() { python3 -c 'import sys; sys.exit(0 if float(sys.argv[1]) > float(sys.argv[2]) else 1)' "$1" "$2"; }

say ""
say "## Wall time"
for level in quick standard; do
  timed "$level" --level "$level"
  say "- $level: $seconds s, exit $code: $(reason_of "$level")"
done
limit() {  # level, seconds
  timed "$1-again" --level "$1"
  over "$seconds" "$2" && hold "$1 took $seconds s, more than $2"
}
limit quick 2
limit standard 30
timed long --level long --duration 60
say "- long, 60 s: $seconds s, exit $code: $(reason_of long)"

say ""
say "## Healthy runs"
alarms=0
i=0
while [ "$i" -lt "$runs" ]; do
  i=$((i + 1))
  timed "run-$i" --history "$out/history"
  [ "$code" -eq 0 ] || { alarms=$((alarms + 1)); say "- run $i: exit $code: $(reason_of "run-$i")"; }
done
say "- $runs runs in a row, $alarms false alarms"
[ "$alarms" -eq 0 ] || hold "a healthy GPU was called something else $alarms times"

say ""
say "## Injected faults"
if "$out/build-faults/gpu-smoke-trials" "$trials" >"$out/trials.txt" 2>&1; then held=yes; else held=no; fi
while read -r line; do say "- $line"; done <"$out/trials.txt"
[ "$held" = yes ] || hold "a fault was missed, or a healthy run was called wrong"
for fault in bit block address alias sustained; do
  GPU_SMOKE_FAULT=$fault "$out/build-faults/gpu-smoke" --output json >"$out/fault-$fault.json" 2>/dev/null
  code=$?
  say "- $fault through the whole program: exit $code: $(reason_of "fault-$fault")"
  [ "$code" -eq 1 ] || hold "$fault was not called unfit"
done

say ""
say "## compute-sanitizer"
find_sanitizer() {  # in PATH, or with the nvcc that built us
  nvcc=$(sed -n 's/^CMAKE_CUDA_COMPILER:[A-Z]*=//p' "$out/build/CMakeCache.txt" 2>/dev/null)
  toolkit=$(dirname "$(dirname "${nvcc:-/usr/local/cuda/bin/nvcc}")")
  for candidate in "$(command -v compute-sanitizer)" "$toolkit/bin/compute-sanitizer" \
                   "$toolkit/compute-sanitizer/compute-sanitizer"; do
    [ -f "$candidate" ] && [ -x "$candidate" ] && { echo "$candidate"; return; }
  done
}
is_clean() {  # a summary is there, and each says 0
  grep -q 'SUMMARY: ' "$1" && ! grep 'SUMMARY: ' "$1" | grep -Eqv 'SUMMARY: 0 (errors|hazards)( |$)'
}
sanitizer=$(find_sanitizer)
if [ -n "$sanitizer" ]; then
  for tool in memcheck racecheck synccheck initcheck; do
    log=$out/sanitizer-$tool.txt
    report=$out/sanitizer-$tool.json
    rm -f "$log"
    "$sanitizer" --tool "$tool" --error-exitcode 99 --log-file "$log" "$binary" --output json --timeout 3600 \
      >"$report" 2>"$out/sanitizer-$tool.err"
    code=$?  # speeds fail under a sanitizer: only its own code counts, and what the report says of exact results
    say "- $tool: $(grep -o '[A-Z]* SUMMARY.*' "$log" 2>/dev/null | tail -1), exit $code"
    [ "$code" -ne 99 ] && [ -f "$log" ] && is_clean "$log" || hold "$tool is not clean"
    wrong=$(python3 -B "$here/measure_report.py" "$report") || hold "under $tool: $wrong"
  done
else
  say "- not run: there is no compute-sanitizer in PATH or beside nvcc"
  leave_out "compute-sanitizer"
fi

say ""
say "## Beside others, in the same minute"
python3 -B "$here/measure_peers.py" "$binary" "$out" >"$out/peers.txt" 2>&1
code=$?
while IFS= read -r line; do
  say "$line"
  case $line in "- not compared: "*) leave_out "${line#- not compared: }" ;; esac
done <"$out/peers.txt"
case $code in
  0|5) ;;
  *) hold "a figure is missing, or further from the others' than allowed" ;;
esac

say ""
if [ "$bad" -ne 0 ]; then
  say "Something does not hold.${unmeasured:+ Not measured: $unmeasured.}"
elif [ -n "$unmeasured" ]; then
  say "What was measured holds. Not measured: $unmeasured."
  bad=5
else
  say "Everything was measured and holds."
fi
echo "$summary"
exit "$bad"
