#!/usr/bin/env bash
# The committed versions are what train.py makes, and each is as good, as bad and as slow as README.md says.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/scripts/lib/python-env.sh"
lock=$root/examples/breast-cancer/train.lock
python_env_ready "$lock" || { echo "skipped: no training environment (scripts/test makes it)"; exit 77; }
exec "$(python_env_dir "$lock")/bin/python" "$root/examples/breast-cancer/train.py" --check
