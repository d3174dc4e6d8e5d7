// Pins the release of the Prometheus Operator whose PodMonitor the test cluster can be given. Nothing imports it, so
// `go mod tidy` would take it away; its own dependencies are never fetched.
module mlctl/tests/cluster/monitoring

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
