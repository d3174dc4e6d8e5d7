# Python environments of the real parts (the example's server, its training), for sourcing.
# One per lock file and Python, under ${XDG_CACHE_HOME:-~/.cache}/mlctl-dev/python-<hash>: made once,
# then found again without network. Only wheels whose SHA-256 stands in the lock are installed.
#
#   env=$(python_env examples/breast-cancer/requirements.lock) && PATH=$env/bin:$PATH

# The system's Python, so that an environment does not die with a version manager's.
python_env_python() {
  if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi
}

# Prints where the environment of lock file $1 is, whether it exists or not.
python_env_dir() {
  local python key
  [ -r "$1" ] || { echo "python: no lock file $1" >&2; return 1; }
  python=$(python_env_python) || { echo "python3 is missing (Debian: python3 python3-venv)" >&2; return 1; }
  key=$({ cat -- "$1" && "$python" -VV && uname -m; } | sha256sum) || return 1
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/mlctl-dev/python-${key:0:16}"
}

# True when the environment of lock file $1 is there, whole.
python_env_ready() {
  local dir
  dir=$(python_env_dir "$1") && [ -e "$dir/complete" ]
}

# Makes the environment of lock file $1 unless it is there, and prints its folder. Two at once are safe;
# one that was interrupted is made anew.
python_env() {
  local dir
  dir=$(python_env_dir "$1") || return 1
  if ! [ -e "$dir/complete" ]; then
    mkdir -p -- "$(dirname -- "$dir")" || return 1
    (
      flock 9 || exit 1
      [ -e "$dir/complete" ] && exit 0
      echo "python: installing $(grep -c == "$1") packages of $1 into $dir" >&2
      "$(python_env_python)" -m venv --clear -- "$dir" || {
        echo "python: no environment could be made (Debian: python3-venv)" >&2
        exit 1
      }
      "$dir/bin/python" -m pip --quiet --disable-pip-version-check --no-input install --no-deps \
        --only-binary :all: --require-hashes --requirement "$1" || exit 1
      touch -- "$dir/complete"
    ) 9>"$dir.lock" >&2 || return 1
  fi
  echo "$dir"
}
