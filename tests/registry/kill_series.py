#!/usr/bin/env python3
"""kill -9 at random instants of push, pull, gc, copy and register; after each: everything that was visible is whole,
nothing half-written is visible, and the next run finishes the work.

usage: kill_series.py [--kills N] [--seed S] [--remote] [--only OPERATION]...

MLCTL_BINARY names the binary. The registry is a folder, with --remote a docker-registry on loopback (skipped where there
is none). Only kills that met a running process are counted. The seed is printed; the instants depend on the machine too.
"""
import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from loopback_registry import docker_registry, have_docker_registry

LIMIT_S = 60  # of one run of mlctl that nobody kills
MODEL = "fleet"
LARGE = 5 << 20  # bytes: a layer of its own


class Broken(Exception):
    """A promise that was not kept."""


class World:
    """A repository with one model, its origin, its registry, and one more registry to copy into."""

    def __init__(self, root, binary, registry, flags, rng):
        self.root, self.binary, self.flags, self.rng = root, binary, flags, rng
        self.work, self.origin = root / "work", root / "origin.git"
        self.model = self.work / "models" / MODEL
        self.registry = registry or ".mlctl/registry"
        self.other = root / "other"
        self.versions = {}  # what was visible: version -> {path: sha256}
        self.number = 0
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(root / "home"), "LC_ALL": "C.UTF-8", "NO_COLOR": "1",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com",
            "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com",
        }
        (root / "home").mkdir()
        self.model.mkdir(parents=True)
        (self.work / "mlctl.yaml").write_text(
            "apiVersion: mlctl/v1\nkind: Project\nregistry: %s\nmodels: models/*/model.yaml\n" % self.registry)
        (self.model / "model.yaml").write_text("apiVersion: mlctl/v1\nkind: Model\nname: %s\n" % MODEL)
        (self.work / ".gitignore").write_text(".mlctl/\n")
        self.git("init", "-q", "--bare", str(self.origin), cwd=root)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", str(self.origin))
        self.git("config", "core.compression", "0")  # nothing here is about git's packing

    def git(self, *words, cwd=None):
        subprocess.run(["git", *words], cwd=cwd or self.work, env=self.env, check=True, capture_output=True)

    def mlctl(self, *words):
        return [self.binary, *words, "--no-progress", *self.flags]

    def run(self, *words, codes=(0,)):
        done = subprocess.run(self.mlctl(*words), cwd=self.work, env=self.env, capture_output=True, text=True,
                              timeout=LIMIT_S)
        if done.returncode not in codes:
            raise Broken("`mlctl %s` ended with %d: %s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def change(self):
        """New files for the next version; the first large one stays every other time, so that blobs are shared."""
        self.number += 1
        for name in ("a.bin", "b.bin"):
            if name == "a.bin" and self.number % 2 == 0:
                continue
            (self.model / name).write_bytes(self.rng.randbytes(LARGE + self.rng.randrange(5000)))
        for index in range(10):
            (self.model / ("small-%d.txt" % index)).write_text("version %d, file %d\n" % (self.number, index))
        return "v1.0.%d" % self.number

    def files(self):
        return content(self.model, without={"model.yaml"})

    def visible(self):
        listed = json.loads(self.run("list", MODEL, "-o", "json"))
        return [one["version"] for one in listed["versions"]]

    def check(self, may_be_new=None):
        """Everything that was visible is; nothing else but, perhaps, the version on its way, whole."""
        seen = self.visible()
        lost = set(self.versions) - set(seen)
        if lost:
            raise Broken("versions are gone: %s" % ", ".join(sorted(lost)))
        unknown = set(seen) - set(self.versions) - {may_be_new}
        if unknown:
            raise Broken("versions that nobody pushed: %s" % ", ".join(sorted(unknown)))
        some = set(self.rng.sample(sorted(self.versions), min(2, len(self.versions))))
        for version in some | ({may_be_new} & set(seen)):
            self.run("verify", "%s@%s" % (MODEL, version))

    def check_all(self):
        for version in self.visible():
            self.run("verify", "%s@%s" % (MODEL, version))


def content(folder, without=frozenset()):
    """Path -> SHA-256 of every file; temporary files of ours are told by their name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in without:
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def leftovers(folder):
    return [path for path in folder.rglob(".mlctl-*") if path.is_file()]


class Push:
    name = "push"

    def prepare(self, world):
        self.version = world.change()
        self.words = ["push", MODEL, "--version", self.version]

    def after_kill(self, world):
        world.check(self.version)

    def finish(self, world):
        world.run(*self.words)
        world.versions[self.version] = world.files()
        world.check()
        if self.version not in world.visible():
            raise Broken("%s was pushed and is not listed" % self.version)


class Pull:
    name = "pull"

    def prepare(self, world):
        self.version = world.rng.choice(sorted(world.versions))
        self.folder = world.root / "pulled"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.words = ["pull", "%s@%s" % (MODEL, self.version), "--dir", str(self.folder)]

    def after_kill(self, world):
        right = world.versions[self.version]
        for path, digest in content(self.folder).items() if self.folder.exists() else ():
            if not path.rsplit("/", 1)[-1].startswith(".mlctl-") and right.get(path) != digest:
                raise Broken("%s stands half-written in the folder" % path)
        world.check()

    def finish(self, world):
        world.run(*self.words)
        if content(self.folder) != world.versions[self.version]:
            raise Broken("the pulled files are not those of %s" % self.version)


class Register:
    name = "register"

    def prepare(self, world):
        self.version = world.change()
        world.git("add", "-A")
        world.git("commit", "-qm", self.version)
        self.words = ["register", MODEL, "--version", self.version]

    def after_kill(self, world):
        world.check(self.version)
        for repository in (world.work, world.origin):
            tags = subprocess.run(["git", "for-each-ref", "--format=%(refname:short) %(objecttype) %(contents:lines=9)",
                                   "refs/tags/%s@%s" % (MODEL, self.version)],
                                  cwd=repository, env=world.env, capture_output=True, text=True, check=True).stdout
            if tags and ("digest: sha256:" not in tags or " tag " not in tags):
                raise Broken("a tag without its digest: %s" % tags)
            if tags and self.version not in world.visible():
                raise Broken("a tag names %s, which the registry does not show" % self.version)
        # A kill between git's lock and its rename: what comes next says which file a person has to remove.
        for folder in (world.work / ".git", world.origin):
            for lock in (folder / "refs").rglob("*.lock"):
                lock.unlink()

    def finish(self, world):
        world.run(*self.words)
        world.versions[self.version] = world.files()
        world.check()
        world.git("rev-parse", "--verify", "refs/tags/%s@%s" % (MODEL, self.version), cwd=world.origin)


class Copy:
    name = "copy"

    def prepare(self, world):
        self.version = world.rng.choice(sorted(world.versions))
        if world.rng.random() < 0.3:
            shutil.rmtree(world.other, ignore_errors=True)
        self.words = ["copy", "%s@%s" % (MODEL, self.version), str(world.other)]

    def there(self, world):
        """The versions in the registry that was copied into, each verified."""
        project = world.root / "there"
        project.mkdir(exist_ok=True)
        (project / "mlctl.yaml").write_text("apiVersion: mlctl/v1\nkind: Project\nregistry: %s\n" % world.other)
        def ask(*words):
            done = subprocess.run([world.binary, *words], cwd=project, env=world.env, capture_output=True, text=True,
                                  timeout=LIMIT_S)
            if done.returncode != 0:
                raise Broken("in the copy, `mlctl %s`: %s%s" % (" ".join(words), done.stdout, done.stderr))
            return done.stdout
        if not world.other.exists() or not any(world.other.iterdir()):
            return []
        models = json.loads(ask("list", "-o", "json"))["models"]
        if not models:
            return []
        seen = [one["version"] for one in json.loads(ask("list", MODEL, "-o", "json"))["versions"]]
        for version in seen[-3:]:
            ask("verify", "%s@%s" % (MODEL, version))
        return seen

    def after_kill(self, world):
        self.there(world)

    def finish(self, world):
        world.run(*self.words)
        if self.version not in self.there(world):
            raise Broken("%s was copied and is not there" % self.version)


class Collect:
    name = "gc"

    def prepare(self, world):
        # Garbage: what a killed push leaves, and a blob that nothing names.
        blobs = world.work / world.registry / "models" / MODEL / "blobs" / "sha256"
        for _ in range(3):
            bytes_ = world.rng.randbytes(1 << 20)
            (blobs / hashlib.sha256(bytes_).hexdigest()).write_bytes(bytes_)
        self.words = ["gc"]

    def after_kill(self, world):
        world.check()

    def finish(self, world):
        world.run(*self.words)
        world.check()


OPERATIONS = {one.name: one for one in (Push, Pull, Register, Copy, Collect)}


def killed(world, words, after_s):
    """Runs and kills; True when there was a process to kill."""
    process = subprocess.Popen(world.mlctl(*words), cwd=world.work, env=world.env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    errors = process.stderr.read().decode(errors="replace")
    process.stderr.close()
    if process.wait() not in (0, -signal.SIGKILL):
        raise Broken("`mlctl %s` ended with %d: %s" % (" ".join(words), process.returncode, errors))
    return process.returncode == -signal.SIGKILL


def series(world, operations, kills):
    """`kills` kills, evenly over the operations; the instants follow how long each takes at the time."""
    done = {operation.name: 0 for operation in operations}
    took = {}
    rounds = 0
    while sum(done.values()) < kills:
        rounds += 1
        if rounds > 20 * kills:
            raise Broken("hardly any kill meets a running process: %s" % done)
        operation = min(operations, key=lambda one: done[one.name])()
        operation.prepare(world)
        if operation.name in took:
            if killed(world, operation.words, world.rng.uniform(0, took[operation.name])):
                done[operation.name] += 1
            operation.after_kill(world)
        operation.finish(world)
        # How long the command takes when nobody kills it: the next instants lie within.
        if operation.name not in took or rounds % 20 == 0:
            took[operation.name] = command_time(world, operation)
        if rounds % 25 == 0:
            world.check_all()
    world.check_all()
    return done, rounds


def command_time(world, operation):
    """Seconds of the command alone, from the beginning, on fresh work where that is possible."""
    operation.prepare(world)
    began = time.monotonic()
    world.run(*operation.words)
    seconds = time.monotonic() - began
    operation.finish(world)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--remote", action="store_true")
    parser.add_argument("--only", action="append", choices=sorted(OPERATIONS))
    options = parser.parse_args()
    if options.remote and not have_docker_registry():
        return 77
    binary = os.path.abspath(os.environ["MLCTL_BINARY"])
    print("seed %d" % options.seed, flush=True)
    # What a registry behind a network collects is its own affair.
    names = options.only or [name for name in OPERATIONS if name != "gc" or not options.remote]
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(tempfile.TemporaryDirectory(prefix="mlctl-kills-"))
        registry, flags = None, []
        if options.remote:
            port = stack.enter_context(docker_registry(pathlib.Path(root)))
            registry, flags = "oci://127.0.0.1:%d/killed" % port, ["--plain-http"]
        world = World(pathlib.Path(root), binary, registry, flags, random.Random(options.seed))
        first = Push()
        first.prepare(world)
        first.finish(world)
        began = time.monotonic()
        try:
            done, rounds = series(world, [OPERATIONS[name] for name in names], options.kills)
        except Broken as broken:
            print("✗ %s" % broken)
            return 1
        left = leftovers(world.work / ".mlctl") if not options.remote else []
        print("%d kills in %d rounds, %.0f s: %s; %d versions whole; %d leftovers" % (
            sum(done.values()), rounds, time.monotonic() - began,
            ", ".join("%s %d" % one for one in sorted(done.items())), len(world.versions), len(left)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
