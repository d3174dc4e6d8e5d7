#!/bin/sh
# The real binary over a fake libnvidia-ml.so.1: CUDA finds no driver here, so that no state may pass.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

# README's promises of the file itself: below 8 MB, and nothing but libc and libm is needed. Other configurations and
# sanitizers need more.
label="the binary itself"
if [ "${CONFIGURATION:-}" = Release ]; then
  size=$(wc -c <"$GPU_SMOKE")
  [ "$size" -lt 8000000 ] || complain "$size bytes"
fi
libraries=$(ldd "$GPU_SMOKE" 2>/dev/null | awk '{print $1}')
case $libraries in
  "") echo "skipped: no ldd here that lists the libraries" ;;
  *libasan* | *libtsan* | *libubsan*) ;;
  *)
    for library in $libraries; do
      case $library in
        libc.so.6 | libm.so.6 | linux-vdso.so.1 | */ld-linux*) ;;
        *) complain "it needs $library" ;;
      esac
    done
    ;;
esac

if [ -e /dev/nvidiactl ]; then
  [ "$failed" -eq 0 ] || finish
  echo "skipped: this machine has an NVIDIA driver"
  exit 77
fi

with_nvml() {  # scenario, arguments
  FAKE_NVML=$1
  shift
  export FAKE_NVML
  LD_LIBRARY_PATH=$FAKE_NVML_DIR run "$@"
}
cuda_cause=no-driver
[ "$HOST_ONLY" = ON ] && cuda_cause=host-only-build

for row in "healthy 3 $cuda_cause" "remap-failure 1 row-remap-failure" "recovery 1 recovery-action" \
           "lost 1 gpu-lost" "mismatch 3 driver-mismatch" "not-loaded 3 no-driver"; do
  # shellcheck disable=SC2086
  set -- $row
  with_nvml "$1" --output json
  expect_exit "$2"
  expect_report
  expect_cause "$3"
done

with_nvml hang --output json --timeout 1
expect_exit 3
expect_report
expect_cause timeout

# On a terminal it says what it waits for, and wipes that in the end; --no-progress says nothing.
label="progress on a terminal"
if command -v python3 >/dev/null; then
  on_terminal() {
    FAKE_NVML=hang LD_LIBRARY_PATH=$FAKE_NVML_DIR python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
      sh -c '"$@" >/dev/null' sh "$GPU_SMOKE" --timeout 1 "$@" >"$work/stdout"
  }
  on_terminal
  expect_text '0 s  driver'
  expect_text 'K$'
  on_terminal --no-progress
  [ ! -s "$work/stdout" ] || complain "--no-progress wrote: $(cat "$work/stdout")"
fi

with_nvml remap-failure
expect_exit 1
expect_text '^fail  GPU 0 row-remap: a row remap has failed$'
expect_text '^GPU 0  Fake ?\[31mGPU  GPU-00000000-1111-2222-3333-444444444444  00000000:c1:00$'

# What no machine without a GPU can show: a report with a GPU in it.
label="sample report"
"$GPU_SMOKE_TESTS" --sample-report >"$work/stdout"
code=$?
expect_exit 1
expect_report
expect_text '"mismatchesCount": 0,'

# A trace instead of the machine: a healthy one passes even here, says that it is one, and leaves no history.
label="a replayed trace"
"$GPU_SMOKE_TESTS" --healthy-trace 2 >"$work/pair.json"
run --fake "$work/pair.json" --history "$work/history"
expect_exit 0
expect_text '^replayed from .*: says nothing about this machine$'
expect_text '^0    NVIDIA H100 80GB HBM3  pass     66.0 C  690 W  3000 GB/s  795 TFLOPS$'
[ ! -e "$work/history" ] || complain "a trace became history"
run --fake "$work/none.json"
expect_exit 3
grep -q 'none.json cannot be read' "$work/stderr" || complain "the missing trace is not named"
echo '{"extends": "pair.json", "set": {"/gpus/9/name": "x"}}' >"$work/far.json"
run --fake "$work/far.json"
expect_exit 3
grep -q 'no such place: /gpus/9/name' "$work/stderr" || complain "the wrong place is not named"
echo '{"extends": "self.json"}' >"$work/self.json"
run --fake "$work/self.json"
expect_exit 3
mkdir "$work/broken" && echo '[' >"$work/broken/GPU-1.json"
run --fake "$work/pair.json" --history "$work/broken"
expect_exit 3
grep -q 'GPU-1.json: .*at byte' "$work/stderr" || complain "the broken history is not named"

run --help
expect_exit 0
expect_text '^exit codes:$'
run --version
expect_exit 0
expect_text '^gpu-smoke [0-9]'
run --nonsense
expect_exit 2
[ -s "$work/stdout" ] && complain "a usage error printed to stdout"
grep -q 'unknown argument: --nonsense' "$work/stderr" || complain "the usage error does not name the argument"

if [ -w /dev/full ]; then
  "$GPU_SMOKE" >/dev/full 2>"$work/stderr"
  [ $? -eq 3 ] || complain "a report that could not be written did not exit 3"
  grep -q 'could not be written' "$work/stderr" || complain "a full disk is not named"
fi

finish
