#!/usr/bin/env bash
# OpenSSF's model_signing (PyPI) and mlctl check each other's signatures of a model's files, and both refuse what is
# not as signed. Keys and certificates are made here by openssl. Exit 77: cannot run here.
set -euo pipefail
root=${MLCTL_SOURCE:?} mlctl=${MLCTL_BINARY:?}
. "$root/scripts/lib/python-env.sh"
lock=$root/tests/registry/model-signing/requirements.lock
"$mlctl" verify --help | grep -q -- --signature || { echo "skipped: this mlctl verifies no folders yet"; exit 77; }
command -v openssl >/dev/null || { echo "skipped: openssl is missing"; exit 77; }
python_env_ready "$lock" || { echo "skipped: model_signing is not installed (scripts/test installs it)"; exit 77; }
peer=$(python_env_dir "$lock")/bin/model_signing
unset MLCTL_SIGNING_KEY MLCTL_SIGNING_CERTIFICATE MLCTL_SIGNING_KEY_PASSPHRASE
work=$(mktemp -d "${TMPDIR:-/tmp}/mlctl-oms.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

checks=0
# expect CODE WHAT COMMAND...
expect() {
  local wanted=$1 what=$2 code=0
  shift 2
  "$@" >out 2>&1 || code=$?
  [ "$code" = "$wanted" ] || { cat out >&2; echo "FAILED: $what: exit $code, expected $wanted" >&2; exit 1; }
  checks=$((checks + 1))
}

new_key() { openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1.key" 2>/dev/null
            openssl pkey -in "$1.key" -pubout -out "$1.pub"; chmod 600 "$1.key"; }
new_key p256 P-256; new_key p384 P-384; new_key p521 P-521; new_key other P-256
new_key ca P-256
openssl req -x509 -new -key ca.key -subj '/CN=Test authority' -days 7 -out ca.pem
openssl req -new -key p256.key -subj '/CN=release' -out release.csr
printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectAltName=email:release@models.example\n' >ext
openssl x509 -req -in release.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 7 -extfile ext -out release.pem 2>/dev/null
cat release.pem ca.pem >chain.pem
# Somebody whom only a certificate between vouches for.
new_key between P-384
openssl req -new -key between.key -subj '/CN=Between' -out between.csr
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' >between.ext
openssl x509 -req -in between.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 7 -extfile between.ext -out between.pem 2>/dev/null
openssl x509 -req -in release.csr -CA between.pem -CAkey between.key -CAcreateserial -days 7 -extfile ext -out far.pem 2>/dev/null
cat far.pem between.pem >far-chain.pem
openssl req -x509 -new -key other.key -subj '/CN=Other authority' -days 7 -out other.pem

# Names whose order by bytes is not their order by path, an empty file, a file of more than one block, links.
mkdir -p m/a m/d
printf 'apiVersion: mlctl/v1\nkind: Project\nmodels: m/model.yaml\n' >mlctl.yaml
printf 'apiVersion: mlctl/v1\nkind: Model\nname: m\n' >m/model.yaml
echo '{"learner": {}}' >m/model.json
for name in a/c 'a!' a+b a.b d/x.txt; do echo "$name" >"m/$name"; done
: >m/empty.txt
head -c 3000000 /dev/zero | tr '\0' 'x' >m/d/large.txt
cp -r m linked && sed -i 's/name: m/name: linked/' linked/model.yaml
ln -s d/x.txt linked/link && ln -s ../a linked/d/folder
printf 'models: "*/model.yaml"\n' >more && sed -i '/^models/d' mlctl.yaml && cat more >>mlctl.yaml
"$mlctl" push m --version v1.0.0 --quiet >/dev/null
"$mlctl" push linked --version v1.0.0 --quiet >/dev/null
"$mlctl" pull m@v1.0.0 --dir good --quiet >/dev/null
"$mlctl" pull linked@v1.0.0 --dir good-linked --quiet >/dev/null

by_peer() { "$peer" verify key --signature "$1" --public_key "$2" "${@:4}" "$3"; }
by_us() { "$mlctl" verify "$3" --signature "$1" --key "$2" "${@:4}"; }
by_peer_certificate() { "$peer" verify certificate --signature "$1" --certificate_chain "$2" "$3"; }
by_us_certificate() { "$mlctl" verify "$3" --signature "$1" --roots "$2" "${@:4}"; }

# Both ways, every kind of key that both know.
for key in p256 p384 p521; do
  expect 0 "sign with $key" "$mlctl" sign m@v1.0.0 --key $key.key --bundle ours-$key.sig
  expect 0 "model_signing verifies ours, $key" by_peer ours-$key.sig $key.pub good
  expect 0 "model_signing signs, $key" "$peer" sign key --signature theirs-$key.sig --private_key $key.key good
  expect 0 "mlctl verifies theirs, $key" by_us theirs-$key.sig $key.pub good
  expect 0 "mlctl verifies its own, $key" by_us ours-$key.sig $key.pub good
done
expect 0 "sign a model with links" "$mlctl" sign linked@v1.0.0 --key p256.key --bundle ours-linked.sig
expect 0 "model_signing verifies ours with links" by_peer ours-linked.sig p256.pub good-linked --allow_symlinks
expect 0 "model_signing signs with links" \
  "$peer" sign key --signature theirs-linked.sig --private_key p256.key --allow_symlinks good-linked
expect 0 "mlctl verifies theirs with links" by_us theirs-linked.sig p256.pub good-linked
expect 0 "sign with a certificate" "$mlctl" sign m@v1.0.0 --key p256.key --certificate chain.pem --bundle ours-x509.sig
expect 0 "model_signing verifies our certificate" by_peer_certificate ours-x509.sig ca.pem good
expect 0 "model_signing signs with a certificate" "$peer" sign certificate --signature theirs-x509.sig \
  --private_key p256.key --signing_certificate release.pem --certificate_chain ca.pem good
expect 0 "mlctl verifies their certificate" by_us_certificate theirs-x509.sig ca.pem good
expect 0 "and who it is" by_us_certificate theirs-x509.sig ca.pem good --identity release@models.example
expect 0 "sign with a certificate between" \
  "$mlctl" sign m@v1.0.0 --key p256.key --certificate far-chain.pem --bundle ours-far.sig
expect 0 "model_signing verifies our certificate between" by_peer_certificate ours-far.sig ca.pem good
expect 0 "model_signing signs with a certificate between" "$peer" sign certificate --signature theirs-far.sig \
  --private_key p256.key --signing_certificate far.pem --certificate_chain between.pem good
expect 0 "mlctl verifies their certificate between" by_us_certificate theirs-far.sig ca.pem good
expect 1 "another authority than that behind the certificate between" by_us_certificate theirs-far.sig other.pem good
expect 1 "somebody else" by_us_certificate theirs-x509.sig ca.pem good --identity other@models.example

# Shards, which only the library writes.
"$(python_env_dir "$lock")/bin/python" - good p256.key <<'PYTHON'
import pathlib, sys
from model_signing import hashing, signing
config = hashing.Config().use_shard_serialization(shard_size=1_000_000)
signing.Config().use_elliptic_key_signer(private_key=pathlib.Path(sys.argv[2])).set_hashing_config(config).sign(
    pathlib.Path(sys.argv[1]), pathlib.Path("theirs-shards.sig"))
PYTHON
expect 0 "mlctl verifies their shards" by_us theirs-shards.sig p256.pub good

# What is not as signed is refused by both, whoever signed.
broken() { rm -rf bad && cp -r good bad; }
for by in ours theirs; do
  sig=$by-p256.sig
  expect 1 "$by: another key, model_signing" by_peer $sig other.pub good
  expect 1 "$by: another key, mlctl" by_us $sig other.pub good
  expect 1 "$by: another authority, model_signing" by_peer_certificate $by-x509.sig other.pem good
  expect 1 "$by: another authority, mlctl" by_us_certificate $by-x509.sig other.pem good
  for what in changed added missing; do
    broken
    case $what in
      changed) echo other >bad/a.b ;;
      added) echo more >bad/more.txt ;;
      missing) rm bad/a/c ;;
    esac
    expect 1 "$by: $what file, model_signing" by_peer $sig p256.pub bad
    expect 1 "$by: $what file, mlctl" by_us $sig p256.pub bad
  done
  "$(python_env_dir "$lock")/bin/python" - $sig <<'PYTHON'
import base64, json, sys
bundle = json.load(open(sys.argv[1]))
envelope = bundle["dsseEnvelope"]
statement = json.loads(base64.b64decode(envelope["payload"]))
statement["subject"][0]["name"] = "another model"
envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
json.dump(bundle, open("retold.sig", "w"))
PYTHON
  expect 1 "$by: a changed statement, model_signing" by_peer retold.sig p256.pub good
  expect 1 "$by: a changed statement, mlctl" by_us retold.sig p256.pub good
  head -c 700 $sig >cut.sig
  by_us cut.sig p256.pub good >out 2>&1 && { echo "FAILED: a cut signature passes mlctl" >&2; exit 1; }
  by_peer cut.sig p256.pub good >out 2>&1 && { echo "FAILED: a cut signature passes model_signing" >&2; exit 1; }
  checks=$((checks + 2))
done
echo one more >>good/d/large.txt
expect 1 "their shards, changed" by_us theirs-shards.sig p256.pub good
echo "$checks checks: model_signing $("$peer" --version | grep -o '[0-9][0-9.]*$') and mlctl agree"
