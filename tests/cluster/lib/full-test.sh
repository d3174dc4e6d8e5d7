# Sourced by the tests on a full cluster, with here=<tests/cluster>: makes the folder $work, which goes when the test ends.
work=$(mktemp -d)
export MLCTL_TEST_CLUSTER=$work/state

clean_up() {
  [ ! -e "$MLCTL_TEST_CLUSTER" ] || "$here/cluster" down || true
  rm -rf "$work"
}
trap clean_up EXIT

# A cluster is up and its variables are set; it goes with $work. Exit 77: there can be none here.
full_cluster() {
  local code=0
  "$here/cluster" up --state "$MLCTL_TEST_CLUSTER" >"$work/env" || code=$?
  [ "$code" -ne 3 ] || { echo "skipped: no full cluster can be had here (see the lines above)"; exit 77; }
  [ "$code" -eq 0 ] || exit 1
  # shellcheck source=/dev/null
  source "$work/env"
}

# static_busybox: $busybox, a shell for images of the test's own. Exit 77: there is none.
static_busybox() {
  busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 ||
    { echo "skipped: no static busybox (Debian: busybox-static)"; exit 77; }
}
