# shellcheck shell=bash disable=SC2154,SC2034
# The light cluster: etcd and an API server, no node and no controllers. Objects are validated,
# defaulted and stored as in any cluster, and nothing acts on them. Sourced by `cluster`.

# Objects of mlctl refer to these; every further one costs start-up time.
gateway_kinds="gatewayclasses gateways httproutes"

# free_ports COUNT: below the range from which the kernel serves outgoing connections.
free_ports() {
  local port found=0
  while ((found < $1)); do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      found=$((found + 1))
    fi
  done
}

# certificate NAME SUBJECT USAGE [ALTERNATIVE-NAMES]: signed by the cluster's own authority.
certificate() {
  local pki=$state/pki
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1.key" -subj "$2" |
    openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 -out "$pki/$1.crt" \
      -extfile <(printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=%s\n%s' "$3" "${4:+subjectAltName=$4}")
}

# make_pki ALTERNATIVE-NAMES: of the API server.
make_pki() {
  local pki=$state/pki
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=mlctl-test \
      -keyout "$pki/ca.key" -out "$pki/ca.crt" \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    certificate apiserver /CN=kube-apiserver serverAuth "$1"
    certificate admin /O=system:masters/CN=admin clientAuth # RBAC: O is the group, CN the user
    openssl genrsa -out "$pki/service-accounts.key" 2048
  } 2>"$state/log/openssl"
  rm "$state/log/openssl"
}

# JSON is YAML, and scripts without a YAML parser can read it.
# write_kubeconfig URL [USER]: NAME.conf, with the certificate of that name.
write_kubeconfig() {
  local name=${2:-admin}
  cat >"$state/$name.conf" <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "test",
 "clusters": [{"name": "test", "cluster": {"server": "$1", "certificate-authority": "$state/pki/ca.crt"}}],
 "users": [{"name": "$name", "user": {"client-certificate": "$state/pki/$name.crt", "client-key": "$state/pki/$name.key"}}],
 "contexts": [{"name": "test", "context": {"cluster": "test", "user": "$name"}}]}
END
  echo "$1" >"$state/api"
}

start_etcd() { # CLIENT-PORT PEER-PORT
  start etcd "$assets/etcd" --name test --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://127.0.0.1:$1" --advertise-client-urls "http://127.0.0.1:$1" \
    --listen-peer-urls "http://127.0.0.1:$2" --initial-advertise-peer-urls "http://127.0.0.1:$2" \
    --initial-cluster "test=http://127.0.0.1:$2"
}

# ServiceAccount admission is off because no controller makes the accounts and their tokens.
start_apiserver() { # PORT ETCD-PORT
  local pki=$state/pki
  start kube-apiserver "$assets/kube-apiserver" --etcd-servers "http://127.0.0.1:$2" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$1" --endpoint-reconciler-type none \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --client-ca-file "$pki/ca.crt" --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$pki/service-accounts.key" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --authorization-mode Node,RBAC --disable-admission-plugins ServiceAccount \
    --service-cluster-ip-range 10.96.0.0/16 --allow-privileged
}

# api PATH [CURL-ARGUMENT…]: one request as the administrator; fails on an error status.
api() {
  local path=$1 pki=$state/pki
  shift
  "${inside[@]}" curl --silent --show-error --fail-with-body --noproxy '*' --max-time 60 --cacert "$pki/ca.crt" \
    --cert "$pki/admin.crt" --key "$pki/admin.key" "$(<"$state/api")$path" "$@"
}

apiserver_ready() { [ "$(api /readyz)" = ok ]; }

install_definitions() {
  local kind group=gateway.networking.k8s.io
  for kind in $gateway_kinds; do
    api "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/$kind.$group?fieldManager=mlctl-tests&force=true" \
      -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
      --data-binary "@$definitions/${group}_$kind.yaml" >"$state/log/definitions" || return
  done
  for kind in $gateway_kinds; do
    wait_until 30 kube-apiserver api "/apis/$group/v1/$kind" || return
  done
}

# A port that was free may be taken by the time it is bound: then others are tried.
light_up() {
  local try ports
  make_pki IP:127.0.0.1,DNS:localhost
  for try in 1 2 3; do
    mapfile -t ports < <(free_ports 3)
    start_etcd "${ports[0]}" "${ports[1]}"
    wait_until 20 etcd curl --silent --fail --noproxy '*' "http://127.0.0.1:${ports[0]}/health" && break
    ((try < 3)) || die 1 "etcd does not answer"
    stop etcd
    rm -rf "$state/etcd"
  done
  for try in 1 2 3; do
    write_kubeconfig "https://127.0.0.1:${ports[2]}"
    start_apiserver "${ports[2]}" "${ports[0]}"
    wait_until 90 kube-apiserver apiserver_ready && break
    if ((try == 3)) || runs kube-apiserver; then die 1 "the API server does not get ready"; fi
    mapfile -t ports < <(echo "${ports[0]}" && echo "${ports[1]}" && free_ports 1)
  done
  install_definitions || die 1 "the Gateway API could not be installed"
}

# The API server first, and without waiting for its watches to end: nothing in it is worth keeping.
light_down() { stop_all; }
stop_all() {
  stop kube-apiserver
  stop etcd
}
