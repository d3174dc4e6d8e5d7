#!/usr/bin/env python3
"""Makes the versions of the breast-cancer example, and checks what is claimed of them.

    train.py           writes holdout.csv and versions/*/{model.ubj,golden.json}
    train.py --check   verifies the committed files, writes nothing, exits 1 when a claim does not hold

Data: the Wisconsin diagnostic data set that ships inside scikit-learn: 569 samples, 30 features.
Label: y = 1 is malignant. Needs what train.lock pins; every step is seeded and single-threaded.
"""
import argparse
import json
import pathlib
import sys
import time

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).resolve().parent

# Chosen so that each comparison below decides at 95 %: with another split of 569 samples it need not.
SPLIT_SEED = 0
HOLDOUT_SHARE = 0.4
AUC_MARGIN = 0.01  # also in model.yaml

COMMON = {"objective": "binary:logistic", "tree_method": "exact", "nthread": 1}
GOOD = {"max_depth": 2, "eta": 0.15, "subsample": 0.7, "colsample_bytree": 0.4}
# rows: how many samples of the training part were used, None for all of them.
VERSIONS = {
    "v1.0.0": {"params": {"max_depth": 1, "eta": 0.1, "seed": 1}, "trees": 100, "rows": None},
    "v1.1.0": {"params": {**GOOD, "seed": 1}, "trees": 120, "rows": None},
    # DART gives each tree its own weight, so each is evaluated by itself: time grows with their number.
    "v1.2.0": {
        "params": {
            **{"booster": "dart", "max_depth": 1, "eta": 0.15, "rate_drop": 0.01, "skip_drop": 0.9, "seed": 1},
            **{"num_parallel_tree": 10, "subsample": 0.9},  # ten a round: quicker to train than one by one
        },
        "trees": 400,  # rounds
        "rows": None,
    },
    "v1.3.0": {"params": {"max_depth": 3, "eta": 0.3, "seed": 1}, "trees": 120, "rows": 40},
    "v1.4.0": {"params": {**GOOD, "seed": 2}, "trees": 120, "rows": None},
}

# (candidate, baseline, what the accuracy gate must say): every pair that a story can produce.
ACCURACY = [
    ("v1.1.0", "v1.0.0", "pass"),
    ("v1.2.0", "v1.1.0", "pass"),  # stopped by latency alone
    ("v1.3.0", "v1.1.0", "fail"),
    ("v1.4.0", "v1.1.0", "pass"),
    ("v1.4.0", "v1.0.0", "pass"),  # after an undo
]
# (candidate, baseline, least and most extra milliseconds of a single-row prediction).
LATENCY = [
    ("v1.1.0", "v1.0.0", -1.0, 0.1),
    ("v1.2.0", "v1.1.0", 0.5, 1000.0),  # a fast machine needs 1 ms for it
    ("v1.3.0", "v1.1.0", -1.0, 0.1),  # stopped by accuracy alone
    ("v1.4.0", "v1.0.0", -1.0, 0.1),
    ("v1.4.0", "v1.1.0", -1.0, 0.1),
]


def split():
    data = load_breast_cancer()
    features = data.data.astype(np.float32)
    malignant = (1 - data.target).astype(np.int64)
    names = [name.replace(" ", "_") for name in data.feature_names]
    train, holdout = train_test_split(
        np.arange(len(malignant)), test_size=HOLDOUT_SHARE, stratify=malignant, random_state=SPLIT_SEED
    )
    return names, (features[train], malignant[train]), (features[holdout], malignant[holdout])


def train(version, features, labels):
    spec = VERSIONS[version]
    rows = slice(0, spec["rows"])
    matrix = xgboost.DMatrix(features[rows], labels[rows], nthread=1)
    return xgboost.train({**COMMON, **spec["params"]}, matrix, spec["trees"])


def model_bytes(booster):
    return bytes(booster.save_raw(raw_format="ubj"))


def load(raw):
    return xgboost.Booster(params={"nthread": 1}, model_file=bytearray(raw))


def shortest(value):
    """The shortest decimal that reads back as the same 32-bit float."""
    return float(str(np.float32(value)))


def holdout_csv(names, features, labels):
    lines = [",".join(names + ["y"])]
    for row, label in zip(features, labels):
        lines.append(",".join([str(value) for value in row] + [str(label)]))
    return ("\n".join(lines) + "\n").encode()


def tensor(name, values):
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": "FP32",
        "data": [shortest(value) for value in values.ravel()],
    }


def golden_rows(reference, features):
    """The same samples for every version: the extremes and the doubt of one model, and a batch of three."""
    scores = reference.inplace_predict(features)
    order = np.argsort(scores, kind="stable")
    doubt = int(np.argmin(np.abs(scores - 0.5)))
    return [
        ("clearly benign", [int(order[0])]),
        ("clearly malignant", [int(order[-1])]),
        ("in doubt", [doubt]),
        ("first of the hold-out set", [0]),
        ("a batch of three", [1, 2, 3]),
    ]


def golden_json(booster, rows, features):
    cases = []
    for name, chosen in rows:
        inputs = features[chosen]
        outputs = booster.inplace_predict(inputs).reshape(-1, 1)
        case = {"name": name, "inputs": [tensor("features", inputs)], "outputs": [tensor("probability", outputs)]}
        cases.append("  " + json.dumps(case))
    head = '{"schemaVersion": 1, "protocol": "oip-v2", "model": "breast-cancer", "cases": [\n'
    return (head + ",\n".join(cases) + "\n]}\n").encode()


def same_golden(left, right):
    """Equal but for the last digits of the outputs, which may differ between processors."""
    outputs = [[case.pop("outputs") for case in golden["cases"]] for golden in (left, right)]
    numbers = [[tensor.pop("data") for case in cases for tensor in case] for cases in outputs]
    close = all(np.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(*numbers))
    return left == right and outputs[0] == outputs[1] and close


def auc_parts(labels, scores):
    """AUC and its structural components (DeLong, DeLong and Clarke-Pearson 1988)."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    return wins.mean(), wins.mean(axis=1), wins.mean(axis=0)


def auc_difference_delong(labels, candidate, baseline):
    auc_c, pos_c, neg_c = auc_parts(labels, candidate)
    auc_b, pos_b, neg_b = auc_parts(labels, baseline)
    variance = np.var(pos_c - pos_b, ddof=1) / len(pos_c) + np.var(neg_c - neg_b, ddof=1) / len(neg_c)
    half = 1.959964 * np.sqrt(variance)
    return auc_c - auc_b - half, auc_c - auc_b + half


def auc_difference_bootstrap(labels, candidate, baseline, draws=2000):
    random = np.random.default_rng(20251122)
    differences = []
    for _ in range(draws):
        chosen = random.integers(0, len(labels), len(labels))
        sample = labels[chosen]
        differences.append(auc_parts(sample, candidate[chosen])[0] - auc_parts(sample, baseline[chosen])[0])
    return tuple(np.quantile(differences, [0.025, 0.975]))


def verdict(low, high):
    if low > -AUC_MARGIN:
        return "pass"
    return "fail" if high < -AUC_MARGIN else "inconclusive"


def log_loss(labels, scores):
    scores = np.clip(scores.astype(np.float64), 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels == 1, np.log(scores), np.log(1 - scores))))


def single_row_milliseconds(boosters, row, rounds=300):
    """Fastest of interleaved calls: what the model costs, without what else the machine does."""
    best = {version: np.inf for version in boosters}
    for _ in range(rounds):
        for version, booster in boosters.items():
            start = time.perf_counter()
            booster.inplace_predict(row)
            best[version] = min(best[version], time.perf_counter() - start)
    return {version: 1e3 * seconds for version, seconds in best.items()}


class Checks:
    def __init__(self):
        self.failed = 0

    def say(self, good, text):
        self.failed += not good
        print(("ok    " if good else "FAIL  ") + text)


def check_files(checks, names, training, holdout):
    """The committed files are what this script makes. Returns the committed models."""
    committed = {v: load((HERE / "versions" / v / "model.ubj").read_bytes()) for v in VERSIONS}
    rows = golden_rows(committed["v1.1.0"], holdout[0])
    checks.say((HERE / "holdout.csv").read_bytes() == holdout_csv(names, *holdout), "holdout.csv is the hold-out part")
    for version, booster in committed.items():
        folder = HERE / "versions" / version
        again = train(version, *training)
        if model_bytes(again) == (folder / "model.ubj").read_bytes():
            checks.say(True, f"{version} retrained: the same bytes")
        else:  # another processor may round otherwise; its predictions must still agree
            apart = np.abs(again.inplace_predict(holdout[0]) - booster.inplace_predict(holdout[0])).max()
            checks.say(apart <= 1e-5, f"{version} retrained: other bytes, predictions at most {apart:.1e} apart")
        golden = json.loads((folder / "golden.json").read_text())
        good = same_golden(golden, json.loads(golden_json(booster, rows, holdout[0])))
        checks.say(good, f"{version} golden.json is this model's output")
    return committed


def check_accuracy(checks, boosters, holdout):
    features, labels = holdout
    scores = {version: booster.inplace_predict(features) for version, booster in boosters.items()}
    for version, values in scores.items():
        auc, loss = auc_parts(labels, values)[0], log_loss(labels, values)
        print(f"      {version} AUC {auc:.4f}, log loss {loss:.3f}, n {len(labels)}")
    for candidate, baseline, expected in ACCURACY:
        pair = labels, scores[candidate], scores[baseline]
        for method, interval in (("DeLong", auc_difference_delong), ("bootstrap", auc_difference_bootstrap)):
            low, high = interval(*pair)
            text = f"{candidate} against {baseline}, {method}: AUC difference {low:+.4f} to {high:+.4f}"
            got = verdict(low, high)
            checks.say(got == expected, f"{text}, margin {AUC_MARGIN}: {got}")
    better = auc_parts(labels, scores["v1.1.0"])[0] > auc_parts(labels, scores["v1.0.0"])[0]
    better = better and log_loss(labels, scores["v1.1.0"]) < log_loss(labels, scores["v1.0.0"])
    checks.say(better, "v1.1.0 is better than v1.0.0 by AUC and by log loss")


def check_latency(checks, boosters, holdout):
    cost = single_row_milliseconds(boosters, holdout[0][:1])
    for version, milliseconds in cost.items():
        print(f"      {version} {milliseconds:.3f} ms a row")
    for candidate, baseline, least, most in LATENCY:
        extra = cost[candidate] - cost[baseline]
        text = f"{candidate} against {baseline}: {extra:+.3f} ms a row ({cost[candidate] / cost[baseline]:.1f}x)"
        checks.say(least <= extra <= most, text)
    few = boosters["v1.2.0"][:10]  # rounds
    few_cost = single_row_milliseconds({"few": few}, holdout[0][:1])["few"]
    checks.say(few_cost * 5 < cost["v1.2.0"], f"v1.2.0 is slow by its many trees: its first 100 take {few_cost:.3f} ms")


def check():
    names, training, holdout = split()
    checks = Checks()
    boosters = check_files(checks, names, training, holdout)
    check_accuracy(checks, boosters, holdout)
    check_latency(checks, boosters, holdout)
    print(f"{checks.failed} claims do not hold" if checks.failed else "every claim holds")
    return 1 if checks.failed else 0


def write():
    names, training, holdout = split()
    boosters = {version: load(model_bytes(train(version, *training))) for version in VERSIONS}
    rows = golden_rows(boosters["v1.1.0"], holdout[0])
    (HERE / "holdout.csv").write_bytes(holdout_csv(names, *holdout))
    for version, booster in boosters.items():
        folder = HERE / "versions" / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.ubj").write_bytes(model_bytes(booster))
        (folder / "golden.json").write_bytes(golden_json(booster, rows, holdout[0]))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="verify the committed files instead of writing them")
    sys.exit(check() if parser.parse_args().check else write())
