# Shared by scripts/demo and scripts/test: saying what happens, and installing what is missing.
# Sourced, not run; the caller has set `set -euo pipefail` and root=<the checkout>.

say() { printf '==> %s\n' "$*" >&2; }
die() { printf '✗ %s\n' "$1" >&2; [ -z "${2:-}" ] || printf '\nhint: %s\n' "$2" >&2; exit "${3:-3}"; }

cache_home() { printf '%s/mlctl-dev' "${XDG_CACHE_HOME:-$HOME/.cache}"; }

# packages_for PURPOSE...: the distribution's package names, one a line.
packages_for() {
  local id column=2 purposes="$*"
  id=$(. /etc/os-release && printf '%s' "${ID:-unknown}")
  [ "$id" = ubuntu ] && column=3
  awk -F'\t' -v c="$column" -v wanted=" $purposes " \
    '!/^#/ && index(wanted, " " $1 " ") && $c != "-" { print $c }' "$root/scripts/lib/packages.tsv"
}

# ensure_packages INSTALL(yes|no) PURPOSE...: installs what is missing and says what; with `no` it only checks.
ensure_packages() {
  local install=$1 missing=() package sudo=()
  shift
  command -v dpkg-query >/dev/null || { say "not a Debian or Ubuntu machine: packages are not checked"; return 0; }
  while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done < <(packages_for "$@")
  [ ${#missing[@]} -gt 0 ] || { say "packages: all there"; return 0; }
  [ "$install" = yes ] || die "missing packages: ${missing[*]}" "apt-get install ${missing[*]}"
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  say "installing: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build PRESET TARGET...: configures once, builds.
build() {
  local preset=$1
  shift
  say "building ($preset)"
  (cd "$root" && cmake --preset "$preset" >"$root/build/$preset.configure.log" 2>&1) ||
    { tail -20 "$root/build/$preset.configure.log" >&2; die "configuring failed" "see build/$preset.configure.log"; }
  (cd "$root" && cmake --build --preset "$preset" --target "$@" >&2)
}
