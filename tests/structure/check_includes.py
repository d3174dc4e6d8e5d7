#!/usr/bin/env python3
"""Checks the shape of the source tree: which house may include which, no cycles, heavy libraries only in their
adapters, no file too long.

    check_includes.py ROOT        one line per violation; exit 1 when there is any
    check_includes.py --self-test proves on made-up trees that each rule can fail
"""
import fnmatch
import os
import re
import sys
import tempfile

# A house may include itself and these. cli -> release -> {deploy, validate, registry} -> base.
MAY_INCLUDE = {
    "base": [],
    "registry": ["base"],
    "validate": ["base", "registry"],
    "deploy": ["base", "registry"],
    "release": ["base", "registry", "validate", "deploy"],
    "cli": ["base", "registry", "validate", "deploy", "release"],
}
# Headers that take seconds to compile: one adapter each (a pattern, for an adapter in several files).
ADAPTERS = {
    "CLI11": ("CLI/*", ["cli/parse*.cpp"]),
    "yaml-cpp": ("yaml-cpp/*", ["base/*yaml*.cpp"]),
    "libgit2": ("git2*", ["registry/git_libgit2*.cpp"]),
    "libcurl": ("curl/*", ["base/http_curl*.cpp"]),
    "zstd": ("zstd*", ["registry/compression.cpp"]),
    "boost": ("boost/*", ["validate/distributions*.cpp"]),
}
LONGEST_FILE = 350
LONGER_FILES = {}  # "path": "why it may be longer"

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def source_files(root, folder):
    for path, folders, names in os.walk(os.path.join(root, folder)):
        folders[:] = sorted(name for name in folders if name != "build")
        for name in sorted(names):
            if name.endswith((".h", ".cpp", ".cu", ".cuh")):
                yield os.path.relpath(os.path.join(path, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def check_ours(root, path, target, house, in_tests):
    """An include of ours is written from the root of the repository, and points down."""
    first = target.split("/")[0]
    if in_tests and first == "tests":
        return []
    if first not in MAY_INCLUDE:
        return [f'{path}: "{target}" does not begin with a house; write includes from the root of the repository']
    if first != house and first not in MAY_INCLUDE[house]:
        return [f'{path}: {house} must not include {first} ("{target}")']
    if not os.path.exists(os.path.join(root, target)):
        return [f'{path}: "{target}" does not exist']
    return []


def check_heavy(path, target):
    for library, (pattern, adapters) in ADAPTERS.items():
        if fnmatch.fnmatch(target, pattern) and not any(fnmatch.fnmatch(path, adapter) for adapter in adapters):
            return [f"{path}: <{target}>: only {' '.join(adapters)} may include {library}"]
    if fnmatch.fnmatch(target, "nlohmann/*") and target != "nlohmann/json_fwd.hpp" and not path.endswith(".cpp"):
        return [f"{path}: <{target}>: headers include <nlohmann/json_fwd.hpp> only"]
    return []


def check_file(root, path, house, in_tests=False):
    text = read(root, path)
    problems = []
    for bracket, target in INCLUDE.findall(text):
        if bracket == '"' or target.split("/")[0] in MAY_INCLUDE:
            problems += check_ours(root, path, target, house, in_tests)
        problems += check_heavy(path, target)
    if in_tests:
        return problems
    lines = text.count("\n")
    if lines > LONGEST_FILE and path not in LONGER_FILES:
        problems.append(f"{path}: {lines} lines; at most {LONGEST_FILE}")
    if path.endswith(".h") and not (text.startswith("//") and "#pragma once" in text):
        problems.append(f"{path}: a header opens with its contract (a // comment) and has #pragma once")
    return problems


def find_cycles(graph):
    """One message for every include that closes a cycle."""
    problems, done = [], set()

    def visit(node, trail):
        if node in trail:
            problems.append("include cycle: " + " -> ".join(trail[trail.index(node):] + [node]))
            return
        if node in done:
            return
        for following in graph.get(node, []):
            visit(following, trail + [node])
        done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return problems


def check_tree(root):
    problems, graph, seen = [], {}, 0
    for house in MAY_INCLUDE:
        for path in source_files(root, house):
            seen += 1
            problems += check_file(root, path, house)
            graph[path] = [target for _, target in INCLUDE.findall(read(root, path))]
        for path in source_files(root, os.path.join("tests", house)):
            problems += check_file(root, path, house, in_tests=True)
    for path in source_files(root, "gpu-smoke"):
        for bracket, target in INCLUDE.findall(read(root, path)):
            if target.split("/")[0] in MAY_INCLUDE:
                problems.append(f'{path}: gpu-smoke stands alone; it must not include "{target}"')
    for path in LONGER_FILES:
        if not os.path.exists(os.path.join(root, path)):
            problems.append(f"{path}: stands in LONGER_FILES but does not exist")
    if seen == 0:
        problems.append(f"{root}: no sources found")
    return problems + find_cycles(graph)


HEADER = "// A contract.\n#pragma once\n"
SELF_TEST = [
    # name, files, what a message must contain (None: no problem)
    ("a clean tree", {"base/a.h": HEADER, "cli/b.cpp": '#include <nlohmann/json.hpp>\n#include "base/a.h"\n'}, None),
    ("base includes a house above", {"base/a.cpp": '#include "registry/b.h"\n', "registry/b.h": HEADER},
     "base must not include registry"),
    ("validate and deploy meet", {"validate/a.cpp": '#include "deploy/b.h"\n', "deploy/b.h": HEADER},
     "validate must not include deploy"),
    ("deploy and validate meet", {"deploy/a.cpp": '  #  include "validate/b.h"\n', "validate/b.h": HEADER},
     "deploy must not include validate"),
    ("angle brackets do not hide", {"base/a.cpp": "#include <cli/b.h>\n", "cli/b.h": HEADER}, "must not include cli"),
    ("a test of a lower house reaches up", {"base/x.h": HEADER, "tests/base/a.cpp": '#include "cli/b.h"\n',
                                            "cli/b.h": HEADER}, "base must not include cli"),
    ("a test may use test helpers", {"base/x.h": HEADER, "tests/base/a.cpp": '#include "tests/base/help.h"\n'}, None),
    ("a cycle of two", {"base/a.h": HEADER + '#include "base/b.h"\n', "base/b.h": HEADER + '#include "base/a.h"\n'},
     "include cycle: base/a.h -> base/b.h -> base/a.h"),
    ("a header that includes itself", {"base/a.h": HEADER + '#include "base/a.h"\n'}, "include cycle"),
    ("an include not from the root", {"base/a.cpp": '#include "b.h"\n', "base/b.h": HEADER}, "from the root"),
    ("an include of nothing", {"base/a.cpp": '#include "base/none.h"\n'}, "does not exist"),
    ("CLI11 in a command", {"cli/push.cpp": "#include <CLI/CLI.hpp>\n"}, "may include CLI11"),
    ("CLI11 in its adapter", {"cli/parse.cpp": "#include <CLI/CLI.hpp>\n"}, None),
    ("curl in a header", {"base/http.h": HEADER + "#include <curl/curl.h>\n"}, "may include libcurl"),
    ("libgit2 elsewhere", {"release/a.cpp": "#include <git2.h>\n"}, "may include libgit2"),
    ("yaml-cpp elsewhere", {"deploy/a.cpp": "#include <yaml-cpp/yaml.h>\n"}, "may include yaml-cpp"),
    ("boost in a header", {"validate/a.h": HEADER + "#include <boost/math/distributions.hpp>\n"}, "may include boost"),
    ("nlohmann in a header", {"base/a.h": HEADER + "#include <nlohmann/json.hpp>\n"}, "json_fwd.hpp> only"),
    ("a long file", {"base/a.cpp": "\n" * (LONGEST_FILE + 1)}, f"at most {LONGEST_FILE}"),
    ("a header without contract", {"base/a.h": "#pragma once\n"}, "opens with its contract"),
    ("gpu-smoke leans on base", {"base/a.h": HEADER, "gpu-smoke/a.cu": '#include "base/a.h"\n'}, "stands alone"),
    ("an empty tree", {}, "no sources found"),
]


def self_test():
    failed = 0
    for name, files, expected in SELF_TEST:
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            problems = check_tree(root)
        good = not problems if expected is None else any(expected in problem for problem in problems)
        if not good:
            failed += 1
            print(f"self-test '{name}': expected {expected!r}, got {problems}")
    print(f"self-test: {len(SELF_TEST) - failed} of {len(SELF_TEST)} made-up trees judged right")
    return failed


def main(arguments):
    if arguments == ["--self-test"]:
        return 1 if self_test() else 0
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    problems = check_tree(arguments[0])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
