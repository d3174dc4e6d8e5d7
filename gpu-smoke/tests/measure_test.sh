#!/bin/sh
# The whole of measure.sh over stand-ins: a build that replays traces, and the tools that it calls. What must not happen
# is that something was not measured, or did not hold, and it says 0.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

mkdir "$work/gpu-smoke" "$work/bin" "$work/packages"
cp "$here"/../measure.sh "$here"/../measure_peers.py "$here"/../measure_report.py "$work/gpu-smoke"
"$GPU_SMOKE_TESTS" --healthy-trace 1 >"$work/healthy.json"
echo '{"extends": "healthy.json", "set": {"/gpus/0/exactGemms/4/mismatchesCount": 1}}' >"$work/wrong.json"
echo 'raise ImportError("a PyTorch that may be here would measure this machine")' >"$work/packages/torch.py"

stand_in() {  # path: the script is on stdin
  cat >"$1"
  chmod +x "$1"
}
stand_in "$work/gpu-smoke/build.sh" <<'END'
#!/bin/sh
while [ "$1" != --build ]; do shift; done
mkdir -p "$2"
cp "$STAND_IN/smoke" "$2/gpu-smoke"
cp "$STAND_IN/trials" "$2/gpu-smoke-trials"
echo "$2/gpu-smoke"
END
stand_in "$work/smoke" <<'END'
#!/bin/sh
[ "$1" = --version ] && exec "$GPU_SMOKE" --version
exec "$GPU_SMOKE" --fake "$STAND_IN/${GPU_SMOKE_FAULT:+wrong}${GPU_SMOKE_FAULT:-${TRACE:-healthy}}.json" "$@"
END
for fault in bit block address alias sustained; do cp "$work/wrong.json" "$work/wrong$fault.json"; done
printf '#!/bin/sh\necho "every fault was seen"\n' | stand_in "$work/trials"
printf '#!/bin/sh\necho "GPU 0: a stand-in"\n' | stand_in "$work/bin/nvidia-smi"
# Itself, and no version manager's wrapper that takes longer than what it starts.
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(python3 -c 'import sys; print(sys.executable)')" | stand_in "$work/bin/python3"

measure() {  # variables for the stand-ins
  label="measure.sh with $*"
  env "$@" STAND_IN="$work" GPU_SMOKE="$GPU_SMOKE" PATH="$work/bin:$PATH" PYTHONPATH="$work/packages" \
    sh "$work/gpu-smoke/measure.sh" --quick --out "$work/out" >"$work/stdout" 2>"$work/stderr"
  code=$?
  expect_silent_stderr
}

# Only where this machine has none of its own, which would be found.
if ! command -v nvbandwidth >/dev/null && ! command -v compute-sanitizer >/dev/null &&
    [ ! -e /usr/local/cuda/bin/compute-sanitizer ] && [ ! -e /usr/local/cuda/compute-sanitizer ]; then
  measure NO_TOOLS=1
  expect_exit 5
  expect_text '^What was measured holds. Not measured: compute-sanitizer; products: no PyTorch here; bandwidth: no nvbandwidth here.$'
fi

stand_in "$work/bin/nvbandwidth" <<'END'
#!/bin/sh
figure=1500
[ "$3" = host_to_device_memcpy_ce ] && figure=${LINK:-55}
[ "$3" = device_to_host_memcpy_ce ] && figure=54
echo "{\"nvbandwidth\": {\"testcases\": [{\"name\": \"$3\", \"status\": \"Passed\", \"bandwidth_matrix\": [[\"$figure\"]]}]}}"
END
# Beside nvcc, and not in PATH.
mkdir -p "$work/toolkit/bin" "$work/out/build"
echo "CMAKE_CUDA_COMPILER:FILEPATH=$work/toolkit/bin/nvcc" >"$work/out/build/CMakeCache.txt"
stand_in "$work/toolkit/bin/compute-sanitizer" <<'END'
#!/bin/sh
# --tool TOOL --error-exitcode 99 --log-file FILE PROGRAM …
summary="ERROR SUMMARY: 0 errors"
[ "$2" = racecheck ] && summary="RACECHECK SUMMARY: ${HAZARDS:-0} hazards displayed (0 errors, 0 warnings)"
printf '========= COMPUTE-SANITIZER\n========= %s\n' "$summary" >"$6"
shift 6
TRACE=${UNDER_SANITIZER:-healthy} "$@"
END

measure PYTORCH=none
expect_exit 5
expect_text '^- racecheck: RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings), exit 0$'
expect_text '^What was measured holds. Not measured: products: no PyTorch here.$'

measure TRACE=wrong HAZARDS=10 LINK=nothing
expect_exit 1
expect_text '^\*\*does not hold:\*\* a healthy GPU was called something else 2 times$'
expect_text '^\*\*does not hold:\*\* racecheck is not clean$'
expect_text '^\*\*does not hold:\*\* a figure is missing, or further'
expect_text 'hostToDevice GB/s | 55.0 | - |  | nvbandwidth \*\*missing\*\* |$'

measure UNDER_SANITIZER=wrong
expect_exit 1
expect_text '^\*\*does not hold:\*\* under memcheck: GPU 0 exact-bf16: fail$'

finish
