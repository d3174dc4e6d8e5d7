"""measure_peers.py and measure_report.py over sample outputs: what counts as compared, as off and as missing."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import measure_peers  # noqa: E402
import measure_report  # noqa: E402


def nvbandwidth_output(name, matrix, status="Passed"):
    """As nvbandwidth 0.8 prints it with -j; figures are strings, one column a GPU."""
    case = {"bandwidth_description": "memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)", "name": name,
            "status": status, "sum": 110.4}
    if matrix is not None:
        case["bandwidth_matrix"] = matrix
    return json.dumps({"nvbandwidth": {"CUDA Runtime Version": 13000, "GPU Device list": ["0: NVIDIA H200"],
                                       "testcases": [case], "version": "v0.8"}}, indent=3) + "\n\n"


TEXT_OUTPUT = """Running host_to_device_memcpy_ce.
memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)
           0         1
 0     55.21     55.19
"""


class FakeEvent:
    def __init__(self, torch):
        self.torch = torch

    def record(self):
        self.at = self.torch.count * self.torch.milliseconds

    def elapsed_time(self, stop):
        return stop.at - self.at


class FakeTorch(types.SimpleNamespace):
    """Enough of it to be timed: each product takes so many milliseconds. There is no float8."""

    def __init__(self, milliseconds):
        backends = types.SimpleNamespace(cuda=types.SimpleNamespace(matmul=types.SimpleNamespace(allow_tf32=False)))
        cuda = types.SimpleNamespace(Event=lambda enable_timing: FakeEvent(self), synchronize=lambda: None)
        super().__init__(backends=backends, cuda=cuda, float64="d", float32="f", float16="h", bfloat16="b", count=0,
                         milliseconds=milliseconds)

    def randn(self, *size, device):
        return FakeMatrix(self)


class FakeMatrix:
    def __init__(self, torch):
        self.torch = torch

    def to(self, dtype):
        return self

    def t(self):
        return self

    def __matmul__(self, other):
        self.torch.count += 1


def compared(work):
    """The exit code and what was printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        table = measure_peers.Table()
        work(table)
        code = table.finish()
    return code, printed.getvalue()


class Nvbandwidth(unittest.TestCase):
    def test_the_first_gpus_figure_is_read(self):
        text = nvbandwidth_output("host_to_device_memcpy_ce", [["55.21", "54.9"]])
        self.assertEqual(measure_peers.bandwidth_of(text, "host_to_device_memcpy_ce"), 55.21)

    def test_what_gave_no_figure_is_none(self):
        name = "device_local_copy"
        for text in ("", TEXT_OUTPUT, "[]", "{}", nvbandwidth_output("another", [["1"]]),
                     nvbandwidth_output(name, [["1"]], "Error"), nvbandwidth_output(name, None, "Waived"),
                     nvbandwidth_output(name, [["N/A"]]), nvbandwidth_output(name, [["nan"]]),
                     nvbandwidth_output(name, [["0"]]), nvbandwidth_output(name, [[]]),
                     nvbandwidth_output(name, [["1"]]) * 2):
            self.assertIsNone(measure_peers.bandwidth_of(text, name), text)

    def test_a_column_number_is_no_figure(self):
        self.assertIsNone(measure_peers.bandwidth_of(TEXT_OUTPUT, "host_to_device_memcpy_ce"))

    def test_its_local_copy_counts_a_byte_once(self):
        self.assertEqual([times for _, times in measure_peers.NVBANDWIDTH.values()], [1, 1, 2])


class Bandwidths(unittest.TestCase):
    MINE = {"hostToDevice": 55.0, "deviceToHost": 54.0, "deviceCopy": 4000.0}

    def code(self, theirs, mine=None):
        return compared(lambda table: measure_peers.compare_bandwidths(table, mine or self.MINE, theirs))

    def test_within_three_percent_holds(self):
        self.assertEqual(self.code({"hostToDevice": 56.0, "deviceToHost": 53.0, "deviceCopy": 4100.0})[0], 0)

    def test_off_is_off_either_way(self):
        for copy in (4200.0, 3800.0):
            code, text = self.code({"hostToDevice": 55.0, "deviceToHost": 54.0, "deviceCopy": copy})
            self.assertEqual((code, text.count("**off**")), (1, 1))

    def test_a_missing_row_fails(self):
        code, text = self.code({"hostToDevice": 55.0, "deviceToHost": 54.0})
        self.assertEqual((code, text.count("**missing**")), (1, 1))
        self.assertEqual(self.code({})[0], 1)

    def test_one_that_we_lack_fails(self):
        self.assertEqual(self.code(dict(self.MINE), {**self.MINE, "deviceCopy": None})[0], 1)

    def test_no_nvbandwidth_is_said(self):
        code, text = self.code(None)
        self.assertEqual(code, 5)
        self.assertIn("- not compared: bandwidth: no nvbandwidth here\n", text)


class Products(unittest.TestCase):
    def code(self, speeds, torch):
        return compared(lambda table: measure_peers.compare_products(table, speeds, torch))

    @staticmethod
    def speed(milliseconds):
        return 2 * measure_peers.SIZE**3 / milliseconds / 1e9

    def test_alike_holds(self):
        code, text = self.code({"bf16": (self.speed(2), "cublasLt"), "tf32": (self.speed(2), "cublasLt")}, FakeTorch(2))
        self.assertEqual(code, 0, text)

    def test_slower_and_faster_are_off(self):
        for mine in (1.8, 2.2):
            self.assertEqual(self.code({"fp16": (self.speed(mine), "cublasLt")}, FakeTorch(2))[0], 1)

    def test_a_dtype_that_this_pytorch_lacks_costs_only_its_own_row(self):
        code, text = self.code({"bf16": (self.speed(2), "cublasLt"), "fp8": (1000, "cublasLt")}, FakeTorch(2))
        self.assertEqual(code, 5)
        self.assertIn("| bf16 TFLOPS |", text)
        self.assertIn("- not compared: product fp8: PyTorch: ", text)

    def test_nothing_compared_with_pytorch_here_fails(self):
        for speeds in ({}, {"fp8": (1000, "cublasLt")}, {"bf16": (400, "own")}):
            self.assertEqual(self.code(speeds, FakeTorch(2))[0], 1)

    def test_no_pytorch_is_said(self):
        code, text = self.code({"bf16": (700, "cublasLt")}, "no PyTorch here")
        self.assertEqual(code, 5)
        self.assertIn("- not compared: products: no PyTorch here\n", text)

    def test_pytorchs_own_cublas_is_found(self):
        with tempfile.TemporaryDirectory() as place:
            for folder, name in (("nvidia/cublas/lib", "libcublasLt.so.12"), ("nvidia/cu13/lib", "libcublasLt.so.13"),
                                 ("nvidia/cudnn/lib", "libcudnn.so.9")):
                path = pathlib.Path(place, folder)
                path.mkdir(parents=True)
                (path / name).touch()
            self.assertEqual(measure_peers.cublas_folders([place, "/nowhere"]),
                             [f"{place}/nvidia/cu13/lib", f"{place}/nvidia/cublas/lib"])


class Reports(unittest.TestCase):
    @staticmethod
    def problems(**verdicts):
        checks = [{"name": name.replace("_", "-"), "verdict": verdict} for name, verdict in verdicts.items()]
        return list(measure_report.problems_of({"gpus": [{"checks": checks}]}))

    def test_all_exact_checks_and_the_load_pass(self):
        self.assertEqual(self.problems(exact_gemm="pass", exact_bf16="pass", sustained="pass", copy="fail"), [])

    def test_each_that_did_not_is_named(self):
        self.assertEqual(self.problems(exact_gemm="pass", exact_bf16="skipped", sustained="error"),
                         ["GPU 0 exact-bf16: skipped", "GPU 0 sustained: error"])

    def test_what_is_not_there_did_not_pass(self):
        self.assertEqual(len(self.problems(copy="pass")), 3)
        self.assertEqual(list(measure_report.problems_of({"gpus": []})), ["no GPU in the report"])


if __name__ == "__main__":
    unittest.main()
