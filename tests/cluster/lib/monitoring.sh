# shellcheck shell=bash disable=SC2154
# The definition of the Prometheus Operator's PodMonitor. Sourced by `cluster`, after build.sh. A file of its own, so that a
# change of it builds no API server anew.

operator=github.com/prometheus-operator/prometheus-operator
built_monitoring_hash() { cat "$here"/monitoring/go.{mod,sum} "$here/lib/monitoring.sh" | sha256sum | cut -c1-16; }

fetch_monitoring() {
  run_go monitoring mod download "$operator" >&2 || die 3 "$operator could not be fetched"
  cp "$(run_go monitoring list -m -f '{{.Dir}}' "$operator")"/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml \
    "$1/podmonitors.yaml"
}

print_podmonitor() {
  local root
  root=$cache/cluster-monitoring-$(built_monitoring_hash)
  once crds fetch_monitoring "$root"
  echo "$root/crds/podmonitors.yaml"
}
