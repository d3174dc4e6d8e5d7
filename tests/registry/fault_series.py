#!/usr/bin/env python3
"""A proxy that cuts, truncates, corrupts, delays, stalls, answers 429/500/503 and lets tokens expire stands between mlctl
and a real registry: versions are pushed and pulled all the same, and nothing wrong is ever kept.

usage: fault_series.py [--seed S] [--fault FAULT]... [--every N]

MLCTL_BINARY names the binary; Debian's docker-registry must be on PATH, else it is skipped (exit 77). The registry
listens on loopback and is ended by its process id.
"""
import argparse
import hashlib
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from fault_proxy import FAULTS, FaultProxy, PASSWORD, USER
from loopback_registry import docker_registry, have_docker_registry

LIMIT_S = 120  # of one run of mlctl
TRIES = 6
MODEL, VERSION = "travels", "v1.0.0"
# These are mended by trying the request again, or going on where it stopped: the first run must succeed.
PASSING = {"truncate", "delay", "429", "500", "503", "expire"}
# Wrong bytes are found when a layer is whole; a layer of several ranges would hardly ever get through at the usual rate.
RATES = {"corrupt": 12, "stall": 8}


class World:
    def __init__(self, root, rng):
        self.root, self.work = root, root / "work"
        self.binary = os.path.abspath(os.environ["MLCTL_BINARY"])
        model = self.model = self.work / "models" / MODEL
        model.mkdir(parents=True)
        (model / "model.yaml").write_text("apiVersion: mlctl/v1\nkind: Model\nname: %s\n" % MODEL)
        (model / "large.bin").write_bytes(rng.randbytes((20 << 20) + 12345))
        (model / "middle.bin").write_bytes(rng.randbytes((5 << 20) + 1))
        for index in range(20):
            (model / ("small-%d.txt" % index)).write_text("file %d\n" % index)
        self.size = sum(path.stat().st_size for path in model.iterdir())

    def run(self, home, port, path, *words):
        (self.work / "mlctl.yaml").write_text("apiVersion: mlctl/v1\nkind: Project\nregistry: oci://127.0.0.1:%d/%s\n"
                                              "models: models/*/model.yaml\n" % (port, path))
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        return subprocess.run([self.binary, *words, "--no-progress", "--plain-http",
                               "--stall-timeout", "4s"], cwd=self.work, env=env,
                              capture_output=True, text=True, timeout=LIMIT_S)

    def login(self, home, port):
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
        return subprocess.run([self.binary, "login", "127.0.0.1:%d" % port, "--username", USER, "--password-stdin",
                               "--plain-http"], cwd=self.work, env=env, input=PASSWORD, capture_output=True, text=True,
                              timeout=LIMIT_S)


def content(folder):
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".mlctl-")}


def until_done(run, tries):
    """Runs until exit 0; (number of runs, outputs of those that failed)."""
    failed = []
    for number in range(1, tries + 1):
        done = run()
        if done.returncode == 0:
            return number, failed
        failed.append((done.returncode, done.stderr))
    return None, failed


def one_fault(world, upstream, fault, every, rng):
    """Problems, and a line that says how it went."""
    home, path = world.root / ("home-" + fault), "faults-" + fault
    home.mkdir()
    out = world.root / "out" / fault
    ref = "%s@%s" % (MODEL, VERSION)
    right = {name: digest for name, digest in content(world.model).items() if name != "model.yaml"}
    problems = []
    with FaultProxy(("127.0.0.1", upstream), fault, every, rng) as proxy:
        if fault == "expire" and world.login(home, proxy.port).returncode != 0:
            return ["login is refused: " + world.login(home, proxy.port).stderr], ""
        pushes, failures = until_done(
            lambda: world.run(home, proxy.port, path, "push", MODEL, "--version", VERSION), TRIES)
        sent = proxy.uploaded

        def pull():
            done = world.run(home, proxy.port, path, "pull", ref, "--dir", str(out))
            for name, digest in content(out).items() if out.exists() else ():
                if right.get(name) != digest:
                    problems.append("a pull left wrong bytes under %s" % name)
            return done

        pulls, failed_pulls = until_done(pull, TRIES) if pushes else (0, [])
        failures += failed_pulls
        faults, requests = proxy.faults, proxy.requests
    if not pushes or not pulls:
        problems.append("not done after %d runs" % TRIES)
    elif content(out) != right:
        problems.append("pulled files are not those that were pushed")
    if faults == 0:
        problems.append("the proxy did no harm: nothing was tested")
    if fault in PASSING and (pushes, pulls) != (1, 1):
        problems.append("a passing fault was not mended in the same run")
    for code, message in failures:
        if code not in (1, 3, 4) or not re.match("✗ ", message):
            problems.append("exit %d without a clear error: %s" % (code, message[:300]))
    if problems:
        problems += ["  exit %d: %s" % (code, message[:600]) for code, message in failures]
        problems += ["  " + line for line in proxy.log[-12:]]
    elif world.run(home, upstream, path, "verify", ref).returncode != 0:
        problems.append("what arrived in the registry is not whole")
    return problems, "%d faults in %d requests; pushed in %s, pulled in %s; sent %.2f times the files" % (
        faults, requests, times(pushes), times(pulls), sent / world.size)


def times(count):
    return "one run" if count == 1 else "%s runs" % count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--every", type=int, default=4)
    options = parser.parse_args()
    if not have_docker_registry():
        return 77
    print("seed %d" % options.seed, flush=True)
    failed = False
    with tempfile.TemporaryDirectory(prefix="mlctl-faults-") as root:
        world = World(pathlib.Path(root), random.Random(options.seed))
        with docker_registry(pathlib.Path(root)) as upstream:
            for fault in options.fault or FAULTS:
                began = time.monotonic()
                problems, line = one_fault(world, upstream, fault, RATES.get(fault, options.every),
                                           random.Random(options.seed))
                failed = failed or bool(problems)
                print("%s %s: %s (%.0f s)" % ("✗" if problems else "✓", fault, line, time.monotonic() - began), flush=True)
                for problem in problems:
                    print("    " + problem.replace("\n", "\n    "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
