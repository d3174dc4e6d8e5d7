#!/usr/bin/env bash
# Every source is as clang-format (the pinned one) would write it. Exit 77 when that is not installed.
set -euo pipefail
root=${MLCTL_SOURCE:?}
. "$root/scripts/lib/python-env.sh"
python_env_ready "$root/scripts/tools.lock" || { echo "skipped: clang-format is not installed (scripts/test installs it)"; exit 77; }
tools=$(python_env_dir "$root/scripts/tools.lock")
cd "$root"
mapfile -t sources < <(find base registry validate deploy release cli gpu-smoke tests -name build\* -prune -o \
  \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) -print | sort)
[ ${#sources[@]} -gt 100 ] || { echo "only ${#sources[@]} sources found: this test looks in the wrong place"; exit 1; }
"$tools/bin/clang-format" --dry-run -Werror "${sources[@]}"
echo "${#sources[@]} files are formatted"
