"""Serves each version of the breast-cancer example and compares its answers with its golden cases."""
import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "breast-cancer"
BIN = pathlib.Path(sys.executable).parent
TOLERANCE = 1e-5  # as in model.yaml
READY_SECONDS = 60


def tensor(shape, data, name="features", datatype="FP32"):
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]}


# What a client may send by mistake: an answer in the 400s with a reason, never a number.
NONSENSE = {
    "no input": {"inputs": []},
    "another name": tensor([1, 30], [1.0] * 30, name="x"),
    "a feature short": tensor([1, 29], [1.0] * 29),
    "less data than the shape says": tensor([1, 30], [1.0] * 29),
    "words": tensor([1, 30], ["a"] * 30),
    "another type": tensor([1, 30], [1] * 30, datatype="INT64"),
}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Server:
    """MLServer in a fresh folder with one version's files."""

    def __init__(self, version, folder):
        self.folder = pathlib.Path(folder) / version
        subprocess.run([EXAMPLE / "put-version", version, self.folder], check=True)
        http_port, grpc_port = free_ports(2)
        settings = {"host": "127.0.0.1", "http_port": http_port, "grpc_port": grpc_port, "metrics_endpoint": None}
        settings.update({"parallel_workers": 0, "debug": False})
        (self.folder / "settings.json").write_text(json.dumps(settings))
        self.url = f"http://127.0.0.1:{http_port}/v2/models/breast-cancer"

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            command = [BIN / "mlserver", "start", "."]
            environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.folder)}
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url + "/ready", timeout=5)
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"not ready:\n{(self.folder / 'log').read_text()}")

    def infer(self, request):
        """(status, document)"""
        body = json.dumps(request).encode()
        post = urllib.request.Request(self.url + "/infer", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(post, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def open_files(self):
        """What the process' descriptors lead to. It closes some while they are read: those are left out."""
        for entry in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                yield entry.readlink().name

    def listens_only_on_loopback(self):
        """By /proc: addresses of the listening sockets that the process holds."""
        held = set(self.open_files())
        loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
        found = []
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                    found.append(fields[1].split(":")[0])
        return bool(found) and set(found) <= loopback


def same(expected, got):
    shape = [(each["name"], each["shape"], each["datatype"]) for each in expected]
    if shape != [(each["name"], each["shape"], each["datatype"]) for each in got]:
        return False
    pairs = [pair for a, b in zip(expected, got) for pair in zip(a["data"], b["data"], strict=True)]
    return all(abs(a - b) <= TOLERANCE for a, b in pairs)


def answers(server, version):
    """Claim -> whether it holds."""
    claims = {}
    for case in json.loads((EXAMPLE / "versions" / version / "golden.json").read_text())["cases"]:
        status, document = server.infer({"inputs": case["inputs"]})
        claims[f"golden: {case['name']}"] = status == 200 and same(case["outputs"], document["outputs"])
    for name, request in NONSENSE.items():
        status, document = server.infer(request)
        claims[f"refused: {name}"] = 400 <= status < 500 and "error" in document
    claims["listens on loopback only"] = server.listens_only_on_loopback()
    return claims


def main():
    failed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for version in sorted(path.name for path in (EXAMPLE / "versions").iterdir()):
            with Server(version, folder) as server:
                server.wait_until_ready()
                for claim, holds in answers(server, version).items():
                    total += 1
                    failed += not holds
                    print(f"{'ok  ' if holds else 'FAIL'} {version} {claim}")
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
