#!/usr/bin/env python3
"""GTO and mlctl in one repository: each reads the tags of the other and answers the same.

    gto_test.py            needs MLCTL_SOURCE and MLCTL_BINARY; 77 where GTO cannot be installed
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
SOURCE = pathlib.Path(os.environ["MLCTL_SOURCE"])
MLCTL = os.environ["MLCTL_BINARY"]
LOCK = SOURCE / "tests/registry/gto/requirements.lock"
MODEL, OTHER = "fraud/credit-risk", "fraud/churn"
failures = []


def install():
    script = f'. "{SOURCE}/scripts/lib/python-env.sh" && python_env "{LOCK}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    if done.returncode != 0:
        print("skipped: GTO is not installed and cannot be had: " + done.stderr.strip().split("\n")[-1])
        sys.exit(SKIPPED)
    return pathlib.Path(done.stdout.strip()) / "bin/gto"


class World:
    def __init__(self, root, gto):
        self.root, self.gto = root / "work", gto
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8",
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
               for key, value in (("NAME", "Ada Example"), ("EMAIL", "ada@example.org"))}}
        self.write("mlctl.yaml", "apiVersion: mlctl/v1\nkind: Project\ntenants: [{name: fraud}]\nenvironments:\n"
                   "  - name: staging\n    gitops: {path: deploy/staging, branch: deploy}\n"
                   "  - name: prod\n    gitops: {path: deploy/prod, branch: deploy}\n")
        self.write(".gitignore", "/.mlctl/\n")
        for model in (MODEL, OTHER):
            folder = "models/" + model.split("/")[1]
            self.write(folder + "/model.yaml", f"apiVersion: mlctl/v1\nkind: Model\nname: {model}\n")
            self.write(folder + "/model.json", '{"learner": {}}\n')
        self.git("init", "-q", "-b", "main")
        self.commit("first")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run(self, *command, fails=False):
        # A tag's time has a resolution of a second, and GTO goes by nothing else.
        if command[0] != "git" and not {"show", "history", "list"} & set(command):
            time.sleep(1.05)
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=60)
        if (done.returncode != 0) != fails:
            sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def git(self, *words):
        return self.run("git", *words)

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def mlctl(self, *words, fails=False):
        return self.run(MLCTL, *words, fails=fails)

    def gtos(self, *words):
        return self.run(str(self.gto), *words)


def same(what, ours, theirs):
    print(f"{'same' if ours == theirs else 'DIFFERENT'}: {what}")
    if ours != theirs:
        failures.append(what)
        print(f"  mlctl {ours}\n  gto   {theirs}")


def expect(what, found, wanted):
    same(what, found, wanted)


def history(world, model):
    ours = json.loads(world.mlctl("history", model, "-o", "json"))["events"]
    theirs = json.loads(world.gtos("history", model, "--json"))
    same(f"history of {model}",
         sorted((e["event"], e["version"] if e["event"] != "unassignment" else "", e["stage"], e["commit"], e["tag"],
                 e["by"], e["email"]) for e in ours),
         sorted((e["event"], (e["version"] or "") if e["event"] != "unassignment" else "", e["stage"] or "",
                 e["commit"], e["ref"], e["author"], e["author_email"]) for e in theirs if e["event"] != "commit"))
    same(f"order of the history of {model}", [e["tag"] for e in ours],
         [e["ref"] for e in theirs if e["event"] != "commit"])


def state(world, unassigned={}):
    """Which models there are, and what every stage runs."""
    ours = {line["model"]: line["stages"] for line in json.loads(world.mlctl("list", "-o", "json"))["models"]
            if not line.get("deprecated")}
    theirs = {name: {stage: version for stage, version in artifact["stage"].items() if version}
              for name, artifact in json.loads(world.gtos("show", "--json")).items()}
    for name, stages in unassigned.items():  # a known difference, which `mlctl history` tells
        for stage in stages:
            expect(f"{stage} of {name}: the difference is told", any(
                line.startswith(f"{stage}: nothing is assigned; other tools fall back to") for line in
                json.loads(world.mlctl("history", name, "-o", "json"))["warnings"]), True)
            theirs[name].pop(stage)
    same("what runs where", {name: stages for name, stages in ours.items() if name in theirs or stages}, theirs)
    for name, stages in ours.items():
        for stage in stages:
            same(f"which version is in {stage} of {name}", stages[stage],
                 world.gtos("show", f"{name}#{stage}", "--version").strip())
            shown = json.loads(world.mlctl("show", f"{name}#{stage}", "-o", "json"))
            same(f"{stage} of {name} is shown", stage in [one["stage"] for one in shown["stages"]], True)


def ours_read_by_gto(world):
    world.mlctl("register", MODEL, "--version", "v1.0.0")
    world.mlctl("assign", f"{MODEL}@v1.0.0", "staging")
    world.mlctl("assign", f"{MODEL}@v1.0.0", "prod")
    world.commit("second")
    world.mlctl("register", MODEL, "--version", "v1.1.0")
    world.mlctl("assign", f"{MODEL}@v1.1.0", "staging")
    state(world)
    world.mlctl("unassign", MODEL, "staging")
    world.commit("third")
    world.mlctl("register", MODEL, "--version", "v1.2.0-rc.1+build")
    world.mlctl("deregister", f"{MODEL}@v1.1.0")
    state(world, {MODEL: ["staging"]})
    history(world, MODEL)
    world.mlctl("register", OTHER, "--version", "v1.0.0")
    world.mlctl("deprecate", OTHER)
    expect("a deprecated model is not among GTO's", OTHER in json.loads(world.gtos("show", "--json")), False)
    history(world, OTHER)
    world.commit("fourth")
    world.mlctl("register", OTHER, "--version", "v1.1.0")
    expect("it is back after a registration", OTHER in json.loads(world.gtos("show", "--json")), True)
    history(world, OTHER)
    state(world, {MODEL: ["staging"]})


def gtos_read_by_us(world):
    world.commit("fifth")
    world.mlctl("push", OTHER, "--version", "v2.0.0")
    world.gtos("register", OTHER, "--version", "v2.0.0")
    world.gtos("assign", OTHER, "--version", "v2.0.0", "--stage", "prod")
    state(world, {MODEL: ["staging"]})
    world.gtos("assign", OTHER, "--version", "v2.0.0", "--stage", "staging")
    world.gtos("deprecate", OTHER, "v2.0.0", "staging")
    state(world, {MODEL: ["staging"]})
    # It goes on counting where the other one stopped.
    made = world.mlctl("assign", f"{OTHER}@v2.0.0", "staging").split()[0]
    highest = max(int(tag.rsplit("#", 1)[1]) for tag in world.git("tag", "-l", OTHER + "*").split() if tag[-1].isdigit()
                  and "#" in tag)
    expect("the next number is the highest", made, f"{OTHER}#staging#{highest}")
    state(world, {MODEL: ["staging"]})
    world.gtos("deprecate", OTHER, "v1.1.0")
    lines = json.loads(world.mlctl("list", OTHER, "-o", "json"))["versions"]
    expect("what GTO deregistered", [line["version"] for line in lines if line.get("deregistered")], ["v1.1.0"])
    history(world, OTHER)
    world.gtos("deprecate", OTHER)
    model = [line for line in json.loads(world.mlctl("list", "-o", "json"))["models"] if line["model"] == OTHER][0]
    expect("what GTO deprecated", model.get("deprecated", False), True)
    world.commit("then")
    world.git("tag", "-a", "-m", "by hand", f"{OTHER}#staging!#98", "HEAD~1")
    world.gtos("deprecate", OTHER, "--force")
    world.mlctl("assign", f"{OTHER}@v2.0.0", "staging", fails=True)
    history(world, OTHER)


def orders_that_differ(world):
    """A clock that was wrong: by number one assignment is the newest, by time another. Ours goes by number, and says so."""
    world.commit("sixth")
    world.mlctl("register", MODEL, "--version", "v3.0.0")
    world.environment["GIT_COMMITTER_DATE"] = "2020-01-01T00:00:00Z"
    world.git("tag", "-a", "-m", "from a wrong clock", f"{MODEL}#prod#90")
    del world.environment["GIT_COMMITTER_DATE"]
    ours = json.loads(world.mlctl("show", f"{MODEL}#prod", "-o", "json"))
    expect("by number", "v3.0.0" in [one["version"] for one in ours["versions"]], True)
    expect("by time", world.gtos("show", f"{MODEL}#prod", "--version").strip(), "v1.0.0")
    warnings = json.loads(world.mlctl("history", MODEL, "-o", "json"))["warnings"]
    expect("the difference is told", any("by time the newest assignment is fraud/credit-risk#prod#2" in line
                                         for line in warnings), True)


def main():
    gto = install()
    if not shutil.which("git"):
        print("skipped: no git")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mlctl-gto-") as place:
        world = World(pathlib.Path(place).resolve(), gto)
        ours_read_by_gto(world)
        gtos_read_by_us(world)
        orders_that_differ(world)
    print(f"{len(failures)} answers differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
