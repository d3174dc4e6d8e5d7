#!/usr/bin/env python3
"""Rollouts through the binary on a real cluster, under the load of an independent tool.

usage: story.py MLCTL WORK-FOLDER      inside the cluster's network namespace

Every scenario has a model of its own, and a third of them run at once: traffic is what takes time.
"""
import concurrent.futures
import json
import os
import pathlib
import sys
import time

from project import EXAMPLE, HERE, NAMESPACE, Load, Project, answers, run, wait_until
from scenarios import FINE, LAST, SCENARIOS, only


def said(name, text):
    print(f"{time.strftime('%H:%M:%S')}  {name}: {text}", flush=True)


def play(story, name, scenario, load):
    began = time.monotonic()
    try:
        allowed, summary = scenario(story, name)
        error = None
    except (AssertionError, KeyError, TypeError, TimeoutError) as problem:
        allowed, summary, error = {}, "", f"{type(problem).__name__}: {problem}"
    codes = load.stop()
    if error is None:
        try:
            only(codes, *allowed[name], least=load.least)
        except AssertionError as problem:
            error = f"answers: {problem}"
    said(name, (f"FAILED: {error}" if error else f"passed: {summary}") + f"; answers {codes}; " +
         f"{time.monotonic() - began:.0f} s")
    return error is None


def nothing_differs(story):
    """What is rendered is what kubectl finds there, where git and the cluster agree."""
    agree = [one["model"] for one in story.json("status", "--env", "prod")["models"]
             if not one["drift"] and not one["rollout"]]
    folder = story.folder.parent / "rendered"
    for name in agree:
        story.call("render", name, "--env", "prod", "--dir", str(folder))
    kubectl = run(str(HERE.parent / "cluster"), "kubectl", "diff", "--server-side", "-R", "-f", str(folder), check=False)
    fine = kubectl.returncode == 0 and len(agree) > 0
    said("kubectl diff --server-side", f"nothing differs in {len(agree)} models" if fine else "FAILED:\n" + kubectl.stdout)
    return fine


def say_what_went_wrong():
    """What the gateway could not forward, and which pods were ended or found not ready by the node."""
    failures = pathlib.Path(os.environ["MLCTL_TEST_CLUSTER"]) / "gateway-failures.log"
    if failures.exists():
        said("the gateway", "answered 502 to 504:\n" + "".join(failures.read_text().splitlines(True)[-40:]))
    events = run(str(HERE.parent / "cluster"), "kubectl", "get", "events", "-n", NAMESPACE, "--sort-by=.lastTimestamp",
                 "--field-selector", "type=Warning", check=False)
    said("warnings of the cluster", "\n" + "".join(events.stdout.splitlines(True)[-60:]))


def main():
    mlctl, work = sys.argv[1], pathlib.Path(sys.argv[2])
    wanted = sys.argv[3:]
    story = Project(work / "project", mlctl)
    body = work / "body.json"
    golden = json.loads((EXAMPLE / "versions" / "v1.0.0" / "golden.json").read_text())
    body.write_text(json.dumps({"inputs": golden["cases"][0]["inputs"]}))
    everything = {name: one for name, one in {**SCENARIOS, **LAST}.items() if not wanted or name in wanted}
    if "MLCTL_TEST_MLSERVER_IMAGE" not in os.environ and everything.pop("mlserver", None):
        said("mlserver", "skipped: its image was not made (rollout_test.sh --mlserver)")

    def write(name, version, behaviour, rollout):
        if name == "mlserver":
            story.write_mlserver(name, version)
        else:
            story.write(name, version, behaviour, rollout)

    for name, (_, _, _, rollout) in everything.items():
        write(name, "v1.0.0", FINE, rollout)
    story.commit("first")
    for name in everything:
        story.call("register", name, "--version", "v1.0.0")
        story.call("assign", f"{name}@v1.0.0", "prod")
    for name, (_, behaviour, _, rollout) in everything.items():
        write(name, "v1.1.0", behaviour, rollout)
    story.commit("second")
    for name in everything:
        story.call("register", name, "--version", "v1.1.0")
    third = [name for name in ("superseded", "released") if name in everything]
    for name in third:
        story.write(name, "v1.4.0", FINE, everything[name][3])
    if third:
        story.commit("third")
    for name in third:
        story.call("register", name, "--version", "v1.2.0")
    run(str(HERE.parent / "api"), "/api/v1/namespaces", "-H", "Content-Type: application/json", "-d",
        json.dumps({"metadata": {"name": NAMESPACE}}))
    story.call("apply", "--env", "prod", "--wait")
    said("all", "v1.0.0 serves")
    fine = True
    # Two cores carry six rollouts under load, and not twenty: drivers would be late for their own blocks, and a gateway
    # that starves answers 502 and 503 by itself. The last ones take from everybody, and are alone.
    names = list(SCENARIOS)
    for wanted in (names[::3], names[1::3], names[2::3], *([name] for name in LAST)):
        part = {name: {**SCENARIOS, **LAST}[name] for name in wanted}
        chosen = {name: one for name, one in part.items() if name in everything}
        for name in chosen:
            wait_until(f"the route of {name}", 30, lambda: answers(name, body) and answers(name, body))
        loads = {name: Load(name, body, rate) for name, (_, _, rate, _) in chosen.items()}
        time.sleep(4)
        with concurrent.futures.ThreadPoolExecutor(len(chosen) or 1) as pool:
            done = [pool.submit(play, story, name, one[0], loads[name]) for name, one in chosen.items()]
            fine = all([one.result() for one in done]) and fine
    fine = nothing_differs(story) and fine
    if not fine:
        say_what_went_wrong()
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
