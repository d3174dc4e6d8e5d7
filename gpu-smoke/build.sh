#!/bin/sh
# Builds gpu-smoke, with the system's CUDA toolkit (12.0 or newer) or, where there is none, with pinned
# wheels in a cache. A second run needs no network.
set -eu

usage() {
  cat <<'END'
usage: gpu-smoke/build.sh [--build DIR] [--copy-to DIR] [--test] [--host-only] [--faults] [--no-install]

  --build DIR     build here (default: gpu-smoke/build)
  --copy-to DIR   put the binary there too, for example beside mlctl
  --test          run the tests
  --host-only     leave out the CUDA part: needs no toolkit, tests the rules
  --faults        can compute wrongly on purpose, and gpu-smoke-trials beside it: for measure.sh, not for nodes
  --no-install    never download the toolkit

exit codes: 0 built; 1 a build or a test failed; 2 usage; 3 no toolkit and none could be had
END
}

here=$(cd "$(dirname "$0")" && pwd)
build=$here/build
copy_to=
test=no
host_only=OFF
faults=OFF
install=yes
while [ $# -gt 0 ]; do
  case $1 in
    --build) [ $# -ge 2 ] || { usage >&2; exit 2; }; build=$2; shift ;;
    --copy-to) [ $# -ge 2 ] || { usage >&2; exit 2; }; copy_to=$2; shift ;;
    --test) test=yes ;;
    --host-only) host_only=ON ;;
    --faults) faults=ON ;;
    --no-install) install=no ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

lock_file=$here/requirements-cuda.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlctl-dev
toolkit=$cache/cuda-$(sha256sum "$lock_file" | cut -c1-16)

recent() {  # is this nvcc 12.0 or newer?
  major=$("$1" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
  [ -n "$major" ] && [ "$major" -ge 12 ]
}

find_nvcc() {
  for candidate in "${CUDACXX:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc \
                   "$toolkit/nvidia/cu13/bin/nvcc"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] && recent "$candidate" && { echo "$candidate"; return 0; }
  done
  return 0
}

give_up() {
  printf 'gpu-smoke: %s\n\nhint: install a CUDA toolkit and set CUDACXX, or build with --host-only\n' "$1" >&2
  exit 3
}

# Into a folder of its own, renamed when whole: an interrupted download leaves nothing to trip over.
install_wheels() {
  [ "$install" = yes ] || give_up "no CUDA toolkit 12 or newer, and --no-install"
  [ "$(uname -sm)" = "Linux x86_64" ] || give_up "no CUDA toolkit; wheels are pinned for Linux x86-64 only"
  echo "installing the CUDA toolkit's wheels (128 MB) into $toolkit" >&2
  mkdir -p "$cache"
  partial=$(mktemp -d "$cache/cuda-partial.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  trap 'exit 130' INT TERM
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes --only-binary=:all: \
    --target "$partial" -r "$lock_file" >&2 || give_up "the CUDA wheels could not be installed"
  mv -T "$partial" "$toolkit" 2>/dev/null || [ -d "$toolkit/nvidia" ] || give_up "$toolkit cannot be written"
}

set -- -DGPU_SMOKE_HOST_ONLY=$host_only -DGPU_SMOKE_FAULTS=$faults
if [ $host_only = OFF ]; then
  nvcc=$(find_nvcc)
  if [ -z "$nvcc" ]; then
    install_wheels
    nvcc=$(find_nvcc)
  fi
  [ -n "$nvcc" ] || give_up "the installed nvcc does not run"
  set -- "$@" "-DCMAKE_CUDA_COMPILER=$nvcc"
fi
command -v ninja >/dev/null && [ ! -e "$build/CMakeCache.txt" ] && set -- "$@" -G Ninja
cmake -S "$here" -B "$build" "$@" >&2 || exit 1
cmake --build "$build" --parallel 2 >&2 || exit 1
if [ $test = yes ]; then
  (cd "$build" && ctest --output-on-failure) >&2 || exit 1
fi
if [ -n "$copy_to" ]; then
  mkdir -p "$copy_to"
  cp "$build/gpu-smoke" "$copy_to/gpu-smoke.new"
  mv "$copy_to/gpu-smoke.new" "$copy_to/gpu-smoke"
  build=$copy_to
fi
echo "$build/gpu-smoke"
