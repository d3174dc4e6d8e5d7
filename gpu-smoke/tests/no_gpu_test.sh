#!/bin/sh
# On a machine without a GPU the real binary exits 3, names the cause, and prints a valid report.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

if [ -e /dev/nvidiactl ]; then
  echo "skipped: this machine has an NVIDIA driver"
  exit 77
fi

run --output json
expect_exit 3
expect_report
if [ "$HOST_ONLY" = ON ]; then
  # Without CUDA in the binary nothing tells a missing driver from a missing NVML.
  expect_cause nvml-absent
else
  expect_cause no-driver
  expect_text '"build": "cuda"'
fi
expect_text '"gpus": \[\]'
expect_silent_stderr

run
expect_exit 3
expect_text '^error  nvml: '
expect_text '^hint: '

label="measure.sh"
sh "$here/../measure.sh" --out "$work/measured" >"$work/stdout" 2>"$work/stderr"
code=$?
expect_exit 3
[ ! -e "$work/measured" ] || complain "it left something behind without a GPU"
sh "$here/../measure.sh" --nonsense >"$work/stdout" 2>"$work/stderr"
code=$?
expect_exit 2

finish
