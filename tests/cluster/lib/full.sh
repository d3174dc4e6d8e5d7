# shellcheck shell=bash disable=SC2154,SC2034
# The full cluster: the light one's parts, controllers, a scheduler, one node with real containers, a registry, a
# gateway and Prometheus, in a network namespace of its own. Sourced by `cluster`, after light.sh.

netns=mlctl-test            # one at a time: the node's containers, mounts and cgroups are the machine's
node_address=10.250.0.1     # of a bridge without ports: neither kubelet nor API server takes a loopback address
pod_range=10.244.0.0/24
service_range=10.96.0.0/16
node_run=/run/mlctl-test    # short: the path of a socket has at most 107 characters
image_registry=127.0.0.1:5000

need_for_full() {
  local program missing=()
  [ "$(id -u)" = 0 ] || die 3 "a cluster with a node needs root: containers, mounts, a network namespace"
  for program in runc ip nft docker-registry prometheus skopeo nsenter; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  [ -x /usr/lib/cni/bridge ] || missing+=("/usr/lib/cni/bridge")
  [ ${#missing[@]} -eq 0 ] ||
    die 3 "missing: ${missing[*]} (Debian: runc containernetworking-plugins iproute2 nftables docker-registry prometheus skopeo)"
  [ ! -e "/run/netns/$netns" ] || die 3 "another full cluster is up: \`cluster down\` it first (network namespace $netns)"
}

make_netns() {
  ip netns add "$netns"
  inside=(nsenter "--net=/run/netns/$netns" --) # `ip netns exec` would hide the cgroups
  "${inside[@]}" sh -ec "
    ip link set lo up
    ip link add node0 type bridge
    ip addr add $node_address/32 dev node0
    ip link set node0 up
    ip route add $service_range dev node0
    sysctl -qw net.ipv4.ip_forward=1"
}

# Who a component is to the API server stands in its certificate: CN the user, O the group.
make_full_pki() {
  make_pki "IP:127.0.0.1,IP:$node_address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc"
  {
    certificate kubelet-server /O=system:nodes/CN=system:node:node1 serverAuth "IP:$node_address,IP:127.0.0.1,DNS:node1"
    certificate kubelet /O=system:nodes/CN=system:node:node1 clientAuth
    certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet clientAuth
    certificate kube-controller-manager /CN=system:kube-controller-manager clientAuth
    certificate kube-scheduler /CN=system:kube-scheduler clientAuth
    openssl rsa -in "$state/pki/service-accounts.key" -pubout -out "$state/pki/service-accounts.pub"
  } 2>"$state/log/openssl"
  rm "$state/log/openssl"
  local name
  for name in admin kubelet kube-controller-manager kube-scheduler; do
    write_kubeconfig https://127.0.0.1:6443 "$name"
  done
}

start_kube-apiserver() {
  local pki=$state/pki
  start kube-apiserver "$assets/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
    --bind-address 0.0.0.0 --advertise-address "$node_address" --secure-port 6443 \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" --client-ca-file "$pki/ca.crt" \
    --kubelet-preferred-address-types InternalIP --kubelet-certificate-authority "$pki/ca.crt" \
    --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$pki/service-accounts.pub" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --service-cluster-ip-range "$service_range" --allow-privileged
}

start_kube-controller-manager() {
  local pki=$state/pki
  start kube-controller-manager "$node_assets/kube" kube-controller-manager --leader-elect=false \
    --kubeconfig "$state/kube-controller-manager.conf" --bind-address 127.0.0.1 --use-service-account-credentials \
    --service-account-private-key-file "$pki/service-accounts.key" --root-ca-file "$pki/ca.crt" \
    --kube-api-qps 500 --kube-api-burst 1000 --service-cluster-ip-range "$service_range" \
    --horizontal-pod-autoscaler-sync-period 5s
}

start_kube-scheduler() {
  start kube-scheduler "$node_assets/kube" kube-scheduler --leader-elect=false --bind-address 127.0.0.1 \
    --kubeconfig "$state/kube-scheduler.conf" --kube-api-qps 500 --kube-api-burst 1000
}

start_registry() {
  cat >"$state/registry.yml" <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $state/registry}, delete: {enabled: true}}
http: {addr: "$image_registry"}
END
  start registry docker-registry serve "$state/registry.yml"
}

start_prometheus() {
  cat >"$state/prometheus.yml" <<END
global: {scrape_interval: 2s}
scrape_configs:
  - job_name: pods
    file_sd_configs: [{files: [$state/pods.json], refresh_interval: 1s}]
  - job_name: gateway
    static_configs: [{targets: ["127.0.0.1:8082"]}]
END
  start prometheus prometheus --config.file "$state/prometheus.yml" --storage.tsdb.path "$state/prometheus" \
    --web.listen-address 0.0.0.0:9090 --log.level warn
}

start_pod-targets() {
  start pod-targets "$here/pod-targets" https://127.0.0.1:6443 "$state/pki" "$state/pods.json"
}

start_traefik() {
  start traefik "$gateway_assets/bin/traefik" --global.checknewversion=false --global.sendanonymoususage=false \
    --entrypoints.web.address=127.0.0.1:8000 --entrypoints.metrics.address=127.0.0.1:8082 \
    --ping --ping.entrypoint=metrics --log.level=INFO \
    --accesslog=true --accesslog.filepath="$state/gateway-failures.log" --accesslog.filters.statuscodes=502-504 \
    --metrics.prometheus --metrics.prometheus.entrypoint=metrics --metrics.prometheus.addserviceslabels=true \
    --providers.kubernetesgateway --providers.kubernetesgateway.endpoint=https://127.0.0.1:6443 \
    --providers.kubernetesgateway.certauthfilepath="$state/pki/ca.crt" \
    --providers.kubernetesgateway.token="$state/traefik.token" \
    --providers.kubernetesgateway.statusaddress.ip=127.0.0.1
}

healthy() { [ "$("${inside[@]}" curl --silent --insecure --noproxy '*' --max-time 2 "https://127.0.0.1:$1/healthz")" = ok ]; }
answers() { "${inside[@]}" curl --silent --fail --noproxy '*' --max-time 2 "$1"; }

control_plane_up() {
  start_etcd 2379 2380
  wait_until 20 etcd answers http://127.0.0.1:2379/health || die 1 "etcd does not answer"
  start_kube-apiserver
  wait_until 90 kube-apiserver apiserver_ready || die 1 "the API server does not get ready"
  start_kube-controller-manager
  start_kube-scheduler
}

# create FILE: everything in it, by the administrator.
create() { KUBECONFIG=$state/admin.conf "${inside[@]}" "$node_assets/kube" kubectl apply --server-side -f "$1"; }

gateway_up() {
  create "$definitions" || return # the gateway's program watches them all
  wait_until 30 kube-apiserver api /apis/gateway.networking.k8s.io/v1/gateways || return
  create "$here/full.yaml" || return
  api /api/v1/namespaces/infra/serviceaccounts/traefik/token -X POST -H 'Content-Type: application/json' \
    --data '{"spec": {"expirationSeconds": 86400}}' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["status"]["token"], end="")' >"$state/traefik.token" || return
  start_traefik
  start_pod-targets
  start_prometheus
  wait_until 60 traefik gateway_programmed || return
  wait_until 20 kube-controller-manager create "$here/prometheus.yaml" || return # the namespace has its account by then
  wait_until 60 prometheus prometheus_proxied
}

prometheus_proxied() { api /api/v1/namespaces/monitoring/services/prometheus:9090/proxy/-/ready >"$state/log/proxied" 2>&1; }

gateway_programmed() {
  api /apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways/public |
    python3 -c 'import json, sys
done = [c for c in json.load(sys.stdin)["status"]["conditions"] if c["type"] == "Programmed" and c["status"] == "True"]
sys.exit(not done)'
}

full_up() {
  make_netns
  make_full_pki >/dev/null
  start_registry
  control_plane_up
  wait_until 20 registry answers "http://$image_registry/v2/" || die 1 "the registry does not answer"
  push_images
  node_up
  gateway_up >"$state/log/gateway" 2>&1 || die 1 "the gateway does not get ready: see $state/log/gateway"
  wait_until 20 kube-controller-manager healthy 10257 || die 1 "the controllers do not get ready"
}

push_images() {
  local name digest
  for name in pause server; do
    "${inside[@]}" skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$image_assets/$name:1" \
      "docker://$image_registry/test/$name:1" || die 1 "image $name could not be pushed"
  done
  digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' \
    "$image_assets/server/index.json")
  echo "$image_registry/test/server@$digest" >"$state/server-image"
  echo "$image_assets/root/server/server" >"$state/server-program"
}

print_full_env() {
  printf 'export MLCTL_TEST_REGISTRY=%q\n' "$image_registry"
  printf 'export MLCTL_TEST_GATEWAY=%q\n' http://127.0.0.1:8000
  printf 'export MLCTL_TEST_PROMETHEUS=%q\n' http://127.0.0.1:9090
  printf 'export MLCTL_TEST_SERVER_IMAGE=%q\n' "$(<"$state/server-image")"
  printf 'export MLCTL_TEST_SERVER_PROGRAM=%q\n' "$(<"$state/server-program")"
}

# Pods first, while there is somebody to end them; then the parts; then what containers leave behind.
full_down() {
  local name mount
  if runs kube-apiserver && runs kubelet; then
    KUBECONFIG=$state/admin.conf timeout 30 "${inside[@]}" "$node_assets/kube" kubectl delete deployments,jobs -A --all \
      --wait=false >/dev/null 2>&1 || true
    KUBECONFIG=$state/admin.conf timeout 40 "${inside[@]}" "$node_assets/kube" kubectl delete pods -A --all \
      --grace-period=1 >/dev/null 2>&1 || true
  fi
  for name in traefik prometheus pod-targets kubelet kube-scheduler kube-controller-manager; do stop "$name"; done
  stop_containers
  stop containerd
  stop registry
  stop_all
  awk -v s="$state" -v r="$node_run" 'index($2, s "/") == 1 || index($2, r "/") == 1 || $2 ~ "^(/var)?/run/netns/cni-" { print $2 }' \
    /proc/mounts | sort -r | while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
  ip netns del "$netns" 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  rm -rf "$node_run"
}
