#!/usr/bin/env python3
"""Runs tests/e2e/test_*.py, several files at a time; what failed is told once more at the end, the last line is "N passed, N failed".

Most of a test's time is waiting for real servers, so three files share two cores well.  A file that measures time or fills the machine
says ALONE = True and runs when no other does; one that takes minutes says LONG = True and begins first.  GATEPOST_BUILD chooses the build (build, build/san), E2E_JOBS how many at a time.
Arguments: file or test names to run alone, in this process.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "e2e"))

JOBS = int(os.environ.get("E2E_JOBS", "3"))
FILE_SECONDS = 600
LAST_LINES, LINE_MOST = 60, 500
FAILURES = re.compile(r"^={70}\n(?:FAIL|ERROR|UNEXPECTED SUCCESS): .*?(?=^-{70}\nRan \d)", re.M | re.S)
SUM = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed = getattr(self, "passed", 0) + 1


def told(passed, failed, skipped):
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def run_here(names):
    suite = unittest.TestLoader().loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = getattr(result, "passed", 0)
    print(told(passed, failed, len(result.skipped)), flush=True)
    return 1 if failed or not passed + len(result.skipped) else 0


def says(path, word):
    with open(path, encoding="utf-8") as f:
        return re.search(rf"^{word} = True$", f.read(), re.M) is not None


def run_file(path):
    """(what it said, passed, failed, skipped) of one file in a process of its own."""
    name = os.path.splitext(os.path.basename(path))[0]
    begun = time.monotonic()
    try:
        p = subprocess.run([sys.executable, os.path.abspath(__file__), name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=FILE_SECONDS, check=False)
        said, status = p.stdout.decode(errors="replace"), p.returncode
    except subprocess.TimeoutExpired as e:
        said, status = (e.stdout or b"").decode(errors="replace"), "none: stopped after its time"
    sums = SUM.findall(said)
    said = f"---- {name} ({time.monotonic() - begun:.0f} s)\n{said}"
    if not sums:
        return f"{said}{name}: ended with status {status} and without a result\n", 0, 1, 0
    passed, failed, skipped = (int(n or 0) for n in sums[-1])
    return said, passed, failed + (1 if status != 0 and failed == 0 else 0), skipped


def what_failed(said):
    """The part of a failed file's words that tells which of its tests failed and why; its last ones where it got no result."""
    found = FAILURES.search(said)
    lines = found.group().splitlines() if found else said.splitlines()[-LAST_LINES:]
    return "\n".join(line[:LINE_MOST] for line in [said.split("\n", 1)[0], *lines])


def run_files(paths, jobs, total):
    failures = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for said, *counts in pool.map(run_file, paths):
            print(said, end="", flush=True)
            total[:] = [a + b for a, b in zip(total, counts)]
            if counts[1]:
                failures.append(what_failed(said))
    return failures


def run_all():
    paths = sorted(glob.glob(os.path.join(HERE, "e2e", "test_*.py")))
    paths.sort(key=lambda p: not says(p, "LONG"))
    alone = [p for p in paths if says(p, "ALONE")]
    total = [0, 0, 0]
    failures = run_files([p for p in paths if p not in alone], JOBS, total) + run_files(alone, 1, total)
    if failures:
        print("==== what failed", *failures, sep="\n")
    print(told(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(run_here(sys.argv[1:]) if sys.argv[1:] else run_all())
