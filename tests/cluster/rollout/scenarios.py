"""What can happen to a rollout. Each scenario begins with v1.0.0 of its model serving under load; it returns which
answers its clients may have seen, and what to say of it."""
import calendar
import json
import random
import signal
import time

from login import Login
from project import HERE, NAMESPACE, ROLLOUT, api, run, scraped, served, wait_until

FINE = {"delay_ms": 3, "jitter_ms": 4}


def begin(story, name):
    story.call("assign", f"{name}@v1.1.0", "prod")


def drive(story, name, code=0, *more, user="ada"):
    return story.call("rollout", "start", name, "--env", "prod", *more, code=code, user=user)


def expect(state, phase, reason=""):
    assert state["phase"] == phase, f"{state['phase']} ({state['reason']}), not {phase}"
    assert reason in state["reason"], state["reason"]


def only(codes, *allowed, least=100):
    assert set(codes) <= set(allowed) and codes.get(200, 0) > least, codes


def weight(story, name):
    state = story.rollout(name)
    return state["weight"] if state else None


def phase(story, name, *wanted):
    state = story.rollout(name)
    return state if state and state["phase"] in wanted else None


# -- scenarios: each begins with v1.0.0 serving under load -------------------------------------------------------------

def equal_version_goes_to_all(story, name):
    """5, 25, 50, 100 %; the share that the pods themselves counted is within 3 points; its driver dies ten times."""
    begin(story, name)
    chance = random.Random(1105)
    driver = story.start("rollout", "start", name, "--env", "prod")
    kills, marks = 0, {}
    next_kill = time.monotonic() + 3
    while True:
        state = story.rollout(name)
        if state and state["phase"] == "promoted":
            break
        measured = state["weight"] if state and state["phase"] == "measuring" else None
        if measured:
            counts = {pod: count for pod, count in served(api).items() if pod.startswith(name + "-")}
            revision = f"{name}-{state['candidate']['revision']}"
            canary = sum(count for pod, count in counts.items() if pod.startswith(revision))
            # What was seen at a weight: from its first look to its last; one between two states with the same weight is
            # at it.
            after = phase(story, name, "measuring")
            if after and after["weight"] == measured:
                marks.setdefault(measured, []).append((canary, sum(counts.values())))
        if driver.poll() is not None and (not state or state["phase"] not in ("promoted",)):
            driver = story.start("rollout", "start", name, "--env", "prod")
        elif kills < 10 and time.monotonic() > next_kill:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            kills += 1
            next_kill = time.monotonic() + chance.uniform(1.0, 4.0)
        assert not state or not state.get("pause"), state["pause"]
        time.sleep(0.2)
    driver.communicate()
    assert kills >= 5, kills  # a slow machine has no time for all ten
    shares = {}
    for step, looks in marks.items():
        (canary_before, all_before), (canary_after, all_after) = looks[0], looks[-1]
        if all_after - all_before < 200:
            continue
        shares[step] = (canary_after - canary_before) / (all_after - all_before)
        assert abs(shares[step] - step) <= 0.03, (step, shares[step])
    assert set(shares) == {0.05, 0.25, 0.5}, shares
    proof = story.json("audit", f"{name}@v1.1.0")["clusters"][0]
    assert proof["servesAudited"] and proof["drift"] == "" and proof["rollout"]["phase"] == "promoted", proof
    told = [event["what"] for event in proof["rollout"]["events"]]
    assert all(any(what.startswith(f"{step} % passed: ") for what in told) for step in (5, 25, 50)), told
    return {name: (200,)}, f"killed {kills} times; shares at the pods {shares}"


def slower_version_is_aborted(story, name):
    begin(story, name)
    drive(story, name, 1)
    expect(story.rollout(name), "failed", "latency above")
    return {name: (200,)}, story.rollout(name)["reason"]


def failing_version_is_aborted(story, name):
    begin(story, name)
    drive(story, name, 1)
    expect(story.rollout(name), "failed", "errors: more than 1.5 times")
    # Without an undo it stays refused; the way back in git makes the cluster what git says.
    assert "was aborted" in story.call("apply", name, "--env", "prod", code=1)
    story.call("undo", name, "--env", "prod")
    assert "0 to create, 0 to change, 0 to remove" in story.call("diff", name, "--env", "prod")
    return {name: (200, 500)}, story.rollout(name)["reason"]


def drifting_version_is_aborted(story, name):
    """Its answers are fine by every count of requests; a metric of the model's owners says that they differ."""
    begin(story, name)
    drive(story, name, 1)
    expect(story.rollout(name), "failed", "class 0: more than 1.5 times")
    return {name: (200,)}, story.rollout(name)["reason"]


def crashing_version_is_aborted(story, name):
    begin(story, name)
    driver = story.start("rollout", "start", name, "--env", "prod")
    wait_until("aborted", 120, lambda: phase(story, name, "aborting", "aborted"))
    said = {(pod["arm"], line) for pod in story.json("logs", name, "--env", "prod", "--previous")["pods"]
            for line in pod["lines"] if "this input ends the server" in line}
    assert {arm for arm, _ in said} <= {"canary"}, said  # its pods may be gone already
    text = driver.communicate(timeout=120)[0]
    assert driver.returncode == 1, text
    state = story.rollout(name)
    # Whichever is seen first: the pod that ended, or the requests that ended with it, which only the gateway counts.
    expect(state, "failed", "a pod of the canary ended" if "ended" in state["reason"] else "the gateway answered 502")
    assert "this input ends the server" in state["log"], state["log"]
    return {name: (200, 502, 503, 504)}, state["reason"]


def version_that_does_not_start_is_aborted(story, name):
    begin(story, name)
    drive(story, name, 1)
    expect(story.rollout(name), "failed", "ended")
    return {name: (200,)}, story.rollout(name)["reason"]


def frozen_driver_stops_when_it_wakes(story, name):
    begin(story, name)
    first = story.start("rollout", "start", name, "--env", "prod", user="first")
    wait_until("20 %", 120, lambda: weight(story, name) == 0.2, first)
    first.send_signal(signal.SIGSTOP)
    # On a machine whose clock is four minutes ahead: time is the API server's.
    second = story.start("rollout", "start", name, "--env", "prod", "--take-over", user="second",
                         clock=("env", "DONT_FAKE_MONOTONIC=1", "faketime", "-f", "+4m"))
    wait_until("50 % by the second", 120, lambda: weight(story, name) == 0.5, second)
    first.send_signal(signal.SIGCONT)
    text = first.communicate(timeout=30)[0]
    assert first.returncode == 1 and "was taken over" in text, (first.returncode, text)
    text = second.communicate(timeout=120)[0]
    assert second.returncode == 0, text
    state = story.rollout(name)
    expect(state, "promoted")
    skew = abs(calendar.timegm(time.strptime(state["heartbeat"], "%Y-%m-%dT%H:%M:%SZ")) - time.time())
    assert skew < 60, state["heartbeat"]
    return {name: (200,)}, "the first said that it was taken over; the second promoted"


def two_drivers_at_once_are_one(story, name):
    begin(story, name)
    both = [story.start("rollout", "start", name, "--env", "prod", user=user) for user in ("one", "two")]
    texts = [process.communicate(timeout=180)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes == [0, 1], texts
    expect(story.rollout(name), "promoted")
    # Of the version before nothing is left: its pods are made again, take the traffic, and only then the others go.
    before = len([pod for pod in served(api) if pod.startswith(name + "-")])
    story.call("undo", name, "--env", "prod")
    assert "v1.0.0" in story.call("status", name, "--env", "prod", code=0)
    return {name: (200,)}, f"one promoted, the other said who drives; then back under load, from {before} pods"


def edited_route_pauses(story, name):
    begin(story, name)
    driver = story.start("rollout", "start", name, "--env", "prod")
    wait_until("20 %", 120, lambda: phase(story, name, "measuring") and weight(story, name) == 0.2, driver)
    route = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes/{name}"
    live = json.loads(api(route))
    references = live["spec"]["rules"][0]["backendRefs"]
    references[0]["weight"], references[1]["weight"] = 60, 40
    api(route + "?fieldManager=kubectl-edit", "-X", "PUT", "-H", "Content-Type: application/json", "-d",
        json.dumps(live))
    text = driver.communicate(timeout=60)[0]
    assert driver.returncode == 5 and "taken over" in text and "kubectl-edit" in text, text
    arms = {(pod["arm"], pod["version"], pod["missing"]) for pod in story.json("logs", name, "--env", "prod")["pods"]}
    assert arms == {("stable", "v1.0.0", ""), ("canary", "v1.1.0", "")}, arms
    kept = json.loads(api(route))["spec"]["rules"][0]["backendRefs"]
    assert [one["weight"] for one in kept] == [60, 40], kept
    story.call("rollout", "resume", name, "--env", "prod")
    expect(story.rollout(name), "promoted")
    return {name: (200,)}, "paused while a person's weights were there; resumed and promoted"


def verbs_work_from_another_machine(story, name):
    begin(story, name)
    driver = story.start("rollout", "start", name, "--env", "prod", user="first")
    wait_until("20 %", 120, lambda: weight(story, name) == 0.2, driver)
    story.call("rollout", "pause", name, "--env", "prod", "--reason", "lunch", user="second")
    text = driver.communicate(timeout=60)[0]
    assert driver.returncode == 5 and "lunch" in text, text
    assert story.rollout(name)["pause"]["reason"] == "lunch"
    story.call("rollout", "promote", name, "--env", "prod", "--no-wait", user="second")
    wait_until("all traffic", 120, lambda: story.call("rollout", "tick", name, "--env", "prod") and
               phase(story, name, "looking"))
    story.call("rollout", "abort", name, "--env", "prod", "--reason", "not after all", "--wait", user="third")
    expect(story.rollout(name), "failed", "not after all")
    assert "v1.0.0" in story.call("status", name, "--env", "prod", code=1)
    return {name: (200,)}, "paused, promoted by hand, ticked, aborted after the promotion"


def newer_assignment_supersedes(story, name):
    begin(story, name)
    older = story.start("rollout", "start", name, "--env", "prod", user="older")
    wait_until("20 %", 120, lambda: weight(story, name) == 0.2, older)
    story.call("assign", f"{name}@v1.2.0", "prod")
    drive(story, name, 0, "--take-over", user="newer")
    text = older.communicate(timeout=30)[0]
    assert older.returncode == 1 and ("was taken over" in text or "git assigns #" in text), text
    state = story.rollout(name)
    expect(state, "promoted")
    assert state["candidate"]["version"] == "v1.2.0" and state["baseline"]["version"] == "v1.0.0", state["candidate"]
    pods = json.loads(api(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/name={name}"))["items"]
    left = {pod["metadata"]["labels"]["mlctl.dev/revision"] for pod in pods
            if "deletionTimestamp" not in pod["metadata"]}
    assert left == {state["candidate"]["revision"]}, left
    return {name: (200,)}, "v1.2.0 against v1.0.0; nothing is left of v1.1.0"


def release_ends_in_the_cluster(story, name):
    """A bad version: the chain drives the rollout, which aborts, and git says so too."""
    text = story.call("release", f"{name}@v1.1.0", code=1)
    assert "aborted" in text, text
    assert story.call("status", name, "--env", "prod", code=0).count("v1.0.0") == 1
    history = story.call("history", name)
    assert "v1.1.0" in history, history
    assert "denied" in story.call("assign", f"{name}@v1.1.0", "prod", code=1)
    # A person says no to the next one, from elsewhere: the release drives what is left, and takes its number back.
    release = story.start("release", f"{name}@v1.2.0", user="ci")
    wait_until("20 %", 180, lambda: phase(story, name, "measuring") and weight(story, name) == 0.2, release)
    story.call("rollout", "abort", name, "--env", "prod", "--reason", "not today", user="eve")
    text = release.communicate(timeout=120)[0]
    assert release.returncode == 1 and "not today" in text and "taken back in git" in text, text
    expect(story.rollout(name), "failed", "not today")
    assert "0 to create, 0 to change, 0 to remove" in story.call("diff", name, "--env", "prod")
    story.call("release", f"{name}@v1.2.0", "--allow-denied")
    expect(story.rollout(name), "promoted")
    return {name: (200, 500)}, "v1.1.0 aborted and denied, v1.2.0 stopped by a person, and promoted the second time"


def outages_are_waited_for(story, name):
    """The API server restarts and Prometheus goes away in the middle."""
    begin(story, name)
    driver = story.start("rollout", "start", name, "--env", "prod")
    wait_until("20 %", 120, lambda: weight(story, name) == 0.2, driver)
    cluster = str(HERE.parent / "cluster")
    run(cluster, "stop", "prometheus")
    time.sleep(3)
    run(cluster, "stop", "kube-apiserver")
    time.sleep(2)
    run(cluster, "start", "kube-apiserver")
    text = driver.communicate(timeout=240)[0]
    run(cluster, "start", "prometheus")
    assert driver.returncode == 0, text
    expect(story.rollout(name), "promoted")
    return {name: (200,)}, "promoted"


def autoscaled_version_keeps_its_autoscaler(story, name):
    begin(story, name)
    drive(story, name)
    expect(story.rollout(name), "promoted")
    scalers = json.loads(api(f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"))["items"]
    mine = [one["spec"]["minReplicas"] for one in scalers if one["metadata"]["name"].startswith(name + "-")]
    assert mine == [2], mine
    monitors = json.loads(api(f"/apis/monitoring.coreos.com/v1/namespaces/{NAMESPACE}/podmonitors"))["items"]
    mine = [one["metadata"]["name"] for one in monitors if one["metadata"]["name"].startswith(name + "-")]
    revision = f"{name}-{story.rollout(name)['candidate']['revision']}"
    assert mine == [revision], mine
    assert scraped(revision), "Prometheus has not found the pods by their annotations"
    assert "0 to create, 0 to change, 0 to remove" in story.call("diff", name, "--env", "prod")
    return {name: (200,)}, "one autoscaler is left, with its own minimum"


def token_is_renewed(story, name):
    """The driver's token is refused in the middle: it asks its plugin again, and goes on."""
    begin(story, name)
    login = Login(story.folder.parent / "login-renewed", name)
    driver = story.start("rollout", "start", name, "--env", "prod", kubeconfig=login.kubeconfig)
    wait_until("20 %", 120, lambda: weight(story, name) == 0.2, driver)
    before = login.asked()
    login.renew()
    login.revoke(1)
    text = driver.communicate(timeout=180)[0]
    assert driver.returncode == 0, text
    expect(story.rollout(name), "promoted")
    assert login.asked() == before + 1, (before, login.asked())
    return {name: (200,)}, "promoted, with another token"


def token_that_is_not_renewed_ends_the_driver(story, name):
    """Nothing moves then, and somebody else goes on from where it is."""
    begin(story, name)
    login = Login(story.folder.parent / "login-revoked", name)
    driver = story.start("rollout", "start", name, "--env", "prod", user="first", kubeconfig=login.kubeconfig)
    wait_until("20 %", 120, lambda: weight(story, name) == 0.2, driver)
    login.lose()
    login.revoke(1)
    text = driver.communicate(timeout=60)[0]
    assert driver.returncode == 4 and "gave no credentials" in text, (driver.returncode, text)
    state = story.rollout(name)
    assert state["phase"] in ("preparing", "shifting", "measuring") and 0 < state["weight"] < 1, state
    drive(story, name, 0, "--take-over", user="second")
    state = story.rollout(name)
    expect(state, "promoted")
    assert any("second" in one["what"] and "took over" in one["what"] for one in state["events"]), state["events"]
    return {name: (200,)}, "the first ended with exit 4; the second took over and promoted"


def real_server_is_rolled_out(story, name):
    """MLServer itself in the pods, counted as MLServer counts."""
    begin(story, name)
    drive(story, name)
    state = story.rollout(name)
    expect(state, "promoted")
    assert state["plan"]["counting"]["requests"] == "rest_server_requests_total", state["plan"]["counting"]
    # 503: a pod that starves for processor time misses its probes. That no request fails is for the others to show.
    return {name: (200, 503)}, "promoted by MLServer's own counters"


def replayed(story, name):
    state = phase(story, name, "measuring")
    return state if state and state["replay"]["canary"]["answered"] > 40 else None


def quiet_version_is_promoted_by_replay(story, name):
    """One request a second: the driver asks both versions with golden cases. It dies once on the way."""
    begin(story, name)
    plan = story.call("rollout", "plan", name, "--env", "prod")
    assert "golden cases are replayed to pods of both versions" in plan, plan
    first = story.start("rollout", "start", name, "--env", "prod", user="first")
    state = wait_until("replayed requests", 120, lambda: replayed(story, name), first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    # Both pods of the canary have counted more than all clients sent it: 0.2/s.
    canary = f"{name}-{state['candidate']['revision']}-"
    counts = [count for pod, count in served(api).items() if pod.startswith(canary)]
    assert len(counts) == 2 and min(counts) >= 20, counts
    drive(story, name, 0, "--take-over", user="second")
    state = story.rollout(name)
    expect(state, "promoted")
    said = [event["what"] for event in state["events"]]
    assert sum("passed: " in one and "; replayed: " in one for one in said) == 2, said
    promoted = [one for one in said if one.startswith("promoted")]
    assert "2 of 2 judged steps passed with replayed requests" in promoted[0], said
    return {name: (200,)}, promoted[0]


def quiet_failing_version_is_aborted_by_replay(story, name):
    begin(story, name)
    drive(story, name, 1)
    state = story.rollout(name)
    expect(state, "failed", "errors: more than 1.5 times")
    assert "; replayed: " in state["reason"], state["reason"]
    return {name: (200, 500)}, state["reason"]


# name of the model: (scenario, v1.1.0, requests a second, rollout)
FIVE = {"steps": [{"weight": "5%", "for": "12s"}, {"weight": "25%", "for": "12s"}, {"weight": "50%", "for": "12s"},
                  {"weight": "100%"}], "judge": {"block": "4s", "errors": {"floor": "3%"}, "latency": {"floor": "10%"}}}
OWN = {**ROLLOUT["judge"], "metrics": [{
    "name": "class 0", "worse": 1.5, "ratio": [5, 3], "floor": "5%",
    "good": 'predictions_total{namespace="{namespace}", pod=~"{pods}", class="0"}',
    "total": 'sum by (pod) (predictions_total{namespace="{namespace}", pod=~"{pods}"})'}]}
REPLAY = {"low_traffic": "replay", "replay": {"rate": "40/s"}}
SCALED = {"serving": "{min: 2, max: 4}"}
SCENARIOS = {
    "equal": (equal_version_goes_to_all, FINE, 160, FIVE),
    "slower": (slower_version_is_aborted, {"delay_ms": 60, "jitter_ms": 10}, 60, None),
    "failing": (failing_version_is_aborted, {**FINE, "error_rate": 0.05}, 100, None),
    "drifting": (drifting_version_is_aborted, {**FINE, "wrong_rate": 0.3}, 80, {"judge": OWN}),
    "crashing": (crashing_version_is_aborted, {**FINE, "crash_rate": 0.02}, 30, None),
    "unstarted": (version_that_does_not_start_is_aborted, {"exit_at_start": True}, 10, None),
    "frozen": (frozen_driver_stops_when_it_wakes, FINE, 60, None),
    "doubled": (two_drivers_at_once_are_one, FINE, 60, None),
    "edited": (edited_route_pauses, FINE, 60, None),
    "asked": (verbs_work_from_another_machine, FINE, 40, None),
    "superseded": (newer_assignment_supersedes, FINE, 60, None),
    "scaled": (autoscaled_version_keeps_its_autoscaler, FINE, 60, SCALED),
    "renewed": (token_is_renewed, FINE, 60, None),
    "revoked": (token_that_is_not_renewed_ends_the_driver, FINE, 60, None),
    "quiet": (quiet_version_is_promoted_by_replay, FINE, 1, REPLAY),
    "quietbad": (quiet_failing_version_is_aborted_by_replay, {**FINE, "error_rate": 0.3}, 1, REPLAY),
    "released": (release_ends_in_the_cluster, {**FINE, "error_rate": 0.3}, 60, None),
}
LAST = {"mlserver": (real_server_is_rolled_out, None, 30, None),
        "outages": (outages_are_waited_for, FINE, 60, None)}  # alone: it takes from everybody
