#!/usr/bin/env bash
# A real MLServer serves each version as its golden cases say, on loopback only, from an almost empty environment.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/lib/python-env.sh"
lock=$root/examples/breast-cancer/requirements.lock
python_env_ready "$lock" || { echo "skipped: no serving environment (scripts/test makes it)"; exit 77; }
exec "$(python_env_dir "$lock")/bin/python" "$root/tests/examples/breast_cancer_serves.py"
