"""A project with many models for a full cluster, load on each, and mlctl as people run it. Runs inside the cluster's
network namespace (`cluster run`), where pods, gateway and API server have their addresses."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
EXAMPLE = ROOT / "examples" / "breast-cancer"
GATEWAY = os.environ["MLCTL_TEST_GATEWAY"]
NAMESPACE = "models"

PROJECT = """apiVersion: mlctl/v1
kind: Project
registry: .mlctl/registry
models: models/*/model.yaml
namespace: {namespace}
runtimes:
  test: {{image: "{image}", profile: open-inference}}
  mlserver: {{image: "{mlserver}", profile: mlserver}}
environments:
  - name: prod
    cluster: {{context: test{prometheus}}}
    pull: oci://{registry}/models
    route: {{gateway: infra/public, host: models.test, metrics: traefik}}
    podMonitor: {{labels: {{release: test}}}}
"""
MODEL = """apiVersion: mlctl/v1
kind: Model
name: {name}
files: [model.ubj, behaviour.json]
serving:
  runtime: test
  resources: {{cpu: 20m, memory: 64Mi}}
  autoscale: {scale}
  local:
    command: [env, "PORT={{port}}", "MODEL_DIR=.", "MODEL_NAME={{model}}", "{program}"]
    ready: /v2/health/ready
rollout: {rollout}
"""
GOLDEN = "gate: {parity: {cases: golden.json}}\n"
MLSERVER = """apiVersion: mlctl/v1
kind: Model
name: {name}
files: [model.ubj, {{path: serve.py, role: code}}, model-settings.json]
serving:
  runtime: mlserver
  resources: {{cpu: 100m, memory: 512Mi}}
  autoscale: {{min: 2, max: 2}}
rollout: {rollout}
"""
# Blocks far below a minute: the judge's error rates do not hold then, and nothing here is about them.
ROLLOUT = {"steps": [{"weight": "20%", "for": "5s"}, {"weight": "50%", "for": "5s"}, {"weight": "100%"}],
           "judge": {"block": "4s", "errors": {"floor": "2%"}, "latency": {"floor": "10%"}},
           "look_around": "6s", "drain": {"timeout": "2s"}, "inconclusive": {"extend": "90s"}}


def run(*command, check=True, **more):
    return subprocess.run(command, check=check, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def wait_until(what, limit, condition, driver=None):
    """Polls a real system; fails with what was waited for, or with what a driver said that ended meanwhile."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        if driver and driver.poll() is not None:
            raise AssertionError(f"not reached: {what}; the driver ended with {driver.returncode}:\n"
                                 f"{driver.communicate()[0]}")
        time.sleep(0.3)
    raise AssertionError(f"not within {limit} s: {what}")


class Project:
    def __init__(self, folder, mlctl):
        self.folder, self.mlctl = pathlib.Path(folder), mlctl
        self.environment = {**os.environ, "MLCTL_PLAIN_HTTP": "true", "USER": "ada", "NO_COLOR": "1",
                            "XDG_CACHE_HOME": str(self.folder.parent / "cache")}
        self.folder.mkdir()
        self.git("init", "-q", "-b", "main", ".")
        self.git("config", "user.name", "ada")
        self.git("config", "user.email", "ada@example.test")
        prometheus = ', prometheus: {service: "monitoring/prometheus:9090"}'
        (self.folder / "mlctl.yaml").write_text(PROJECT.format(
            namespace=NAMESPACE, image=os.environ["MLCTL_TEST_SERVER_IMAGE"],
            mlserver=os.environ.get("MLCTL_TEST_MLSERVER_IMAGE", "none@sha256:" + "0" * 64),
            registry=os.environ["MLCTL_TEST_REGISTRY"], prometheus=prometheus))
        (self.folder / ".gitignore").write_text(".mlctl\n")

    def git(self, *words):
        return run("git", "-C", str(self.folder), *words, env=self.environment).stdout

    def write(self, name, weights, behaviour, rollout=None):
        """`rollout`: what differs from ROLLOUT; under "serving" its autoscaling."""
        rollout = dict(rollout or {})
        scale = rollout.pop("serving", "{min: 2, max: 2}")
        folder = self.folder / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.ubj").write_bytes((EXAMPLE / "versions" / weights / "model.ubj").read_bytes())
        (folder / "behaviour.json").write_text(json.dumps(behaviour))
        (folder / "model.yaml").write_text(MODEL.format(
            name=name, program=os.environ["MLCTL_TEST_SERVER_PROGRAM"], scale=scale,
            rollout=json.dumps({**ROLLOUT, **rollout})))
        if rollout.get("low_traffic") == "replay":
            (folder / "golden.json").write_bytes((EXAMPLE / "versions" / weights / "golden.json").read_bytes())
            (folder / "model.yaml").open("a").write(GOLDEN)

    def write_mlserver(self, name, weights):
        """The example as it is, for the real MLServer."""
        folder = self.folder / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.ubj").write_bytes((EXAMPLE / "versions" / weights / "model.ubj").read_bytes())
        (folder / "serve.py").write_text((EXAMPLE / "serve.py").read_text())
        settings = json.loads((EXAMPLE / "model-settings.json").read_text())
        (folder / "model-settings.json").write_text(json.dumps({**settings, "name": name}))
        # Its latency on two busy cores differs from pod to pod by more than a test could tell in a minute.
        judge = {**ROLLOUT["judge"], "latency": {"floor": "40%"}}
        (folder / "model.yaml").write_text(MLSERVER.format(name=name, rollout=json.dumps({**ROLLOUT, "judge": judge})))

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def start(self, *words, user="ada", clock=(), kubeconfig=None):
        """mlctl in the background, its output to be read at the end; `clock`: how faketime sets its clock wrong."""
        environment = {**self.environment, "USER": user, **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})}
        return subprocess.Popen([*clock, self.mlctl, *words], cwd=self.folder, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def call(self, *words, code=0, user="ada"):
        done = run(self.mlctl, *words, check=False, cwd=self.folder, env={**self.environment, "USER": user})
        assert done.returncode == code, f"mlctl {' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}"
        return done.stdout

    def json(self, *words):
        """What it answers with -o json, whatever its exit code; None where it says nothing."""
        done = subprocess.run([self.mlctl, *words, "-o", "json"], cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def rollout(self, model):
        return self.json("rollout", "status", model, "--env", "prod")


def answers(model, body):
    """Whether the gateway leads to the model: it has a route for a moment before it follows it."""
    request = urllib.request.Request(f"{GATEWAY}/{model}/v2/models/{model}/infer", data=pathlib.Path(body).read_bytes(),
                                     headers={"Host": "models.test", "Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=5).status == 200
    except OSError:
        return False


class Load:
    """hey (github.com/rakyll/hey): so many requests a second through the gateway until it is stopped."""

    def __init__(self, model, body, rate):
        workers, each = (max(2, rate // 10), 10) if rate >= 10 else (1, rate)
        self.least = 100 if rate >= 10 else 20  # answers that a scenario sees at least
        self.command = ["hey", "-z", "600s", "-c", str(workers), "-q", str(each), "-t", "10", "-host", "models.test",
                        "-m", "POST", "-T", "application/json", "-D", str(body),
                        f"{GATEWAY}/{model}/v2/models/{model}/infer"]
        self.process = subprocess.Popen(self.command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def stop(self):
        """How many answers of which status there were; what had none is under 'failed'."""
        self.process.send_signal(signal.SIGINT)
        text = self.process.communicate(timeout=30)[0]
        codes = {int(code): int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", text)}
        failed = re.findall(r"\[(\d+)\]\s+((?:Post|Get) .*)", text)
        if failed:
            codes["failed"] = failed
        return codes


def served(api):
    """Requests that each pod says it has answered, by pod: what the receiver saw, whatever a gateway claims."""
    pods = json.loads(api(f"/api/v1/namespaces/{NAMESPACE}/pods"))["items"]
    out = {}
    for pod in pods:
        address = pod["status"].get("podIP")
        if not address:
            continue
        try:
            page = urllib.request.urlopen(f"http://{address}:8080/metrics", timeout=2).read().decode()
        except OSError:
            continue
        out[pod["metadata"]["name"]] = sum(
            int(count) for count in re.findall(r"^inference_requests_total\{[^}]*\} (\d+)", page, re.M))
    return out


def scraped(prefix):
    """Pods whose counters Prometheus has, found by nothing but their annotations."""
    query = f'inference_requests_total{{namespace="{NAMESPACE}",pod=~"{prefix}-.*"}}'
    address = f"{os.environ['MLCTL_TEST_PROMETHEUS']}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    answer = json.loads(urllib.request.urlopen(address, timeout=5).read())
    return {one["metric"]["pod"] for one in answer["data"]["result"]}


def api(path, *words):
    return run(str(HERE.parent / "api"), path, *words).stdout
