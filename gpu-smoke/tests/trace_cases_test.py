"""Every case of traces/cases.json through the real binary: exit code, cause, one check, and the schema.

A case changes places of a healthy report (`set`, by JSON pointer) and is judged with --fake. usage:
trace_cases_test.py GPU_SMOKE GPU_SMOKE_TESTS
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from check_schema import check as schema_problems

HERE = pathlib.Path(__file__).parent


def bases(tests, folder):
    for name, gpus in (("healthy", "1"), ("pair", "2")):
        text = subprocess.run([tests, "--healthy-trace", gpus], check=True, capture_output=True).stdout
        (folder / f"{name}.json").write_bytes(text)


def problems_of(case, binary, folder, schema):
    trace = folder / "trace.json"
    trace.write_text(json.dumps({"extends": case.get("base", "healthy") + ".json", "set": case["set"]}))
    command = [binary, "--fake", str(trace), "--output", "json", *case.get("arguments", [])]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.stderr:
        yield f"stderr: {run.stderr.strip()}"
    if run.returncode != case["exit"]:
        yield f"exit {run.returncode}, expected {case['exit']}"
    if not run.stdout:
        return
    report = json.loads(run.stdout)
    yield from schema_problems(report, schema, schema, "$")
    if report["cause"] != case["cause"]:
        yield f"cause {report['cause']}, expected {case['cause']} ({report['reason']})"
    if report["replayedFrom"] != str(trace):
        yield "a replayed report that does not say so"
    checks = report["checks"] + [check for gpu in report["gpus"] for check in gpu["checks"]]
    # Readers believe a verdict only when the checks say it too.
    order = ["fail", "error", "inconclusive", "pass"]
    said = {check["verdict"] for check in checks} & set(order)
    if report["verdict"] != next(verdict for verdict in order if verdict in said):
        yield f"verdict {report['verdict']}, the checks say {sorted(said)}"
    named = [check for check in checks if check["name"] == case.get("check")]
    wanted = case.get("verdict", {0: "pass", 1: "fail", 3: "error", 5: "inconclusive"}[case["exit"]])
    if "check" in case and not any(check["verdict"] == wanted for check in named):
        yield f"no check {case['check']} with {wanted}"


def main():
    binary, tests = sys.argv[1:]
    schema = json.loads((HERE.parent / "schema.json").read_text())
    cases = json.loads((HERE / "traces/cases.json").read_text())
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        bases(tests, folder)
        for case in cases:
            for problem in problems_of(case, binary, folder, schema):
                failed += 1
                print(f"failed: {case['behaviour']}: {problem}")
    print(f"{len(cases)} cases, {failed} problems")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
