#!/usr/bin/env python3
"""Runs transcripts: text files that show commands and what they print, through the real binary.

    # Prose.
    $ mlctl push models/m --version v1.0.0
    m v1.0.0  sha256:…
    $ mlctl show m@v9        # exit 2
    ✗ no version v9.0.0 of m
    -- models/m/model.yaml --
    apiVersion: mlctl/v1
    -- models/m/model.ubj <- examples/breast-cancer/versions/v1.0.0/model.ubj --

Commands run with bash, one after another, in a fresh folder that holds the files named at the end (`<-` copies one from
the sources), with fixed HOME, git identity, locale and time zone. Output is stdout and stderr together; `…` stands for
anything in a line, or alone for any lines; the folder itself is shown as WORK. Prose begins with `#`, behind an empty
line. `# needs: a b` skips the transcript where a program is missing, `# needs: tmpfs` where a small file
system cannot be mounted, `# needs: cluster` where no test cluster runs (tests/cluster).
MLCTL_UPDATE_GOLDEN=1 rewrites what does not match and reports skipped.
"""
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
LIMIT_S = 280
# What tests/cluster/transcripts_test.sh gives: a cluster, and the registry that its nodes would pull from.
CLUSTER = ("KUBECONFIG", "MLCTL_TEST_CLUSTER", "MLCTL_TEST_API", "MLCTL_TEST_REGISTRY", "MLCTL_TEST_PODMONITOR",
           "MLCTL_PLAIN_HTTP")
SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Step:
    def __init__(self, lines):
        self.lines = lines  # "$ …" and its continuations "> …", as written
        self.expected = []
        script = "\n".join(line[2:] for line in lines)
        code = re.search(r"\s+# exit (\d+)\s*$", script)
        self.code = int(code.group(1)) if code else 0
        self.script = script[: code.start()] if code else script


def parse(text):
    """Prose lines and steps in order, and the files as (name, source or None, content)."""
    parts, files, lines = [], [], text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    for index, line in enumerate(lines):
        if re.fullmatch(r"-- (\S.*) --", line):
            break
        if line.startswith("$ "):
            parts.append(Step([line]))
        elif line.startswith("> ") and isinstance(parts[-1], Step) and not parts[-1].expected:
            parts[-1] = Step(parts[-1].lines + [line])
        elif not parts or not isinstance(parts[-1], Step):
            parts.append(line)
        elif line.startswith("#") and parts[-1].expected[-1:] == [""]:
            parts.append(line)
        else:
            parts[-1].expected.append(line)
    else:
        index = len(lines)
    for line in lines[index:]:
        head = re.fullmatch(r"-- (\S+)(?: <- (\S+))? --", line)
        if head:
            files.append((head.group(1), head.group(2), []))
        else:
            files[-1][2].append(line)
    return parts, files, lines[index:]


def pattern(expected):
    text = ""
    for line in expected:
        if line.strip() == "…":
            text += r"(?:[^\n]*\n)*?"
        else:
            text += r"[^\n]*".join(re.escape(piece) for piece in line.split("…")) + r"\n"
    return re.compile(text)


def trimmed(lines):
    """Empty lines at the end are layout."""
    while lines and lines[-1] == "":
        lines = lines[:-1]
    return lines


def lay_out(files, folder):
    for name, source, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if source:
            shutil.copy(SOURCE / source, path)
        else:
            path.write_text("\n".join(content) + "\n")


def environment(root, binary):
    (root / "bin").mkdir()
    (root / "bin" / "mlctl").symlink_to(binary)
    (root / "home").mkdir()
    who = {"NAME": "Ada Example", "EMAIL": "ada@example.org"}
    return {
        "PATH": f"{root}/bin:" + os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": f"{root}/home", "TMPDIR": os.environ.get("TMPDIR", "/tmp"), "SOURCE": str(SOURCE),
        "TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "dumb", "GIT_CONFIG_NOSYSTEM": "1",
        **{name: os.environ[name] for name in CLUSTER if name in os.environ},
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()},
    }


def run_step(step, folder, env):
    script = "set -o pipefail\n" + step.script
    try:
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S)
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, output = 124, (late.stdout or b"") + f"\nstill running after {LIMIT_S} s\n".encode()
    text = output.decode("utf-8", "backslashreplace").replace(str(folder), "WORK")
    return code, trimmed(text.split("\n"))


def problem(step, code, output):
    expected = trimmed(step.expected)
    text = ""
    if code != step.code:
        text += f"  exit code {code}, expected {step.code}\n"
    if not pattern(expected).fullmatch("".join(line + "\n" for line in output)):
        lines = difflib.unified_diff(expected, output, "expected", "printed", lineterm="")
        text += "".join(f"  {line}\n" for line in lines)
    return text


def rewritten(step, code, output):
    tail = step.expected[len(trimmed(step.expected)):]
    step.lines[-1] = re.sub(r"\s+# exit \d+\s*$", "", step.lines[-1]) + (f"        # exit {code}" if code else "")
    step.expected = output + tail


def missing_programs(parts):
    wanted = [word for part in parts if isinstance(part, str) and part.startswith("# needs:")
              for word in part[len("# needs:"):].split()]
    return [word for word in wanted if not is_there(word)]


def is_there(word):
    if word == "cluster":
        return all(name in os.environ for name in CLUSTER)
    return may_mount() if word == "tmpfs" else shutil.which(word)


def may_mount():
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True).returncode == 0


def main(binary, transcript):
    parts, files, tail = parse(transcript.read_text())
    if missing := missing_programs(parts):
        print(f"skipped: {transcript.name} needs {', '.join(missing)}")
        return SKIPPED
    update, failures, changed = bool(os.environ.get("MLCTL_UPDATE_GOLDEN")), 0, False
    with tempfile.TemporaryDirectory(prefix="mlctl-script-") as place:
        root = pathlib.Path(place).resolve()
        folder = root / "work"
        folder.mkdir()
        lay_out(files, folder)
        env = environment(root, binary)
        for step in (part for part in parts if isinstance(part, Step)):
            code, output = run_step(step, folder, env)
            if not (text := problem(step, code, output)):
                continue
            failures += 1
            if update:
                rewritten(step, code, output)
                changed = True
            else:
                print("\n".join(step.lines) + "\n" + text)
    if changed:
        body = [line for part in parts for line in ([part] if isinstance(part, str) else part.lines + part.expected)]
        transcript.write_text("\n".join(body + tail) + "\n")
    if update:
        print(f"skipped: {transcript.name} was {'rewritten' if changed else 'run to be updated, nothing changed'}")
        return SKIPPED
    count = sum(isinstance(part, Step) for part in parts)
    print(f"{transcript.name}: {count} commands, {failures} unlike the transcript")
    return 1 if failures or not count else 0


def self_test():
    """A runner that lets everything pass would pass every other test."""
    text = "# Prose.\n$ printf 'a 1\\nb\\n# c\\n'; exit 3        # exit 3\na …\n…\n# c\n\n# More.\n$ cat f\nx\n-- f --\nx\n"
    cases = [(text, 0), (text.replace("exit 3\n", "exit 4\n"), 1), (text.replace("a …", "A …"), 1),
             (text.replace("# c\n\n", "# d\n\n"), 1), (text.replace("-- f --\nx", "-- f --\ny"), 1), ("# Prose.\n", 1)]
    with tempfile.TemporaryDirectory() as place:
        for index, (transcript, verdict) in enumerate(cases):
            path = pathlib.Path(place) / f"{index}.txt"
            path.write_text(transcript)
            if main(pathlib.Path("/bin/true"), path) != verdict:
                sys.exit(f"case {index} should have ended with {verdict}:\n{transcript}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        os.environ.pop("MLCTL_UPDATE_GOLDEN", None)
        sys.exit(self_test())
    if len(sys.argv) != 3:
        sys.exit("usage: run.py BINARY TRANSCRIPT")
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])))
