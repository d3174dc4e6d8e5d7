#!/usr/bin/env python3
"""Registries that lie, stall, escape and flood: mlctl says clearly what is wrong, in bounded time and memory, and writes
nothing outside its folder.

usage: hostile_registry.py [--only SUBSTRING]

MLCTL_BINARY names the binary. One version is pushed into a registry on disk; a read-only registry on loopback serves it,
and each case changes something about the answers.
"""
import argparse
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

LIMIT_S = 45
MEMORY_MB = 150
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODEL, VERSION = "victim", "v1.0.0"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Answer:
    def __init__(self, status=200, body=b"", headers=None, length=None, stream=None):
        self.status, self.body, self.headers = status, body, headers or {}
        self.length = length  # what Content-Length says, when it lies
        self.stream = stream  # pieces, without a length


class Registry:
    """What an OCI layout holds, with a case's changes; remembers what it was asked."""

    def __init__(self, layout):
        self.layout = layout
        index = json.loads((layout / "index.json").read_text())
        self.tags = {one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"]
                     for one in index["manifests"] if "org.opencontainers.image.ref.name" in one.get("annotations", {})}
        self.reset()

    def reset(self):
        self.extra, self.retagged, self.change, self.seen = {}, {}, None, []

    def blob(self, digest):
        if digest in self.extra:
            return self.extra[digest]
        path = self.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
        return path.read_bytes() if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) and path.exists() else None

    def manifest(self):
        return json.loads(self.blob(self.tags[VERSION]))

    def put(self, data):
        self.extra[sha256(data)] = data
        return {"digest": sha256(data), "size": len(data)}

    def serve_manifest(self, value):
        """The version's tag leads to this manifest."""
        self.retagged[VERSION] = self.put(value if isinstance(value, bytes) else json.dumps(value).encode())["digest"]

    def answer(self, method, path, headers):
        self.seen.append((method, path, dict(headers)))
        changed = self.change(method, path, headers) if self.change else None
        if changed is not None:
            return changed
        if path == "/v2/":
            return Answer(body=b"{}")
        found = re.fullmatch(r"/v2/models/%s/(manifests|blobs|tags|referrers)/([^?]+)(\?.*)?" % MODEL, path)
        if not found:
            return Answer(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository"}]}')
        kind, what = found[1], found[2]
        if kind == "tags":
            return Answer(body=json.dumps({"name": "models/" + MODEL, "tags": sorted(self.tags)}).encode())
        if kind == "referrers":
            return Answer(body=json.dumps({"schemaVersion": 2, "manifests": []}).encode())
        digest = self.retagged.get(what, self.tags.get(what, what))
        data = self.blob(digest)
        if data is None:
            return Answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"nothing there"}]}')
        headers = {"Docker-Content-Digest": digest}
        if kind == "manifests":
            headers["Content-Type"] = MANIFEST
        return Answer(body=data, headers=headers)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        answer = self.server.registry.answer(self.command, self.path, self.headers)
        try:
            self.send(answer)
        except OSError:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET

    def send(self, answer):
        body = answer.body
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted and answer.status == 200 and answer.stream is None and answer.length is None and body:
            first, last = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
            answer.status, answer.headers = 206, dict(answer.headers)
            answer.headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, len(body))
            body = body[first:last + 1]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.stream is None or answer.length is not None:
            self.send_header("Content-Length", str(len(body) if answer.length is None else answer.length))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body)
        for piece in answer.stream or ():
            self.wfile.write(piece)
        if answer.length is not None and answer.length != len(body):
            self.close_connection = True


def serve(registry):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.registry = registry
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


# The cases. Each gets the world, changes its registry, and gives (command, exit codes, pattern of the message).
PULL = ["pull", "%s@%s" % (MODEL, VERSION), "--dir", "out"]
VERIFY = ["verify", "%s@%s" % (MODEL, VERSION)]
LIST = ["list", MODEL]
CASES = []


def case(name):
    def keep(function):
        CASES.append((name, function))
        return function
    return keep


def on(pattern, answer):
    """A change: requests whose path matches are answered so (a value or a function of method, path, headers)."""
    def change(method, path, headers):
        if not re.search(pattern, path):
            return None
        return answer(method, path, headers) if callable(answer) else answer
    return change


def flood(megabytes, byte=b" "):
    return (byte * (1 << 20) for _ in range(megabytes))


@case("a manifest of 100 MB, its length told")
def _(world):
    world.registry.change = on("/manifests/", lambda *_: Answer(length=100 << 20, stream=flood(100)))
    return PULL, (3,), "too large|larger|more than"


@case("a manifest of 100 MB, its length not told")
def _(world):
    world.registry.change = on("/manifests/", lambda *_: Answer(stream=flood(100)))
    return PULL, (3,), "too large|larger|more than"


@case("a manifest that is not what its digest says")
def _(world):
    digest = world.registry.tags[VERSION]
    world.registry.change = on("/manifests/", Answer(body=b'{"schemaVersion":2}', headers={
        "Content-Type": MANIFEST, "Docker-Content-Digest": digest}))
    return PULL, (1, 3), "digest"


@case("a manifest that is no JSON")
def _(world):
    world.registry.serve_manifest(b"\x00\x01\x02")
    return PULL, (1, 2, 3), "manifest|JSON|literal|invalid"


@case("a manifest nested 200,000 deep")
def _(world):
    world.registry.serve_manifest(b'{"layers":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    return PULL, (1, 2, 3), "deep|nest|manifest"


@case("layers that say they hold 2^63 bytes")
def _(world):
    manifest = world.registry.manifest()
    manifest["layers"][0]["size"] = (1 << 63) - 1
    world.registry.serve_manifest(manifest)
    return PULL, (1, 2, 3), "layer|manifest|size|bytes|descriptor"


def with_path(world, path):
    """The version's first file is called so, wherever a reader may look for names."""
    manifest = world.registry.manifest()
    for layer in manifest["layers"]:
        notes = layer["annotations"]
        if "dev.mlctl.files" in notes:
            files = json.loads(notes["dev.mlctl.files"])
            entry = files[0]
            entry["path" if "path" in entry else "name"] = path
            notes["dev.mlctl.files"] = json.dumps(files)
        notes["org.cncf.model.filepath"] = path
    world.registry.serve_manifest(manifest)
    return PULL, (1, 2, 3), "path|manifest|escape|model may have"


for bad in ("../escaped", "/tmp/mlctl-hostile-escaped", "a/../../escaped", "a//b", "./a", "a\\..\\b", "\u001b[31mred",
            "a/.wh.b", "x" * 300):
    CASES.append(("a file called %r" % bad[:30], lambda world, bad=bad: with_path(world, bad)))


def foreign_layer(world, data, kind="tar", **annotations):
    """The version is one layer as other tools write it."""
    manifest = world.registry.manifest()
    descriptor = dict(world.registry.put(data), mediaType="application/vnd.cncf.model.weight.v1." + kind)
    descriptor["annotations"] = {"org.cncf.model.filepath": "weights.bin", **annotations}
    manifest["layers"] = [descriptor]
    world.registry.serve_manifest(manifest)


def tar_of(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, target in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target if kind != tarfile.REGTYPE else ""
            data = target.encode() if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


for title, entries in {
    "a tar whose file escapes": [("../escaped", tarfile.REGTYPE, "x")],
    "a tar with an absolute path": [("/tmp/mlctl-hostile-escaped", tarfile.REGTYPE, "x")],
    "a tar with a link that leaves and a file through it": [("out", tarfile.SYMTYPE, "../.."),
                                                           ("out/escaped", tarfile.REGTYPE, "x")],
    "a tar with a hard link to outside": [("h", tarfile.LNKTYPE, "../../etc/passwd")],
    "a tar with a device": [("null", tarfile.CHRTYPE, "")],
    "a tar with a FIFO": [("fifo", tarfile.FIFOTYPE, "")],
    "a tar with the same name twice": [("weights.bin", tarfile.REGTYPE, "a"), ("weights.bin", tarfile.REGTYPE, "b")],
    "a tar whose file is also a folder": [("a", tarfile.REGTYPE, "a"), ("a/b", tarfile.REGTYPE, "b")],
}.items():
    def foreign_tar(world, entries=entries):
        foreign_layer(world, tar_of(*entries))
        return PULL, (1, 2, 3), "weights.bin|escaped|link|device|fifo|twice|path|folder|tar|layer"
    CASES.append((title, foreign_tar))


@case("a gzip bomb: 2 GiB of zeros")
def _(world):
    out = io.BytesIO()
    info = tarfile.TarInfo("weights.bin")
    info.size = 2 << 30
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        packed.write(info.tobuf())
        for piece in flood(64, b"\0"):
            packed.write(piece)
    data = out.getvalue() + gzip.compress(b"\0" * (1 << 20), 1) * 1984
    foreign_layer(world, data, "tar+gzip")
    return PULL, (1, 2, 3), "too large|bomb|more than|times|layer|expand|ratio"


@case("a tar that ends in the middle")
def _(world):
    foreign_layer(world, tar_of(("weights.bin", tarfile.REGTYPE, "x" * 5000))[:2000])
    return PULL, (1, 2, 3), "tar|layer|end|fewer|truncated"


@case("a blob of the right length and other bytes")
def _(world):
    def wrong(method, path, headers):
        data = world.registry.blob(path.rsplit("/", 1)[-1])
        return Answer(body=bytes(len(data))) if data and len(data) > 4096 else None
    world.registry.change = on("/blobs/", wrong)
    return PULL, (1, 3), "digest|as the manifest says"


@case("a blob that is spoilt once on the way is fetched again")
def _(world):
    spoilt = set()
    def wrong(method, path, headers):
        data = world.registry.blob(path.rsplit("/", 1)[-1])
        if method == "HEAD" or not data or path in spoilt:
            return None
        spoilt.add(path)
        return Answer(body=bytes(len(data)))
    world.registry.change = on("/(blobs|manifests)/", wrong)
    return PULL, (0,), "v1.0.0"


@case("a blob that never ends")
def _(world):
    world.registry.change = on("/blobs/", lambda *_: Answer(stream=flood(1000, b"x")))
    return PULL, (1, 3), "digest|more|too large|manifest says|range"


@case("a blob that is gone")
def _(world):
    world.registry.change = on("/blobs/", Answer(404, b"{}"))
    return PULL, (1, 3), "gone|not there|no such|404"


@case("ranges other than those asked for")
def _(world):
    def wrong(method, path, headers):
        data = world.registry.blob(path.rsplit("/", 1)[-1])
        if method == "HEAD" or data is None:
            return None
        return Answer(206, data[:100], {"Content-Range": "bytes 0-99/%d" % len(data)})
    world.registry.change = on("/blobs/", wrong)
    return PULL, (1, 3), "another part"


@case("a redirect to file:")
def _(world):
    world.registry.change = on("/blobs/", Answer(307, b"", {"Location": "file:///etc/passwd"}))
    return PULL, (1, 3), "redirect|file:"


@case("a redirect that goes round")
def _(world):
    world.registry.change = on("/blobs/", lambda method, path, _: Answer(307, b"", {"Location": path}))
    return PULL, (1, 3), "redirect"


@case("an error text with control characters")
def _(world):
    def refuse(method, path, headers):
        return None if method == "HEAD" else Answer(400, b'{"errors":[{"code":"X","message":"\\u001b[2Jgone\\u0007"}]}')
    world.registry.change = on("/(manifests|blobs)/", refuse)
    return PULL, (1, 2, 3), "gone"


@case("Retry-After: a year")
def _(world):
    world.registry.change = on("/manifests/", Answer(429, b"{}", {"Retry-After": "31536000"}))
    return PULL, (3,), "it asks not to be asked for .*: run the command again then"


@case("pages of tags without end")
def _(world):
    def page(method, path, headers):
        number = int((re.search(r"last=(\d+)", path) or [0, 0])[1]) + 1
        return Answer(body=json.dumps({"name": "x", "tags": ["t%d" % number]}).encode(), headers={
            "Link": '</v2/models/%s/tags/list?n=1&last=%d>; rel="next"' % (MODEL, number)})
    world.registry.change = on("/tags/list", page)
    return LIST, (3,), "pages|tags|too many|more than"


@case("a page of tags of 100 MB")
def _(world):
    world.registry.change = on("/tags/list", lambda *_: Answer(stream=flood(100)))
    return LIST, (3,), "too large|larger|more than"


@case("tags that are no versions, with control characters")
def _(world):
    tags = [VERSION, "\u001b[31mred", "latest", "image-v9", "../x", "v1.0", ""]
    world.registry.change = on("/tags/list", Answer(body=json.dumps({"name": "x", "tags": tags}).encode()))
    return LIST, (0,), "v1.0.0"


@case("evidence that cannot be asked for is not no evidence")
def _(world):
    world.registry.change = on("/referrers/", Answer(500, b"{}"))
    return VERIFY, (1, 3), "500|referrers|evidence"


@case("a challenge with a realm that is a file")
def _(world):
    world.registry.change = on("", Answer(401, b"{}", {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}))
    return PULL, (3, 4), "realm|token|login|credentials"


@case("a challenge that is no challenge")
def _(world):
    world.registry.change = on("", Answer(401, b"{}", {"WWW-Authenticate": 'Bearer realm="' + "x" * 3000}))
    return PULL, (3, 4), "challenge|realm|token|login|credentials"


@case("a registry that refuses whatever token it gave")
def _(world):
    realm = "http://127.0.0.1:%d/token" % world.port
    def refuse(method, path, headers):
        if path.startswith("/token"):
            return Answer(body=b'{"token":"t"}')
        return Answer(401, b"{}", {"WWW-Authenticate": 'Bearer realm="%s",service="x"' % realm})
    world.registry.change = refuse
    return PULL, (4,), "login|refuse|credentials|denied"


class World:
    def __init__(self, root):
        self.root, self.work = root, root / "work"
        self.binary = os.path.abspath(os.environ["MLCTL_BINARY"])
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        (root / "home").mkdir()
        model = self.work / "models" / MODEL
        model.mkdir(parents=True)
        (model / "model.yaml").write_text("apiVersion: mlctl/v1\nkind: Model\nname: %s\n" % MODEL)
        (model / "weights.bin").write_bytes(bytes(range(256)) * 40_000)
        (model / "notes.md").write_text("# notes\n")
        self.configure(".mlctl/registry")
        pushed = self.run("push", MODEL, "--version", VERSION)
        assert pushed[0] == 0, pushed
        self.registry = Registry(self.work / ".mlctl" / "registry" / "models" / MODEL)
        self.server = serve(self.registry)
        self.port = self.server.server_address[1]
        self.configure("oci://127.0.0.1:%d/models" % self.port)

    def configure(self, registry):
        (self.work / "mlctl.yaml").write_text(
            "apiVersion: mlctl/v1\nkind: Project\nregistry: %s\nmodels: models/*/model.yaml\n" % registry)

    def run(self, *words):
        """Exit code, output, peak memory in MB, seconds."""
        began = time.monotonic()
        flags = ["--plain-http"] if "127.0.0.1" in (self.work / "mlctl.yaml").read_text() else []
        process = subprocess.Popen([self.binary, *words, "--no-progress", *flags], cwd=self.work, env=self.env,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        timer = threading.Timer(LIMIT_S, process.kill)
        timer.start()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, output, usage.ru_maxrss / 1024, time.monotonic() - began

    def others(self):
        """Everything that exists outside the folder that is pulled into."""
        return {path.relative_to(self.root) for path in self.root.rglob("*")
                if "out" not in path.relative_to(self.root).parts and ".cache" not in path.parts}


def problems(world, before, codes, pattern, result):
    code, output, memory, seconds = result
    text = output.decode(errors="replace")
    if code not in codes:
        yield "exit %d, not one of %s: %s" % (code, codes, text[:500])
    if not re.search(pattern, text):
        yield "says nothing of /%s/: %s" % (pattern, text[:500])
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", output):
        yield "control characters on the terminal: %r" % output[:500]
    if memory > MEMORY_MB:
        yield "%.0f MB of memory" % memory
    if code != 0 and "hint" not in text and code == 4:
        yield "no hint: %s" % text[:500]
    made = world.others() - before
    if made or os.path.exists("/tmp/mlctl-hostile-escaped"):
        yield "written outside: %s" % sorted(map(str, made))
    out = world.work / "out"
    for path in out.rglob("*") if out.exists() else ():
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".mlctl-"):
            right = world.work / "models" / MODEL / path.relative_to(out)
            if not right.exists() or right.read_bytes() != path.read_bytes():
                yield "a file that is not the version's: %s" % path.relative_to(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    failed = ran = 0
    with tempfile.TemporaryDirectory(prefix="mlctl-hostile-") as root:
        world = World(pathlib.Path(root))
        honest = world.run(*PULL)
        if honest[0] != 0:
            print("✗ an honest registry is refused: %s" % honest[1].decode(errors="replace"))
            return 1
        for name, change in CASES:
            if options.only not in name:
                continue
            ran += 1
            world.registry.reset()
            subprocess.run(["rm", "-rf", world.work / "out", root + "/home/.cache"], check=True)
            words, codes, pattern = change(world)
            before = world.others()
            result = world.run(*words)
            found = list(problems(world, before, codes, pattern, result))
            failed += bool(found)
            print("%s %s (%.1f s, %.0f MB)" % ("✗" if found else "✓", name, result[3], result[2]), flush=True)
            for line in found:
                print("    " + line)
    print("%d of %d cases as they should be" % (ran - failed, ran))
    return 1 if failed or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
