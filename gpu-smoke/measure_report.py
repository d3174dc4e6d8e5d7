"""What a report of gpu-smoke says of its own correctness checks. For measure.sh.

usage: measure_report.py REPORT. Exit 0 when exact-gemm, every exact product and the sustained load passed on every GPU,
and each is there; else 1, with a line that says what did not.
"""
import json
import sys


def problems_of(report):
    gpus = report.get("gpus", [])
    if not gpus:
        yield "no GPU in the report"
    for index, gpu in enumerate(gpus):
        verdicts = {check["name"]: check["verdict"] for check in gpu["checks"]}
        exact = [name for name in verdicts if name.startswith("exact-") and name != "exact-gemm"]
        for name in ["exact-gemm", *(exact or ["exact-TYPE"]), "sustained"]:
            if verdicts.get(name) != "pass":
                yield f"GPU {index} {name}: {verdicts.get(name, 'not there')}"


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            problems = list(problems_of(json.load(file)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problems = [f"no report: {error!r}"]
    print("; ".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
