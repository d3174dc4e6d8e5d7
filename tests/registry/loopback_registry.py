"""Debian's docker-registry on a free port of loopback, in a folder of the caller's, for as long as a `with` lasts."""
import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request

START_S = 20


def have_docker_registry():
    """Says so when not."""
    if shutil.which("docker-registry"):
        return True
    print("skipped: docker-registry is not installed")
    return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def docker_registry(root):
    port = free_port()
    config = root / "registry.yml"
    config.write_text("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                      "storage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: '127.0.0.1:%d'}\n" % (root / "blobs", port))
    with open(root / "registry.log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_S
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:%d/v2/" % port, timeout=2):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("docker-registry did not start: " + (root / "registry.log").read_text()[-500:])
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()
