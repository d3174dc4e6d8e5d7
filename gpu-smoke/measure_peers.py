"""gpu-smoke's figures for GPU 0 beside PyTorch's products and nvbandwidth's transfers. For measure.sh.

usage: measure_peers.py GPU_SMOKE FOLDER. Prints a Markdown table. Exit 1: a figure is off by more than the issue allows
(products 5 %, bandwidth 3 %, either way), or a tool that is here gave none. 5: nothing of that, but something could not
be compared here; lines that begin with "- not compared: " say what. 0: all was compared, and held.
"""
import glob
import json
import math
import os
import shutil
import subprocess
import sys

SIZE = 8192
PRODUCT_LIMIT = 0.05
BANDWIDTH_LIMIT = 0.03
DTYPES = {"fp64": "float64", "fp32": "float32", "tf32": "float32", "fp16": "float16", "bf16": "bfloat16",
          "fp8": "float8_e4m3fn"}
# Theirs by our names, and how many times each byte counts in ours: nvbandwidth's local copy (0.8) counts a byte once,
# and ours as read and as written.
NVBANDWIDTH = {"hostToDevice": ("host_to_device_memcpy_ce", 1), "deviceToHost": ("device_to_host_memcpy_ce", 1),
               "deviceCopy": ("device_local_copy", 2)}


def cublas_folders(places):
    """Where PyTorch's wheels keep libcublasLt, below these folders of Python packages."""
    found = [path for place in places for part in ("nvidia/*/lib", "torch/lib")
             for path in glob.glob(os.path.join(glob.escape(place), part, "libcublasLt.so.1[23]"))]
    return sorted({os.path.dirname(path) for path in found})


def ours(binary, folder):
    """TFLOPS with their engine by type, and GB/s by name. With PyTorch's cublasLt, so that like is compared with like."""
    known = os.environ.get("LD_LIBRARY_PATH")
    folders = cublas_folders(sys.path) + ([known] if known else [])
    text = subprocess.run([binary, "--output", "json"], capture_output=True, text=True,
                          env={**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}).stdout
    with open(os.path.join(folder, "beside.json"), "w", encoding="utf-8") as file:
        file.write(text)
    return figures_of(json.loads(text))


def figures_of(report):
    gpu = report["gpus"][0]
    speeds = {run["inputType"]: (max(run["attemptsTeraflopsPerSecond"]), run["engine"])
              for run in gpu["gemmSpeeds"] if run["attemptsTeraflopsPerSecond"]}
    bandwidths = {name: max(gpu[name]["attemptsGigabytesPerSecond"], default=None) for name in NVBANDWIDTH}
    return speeds, bandwidths


def torch_product(torch, kind):
    """The product of this type on random data, to be called over and over."""
    a, b = (torch.randn(SIZE, SIZE, device="cuda") for _ in range(2))
    if kind == "int8":
        a, b = ((x * 32).clamp(-127, 127).to(torch.int8) for x in (a, b))
        return lambda: torch._int_mm(a, b.t())
    dtype = getattr(torch, DTYPES[kind])  # older releases lack some
    a, b = a.to(dtype), b.to(dtype)
    if kind == "fp8":
        one = torch.ones((), device="cuda")
        return lambda: torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
    return lambda: a @ b.t()


def torch_speeds(torch, kinds):
    """TFLOPS by type, the median of 7 timings of about 20 ms each; and by type why there is none."""
    def milliseconds(work, count):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            work()
        stop.record()
        torch.cuda.synchronize()
        return start.elapsed_time(stop) / count

    speeds, refused = {}, {}
    for kind in kinds:
        try:
            torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
            work = torch_product(torch, kind)
            milliseconds(work, 2)
            count = max(1, int(20 / milliseconds(work, 1)))
            times = sorted(milliseconds(work, count) for _ in range(7))
            speeds[kind] = 2 * SIZE**3 / times[3] / 1e9
        except (RuntimeError, AttributeError, TypeError) as error:
            refused[kind] = (str(error).splitlines() or ["no reason given"])[0]
    return speeds, refused


def bandwidth_of(text, test):
    """GB/s of GPU 0 from what `nvbandwidth -j` printed (0.5 or newer). None when this test gave none."""
    try:
        for case in json.loads(text)["nvbandwidth"]["testcases"]:
            if case["name"] == test and case["status"] == "Passed":
                value = float(case["bandwidth_matrix"][0][0])
                return value if math.isfinite(value) and value > 0 else None
    except (ValueError, KeyError, IndexError, TypeError):
        pass
    return None


def nvbandwidth():
    """GB/s by our names, as ours count; without those that gave none."""
    found = {}
    for name, (test, times) in NVBANDWIDTH.items():
        run = subprocess.run(["nvbandwidth", "-j", "-t", test], capture_output=True, text=True)
        value = bandwidth_of(run.stdout, test) if run.returncode == 0 else None
        if value is not None:
            found[name] = times * value
    return found


class Table:
    """What was compared, line by line as it is known."""

    def __init__(self):
        self.good = True
        self.compared = 0
        self.left_out = []
        print("| what | gpu-smoke | other | difference | |")
        print("| --- | --- | --- | --- | --- |")

    def compare(self, what, mine, theirs, limit, note):
        if not mine or not theirs:
            self.good = False
            self.row(what, mine, theirs, "", f"{note} **missing**")
            return
        self.compared += 1
        off = mine / theirs - 1
        held = abs(off) <= limit
        self.good = self.good and held
        self.row(what, mine, theirs, f"{100 * off:+.1f} %", note if held else f"{note} **off**")

    def row(self, what, mine, theirs, difference, note):
        numbers = " | ".join(f"{value:.1f}" if value else "-" for value in (mine, theirs))
        print(f"| {what} | {numbers} | {difference} | {note} |")

    def leave_out(self, what, why):
        self.left_out.append(f"{what}: {why}")

    def finish(self):
        for line in self.left_out:
            print(f"- not compared: {line}")
        return 1 if not self.good else 5 if self.left_out else 0


def compare_products(table, speeds, torch):
    """`torch`: the module, or why there is none."""
    if isinstance(torch, str):
        table.leave_out("products", torch)
        return
    fast = [kind for kind in speeds if speeds[kind][1] != "own"]
    for kind in sorted(speeds.keys() - fast):
        table.leave_out(f"product {kind}", "gpu-smoke found no libcublasLt")
    theirs, refused = torch_speeds(torch, fast)
    before = table.compared
    for kind in fast:
        if kind in refused:
            table.leave_out(f"product {kind}", f"PyTorch: {refused[kind]}")
        else:
            table.compare(f"{kind} TFLOPS", speeds[kind][0], theirs[kind], PRODUCT_LIMIT, speeds[kind][1])
    if table.compared == before:  # with both of them here that is no excuse
        table.compare("products", None, None, PRODUCT_LIMIT, "none could be compared:")


def compare_bandwidths(table, bandwidths, theirs):
    """`theirs`: None where there is no nvbandwidth."""
    if theirs is None:
        table.leave_out("bandwidth", "no nvbandwidth here")
        return
    for name, (_, times) in NVBANDWIDTH.items():
        note = "nvbandwidth" if times == 1 else f"nvbandwidth x {times}: it counts a byte once"
        table.compare(f"{name} GB/s", bandwidths[name], theirs.get(name), BANDWIDTH_LIMIT, note)


def import_torch():
    try:
        import torch
    except ImportError:
        return "no PyTorch here"
    return torch if torch.cuda.is_available() else "the PyTorch here has no CUDA"


def main():
    binary, folder = sys.argv[1:]
    try:
        speeds, bandwidths = ours(binary, folder)
    except (OSError, ValueError, KeyError, IndexError) as error:
        print(f"gpu-smoke gave no report to compare: {error!r}")
        return 1
    table = Table()
    compare_products(table, speeds, import_torch())
    compare_bandwidths(table, bandwidths, nvbandwidth() if shutil.which("nvbandwidth") else None)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
