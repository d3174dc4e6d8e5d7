#!/usr/bin/env python3
"""Holds the pickle scanner against CPython's own unpickler on random, mostly broken pickles.

Every import that CPython asks for must be one that the scanner saw, or the scanner must have said that something could
not be resolved; and what CPython loads without an error must not be called malformed. Nothing is imported or run:
find_class answers with a stub. Usage: ninja -C build/dev pickle-imports && pickle-oracle.py build/dev/pickle-imports
[SEED [CASES]]
"""
import io
import os
import pickle
import random
import resource
import struct
import subprocess
import sys

FRAGMENTS = [
    b"cos\nsystem\n", b"(S'id'\ntR", b"\x8c\x02os", b"\x8c\x06system", b"\x93", b"\x94", b"h\x00", b"h\x01", b"q\x00", b"p1\n",
    b"g1\n", b"0", b"1", b"2", b"(", b".", b"N", b"K\x01", b"(ios\nsystem\n", b"o", b"b", b"\x81", b"\x92", b"R", b"t", b")",
    b"}", b"]", b"\x85", b"\x86", b"\x87", b"Vos\n", b"S'os'\n", b"S'sys\\x74em'\n", b"U\x02os", b"T\x02\0\0\0os",
    b"X\x02\0\0\0os", b"u", b"s", b"a", b"e", b"\x8f", b"\x90", b"\x91", b"\x80\x04", b"\x95\x05\0\0\0\0\0\0\0", b"j\0\0\0\0",
    b"r\0\0\0\0", b"Pq\n", b"Q", b"\x98", b"I1\n", b"I01\n", b"L5L\n", b"F1.5\n", b"\x96\x01\0\0\0\0\0\0\0a", b"Vo\\u0073\n",
    b"g 1\n", b"p 2\n", b"g0x1\n", b"p+3\n", b"g1_0\n",
]
VALUES = ([1, (2,), {"a": "os", "b": "system"}], {1}, "x", b"y", 2**80, bytearray(b"z"))


class Runs:
    def __reduce__(self):
        return os.system, ("echo never",)


class Stub:
    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return Stub()

    def __setitem__(self, key, value):
        pass

    def __hash__(self):
        return 1

    def __setstate__(self, state):
        pass

    append = extend = add = __setstate__


class Recorder(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.seen = []

    def find_class(self, module, name):
        self.seen.append((module, name))
        return Stub

    def persistent_load(self, key):
        return Stub()


def generate(seeds):
    if random.random() < 0.5:
        return b"".join(random.choice(FRAGMENTS) for _ in range(random.randint(1, 25))) + b"."
    out = bytearray(random.choice(seeds))
    for _ in range(random.randint(0, 4)):
        kind, at = random.random(), random.randrange(len(out) + 1)
        if kind < 0.4:
            out[at:at] = random.choice(FRAGMENTS)
        elif kind < 0.6 and at < len(out):
            out[at] = random.randrange(256)
        elif kind < 0.8:
            del out[at : at + random.randint(1, 4)]
        else:
            out += random.choice(seeds)
    return bytes(out)


def load(data):
    """What CPython imports, and whether everything loaded."""
    file, seen, loaded = io.BytesIO(data), set(), True
    try:
        for _ in range(5):
            recorder = Recorder(file)
            try:
                recorder.load()
            finally:
                seen |= set(recorder.seen)
            if file.tell() >= len(data):
                break
    except (Exception, RecursionError, MemoryError):
        loaded = False
    return seen, loaded


def answers(program, cases):
    sent = b"".join(struct.pack("<I", len(case)) + case for case in cases)
    out, at = subprocess.run([program], input=sent, stdout=subprocess.PIPE, check=True).stdout, 0
    for _ in cases:
        (size,) = struct.unpack_from("<I", out, at)
        *imports, flags = out[at + 4 : at + 4 + size].decode().split(",")
        at += 4 + size
        names = {tuple(bytes.fromhex(part) for part in one.split(":")) for one in imports}
        yield names, flags[0] == "U", flags[1] == "E"


def main():
    program, seed, count = sys.argv[1], int((sys.argv + ["1"])[2]), int((sys.argv + ["", "100000"])[3])
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    random.seed(seed)
    seeds = [pickle.dumps(value, protocol=p) for p in range(6) for value in (*VALUES, {"model": Runs()})]
    cases = [generate(seeds) for _ in range(count)]
    old_names = {"builtins": "__builtin__", "copyreg": "copy_reg"}  # fix_imports of protocols below 3
    missed = stricter = loaded_all = 0
    for case, (names, unresolved, broken) in zip(cases, answers(program, cases)):
        seen, loaded = load(case)
        loaded_all += loaded
        for module, name in seen:
            spellings = {(spelling.encode("utf8", "surrogatepass"), name.encode("utf8", "surrogatepass"))
                         for spelling in (module, old_names.get(module, module))}
            if not unresolved and not spellings & names:
                missed += 1
                print("missed", (module, name), case)
        if loaded and broken and not unresolved:
            stricter += 1
            print("called malformed, but loads", case)
    print(f"seed {seed}: {count} pickles, {loaded_all} loaded by CPython, {missed} imports missed, {stricter} called malformed")
    sys.exit(1 if missed or stricter else 0)


if __name__ == "__main__":
    main()
