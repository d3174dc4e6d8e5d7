# shellcheck shell=bash disable=SC2154
# The node of a full cluster: containerd, runc and kubelet. Sourced by `cluster`.

write_containerd() {
  mkdir -p "$node_run" "$state/cni" "$state/certs.d/$image_registry"
  cat >"$state/certs.d/$image_registry/hosts.toml" <<END
server = "http://$image_registry"
[host."http://$image_registry"]
  capabilities = ["pull", "resolve"]
END
  cat >"$state/cni/10-pods.conflist" <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
 {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
  "ipam": {"type": "host-local", "dataDir": "$state/addresses", "ranges": [[{"subnet": "$pod_range"}]],
           "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
  # restrict_oom_score_adj: without the capability runc fails to write the score, and the container never starts.
  cat >"$state/containerd.toml" <<END
version = 3
root = "$state/containerd"
state = "$node_run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs"]
[grpc]
  address = "$node_run/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "$image_registry/test/pause:1"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "$state/certs.d"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "$state/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "$node_assets/containerd-shim-runc-v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "$(command -v runc)"
  SystemdCgroup = false
END
}

write_kubelet() {
  cat >"$state/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_address
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $state/pki/kubelet-server.crt
tlsPrivateKeyFile: $state/pki/kubelet-server.key
containerRuntimeEndpoint: unix://$node_run/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0        # neither this nor more files is granted to a container's root
maxOpenFiles: 20000
resolvConf: /dev/null
podLogsDir: $state/podlogs
volumePluginDir: $state/volume-plugins
syncFrequency: 10s
nodeStatusUpdateFrequency: 5s
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
cpuCFSQuota: false    # requests are small, that many models fit two cores; nothing here is about throttling
registryPullQPS: 0
serializeImagePulls: false
END
}

start_containerd() {
  PATH=$node_assets:$PATH start containerd "$node_assets/containerd" -c "$state/containerd.toml"
}

start_kubelet() {
  start kubelet "$node_assets/kube" kubelet --config "$state/kubelet.yaml" --kubeconfig "$state/kubelet.conf" \
    --hostname-override node1 --node-ip "$node_address" --root-dir "$state/kubelet" --cert-dir "$state/kubelet-pki"
}

node_ready() {
  api /api/v1/nodes/node1 | python3 -c 'import json, sys
ready = [c for c in json.load(sys.stdin)["status"]["conditions"] if c["type"] == "Ready" and c["status"] == "True"]
sys.exit(not ready)'
}

node_up() {
  write_containerd
  write_kubelet
  start_containerd
  wait_until 20 containerd test -S "$node_run/containerd.sock" || die 1 "containerd does not start"
  start_kubelet
  wait_until 60 kubelet node_ready || die 1 "the node does not get ready"
}

# Shims outlive containerd; each is told by the socket folder of this node in its arguments.
stop_containers() {
  local process
  for process in /proc/[0-9]*; do
    { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null | grep -q -- "-address $node_run/containerd.sock" || continue
    # The containers of a shim are its children.
    pkill -KILL -P "${process#/proc/}" 2>/dev/null || true
    kill -KILL "${process#/proc/}" 2>/dev/null || true
  done
}
