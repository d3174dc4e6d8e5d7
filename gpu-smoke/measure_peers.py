"""gpu-smoke's figures for GPU 0 beside PyTorch's products and nvbandwidth's transfers. For measure.sh.

usage: measure_peers.py GPU_SMOKE FOLDER. Prints a Markdown table; exits 1 when a figure is off by more than the issue
allows (products 5 %, bandwidth 3 %). What cannot be compared here is said, not failed.
"""
import json
import re
import shutil
import subprocess
import sys

SIZE = 8192
PRODUCT_LIMIT = 0.05
BANDWIDTH_LIMIT = 0.03


def ours(binary, folder):
    text = subprocess.run([binary, "--output", "json"], capture_output=True, text=True).stdout
    with open(f"{folder}/beside.json", "w", encoding="utf-8") as file:
        file.write(text)
    gpu = json.loads(text)["gpus"][0]
    speeds = {run["inputType"]: (max(run["attemptsTeraflopsPerSecond"]), run["engine"])
              for run in gpu["gemmSpeeds"] if run["attemptsTeraflopsPerSecond"]}
    bandwidths = {name: max(gpu[name]["attemptsGigabytesPerSecond"], default=0)
                  for name in ("hostToDevice", "deviceToHost", "deviceCopy")}
    return speeds, bandwidths


def torch_products():
    """TFLOPS by type: the median of 7 timings of about 20 ms each, on random data."""
    import torch

    def operands(kind):
        a, b = (torch.randn(SIZE, SIZE, device="cuda") for _ in range(2))
        if kind == "int8":
            return [(x * 32).clamp(-127, 127).to(torch.int8) for x in (a, b)]
        dtypes = {"fp64": torch.float64, "fp16": torch.float16, "bf16": torch.bfloat16, "fp8": torch.float8_e4m3fn}
        return [x.to(dtypes.get(kind, torch.float32)) for x in (a, b)]

    def product(kind, a, b):
        if kind == "int8":
            return torch._int_mm(a, b.t())
        if kind == "fp8":
            one = torch.ones((), device="cuda")
            return torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
        return a @ b.t()

    def milliseconds(work, count):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            work()
        stop.record()
        torch.cuda.synchronize()
        return start.elapsed_time(stop) / count

    speeds = {}
    for kind in ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8"):
        torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
        try:
            a, b = operands(kind)
            work = lambda: product(kind, a, b)
            milliseconds(work, 2)
            count = max(1, int(20 / milliseconds(work, 1)))
            times = sorted(milliseconds(work, count) for _ in range(7))
            speeds[kind] = 2 * SIZE**3 / times[3] / 1e9
        except (RuntimeError, AttributeError, TypeError) as error:
            print(f"- PyTorch {kind}: {str(error).splitlines()[0]}")
    return speeds


def nvbandwidth():
    """GB/s by our names. Its device-local copy counts bytes read and written, as ours does."""
    tests = {"hostToDevice": "host_to_device_memcpy_ce", "deviceToHost": "device_to_host_memcpy_ce",
             "deviceCopy": "device_local_copy"}
    found = {}
    for name, test in tests.items():
        run = subprocess.run(["nvbandwidth", "-t", test], capture_output=True, text=True)
        row = re.search(r"^\s*0\s+([\d.]+)", run.stdout, re.MULTILINE)
        if row:
            found[name] = float(row.group(1))
    return found


def compare(rows, limit):
    good = True
    for name, mine, theirs, note in rows:
        off = mine / theirs - 1
        held = off >= -limit
        good = good and held
        print(f"| {name} | {mine:.1f} | {theirs:.1f} | {100 * off:+.1f} % | {note}{'' if held else ' **off**'} |")
    return good


def main():
    binary, folder = sys.argv[1:]
    speeds, bandwidths = ours(binary, folder)
    print("| what | gpu-smoke | other | difference | |")
    print("| --- | --- | --- | --- | --- |")
    good = True
    try:
        theirs = torch_products()
    except ImportError:
        theirs = {}
        print("| products | | not compared: no PyTorch here | | |")
    good &= compare([(f"{kind} TFLOPS", *(speeds[kind][0], theirs[kind]), speeds[kind][1])
                     for kind in speeds if kind in theirs], PRODUCT_LIMIT)
    if shutil.which("nvbandwidth"):
        theirs = nvbandwidth()
        good &= compare([(f"{name} GB/s", bandwidths[name], theirs[name], "nvbandwidth") for name in theirs],
                        BANDWIDTH_LIMIT)
    else:
        print("| bandwidth | | not compared: no nvbandwidth here | | |")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
