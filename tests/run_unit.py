#!/usr/bin/env python3
"""run_unit.py BUILD...: runs every unit test and every fuzz target's seeds of these build folders, one more at a time than there are cores: some wait for children and timers.

Shows at the end what the failing ones said, and with -v how long the slowest took; the last line is "N passed, N failed".
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

PROGRAM_SECONDS = 180
SAID_LINES, LINE_MOST = 60, 500
PASSED = re.compile(r"^\[  PASSED  \] (\d+) test\(s\)", re.M)
FAILED = re.compile(r"^\[  FAILED  \] [^0-9\n]*(\d+) test\(s\)", re.M)
SEEDS = re.compile(r"seeds passed$", re.M)
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def programs(build):
    for folder in ("tests", "seeds"):
        for path, _, names in os.walk(os.path.join(build, folder)):
            for name in names:
                if os.access(os.path.join(path, name), os.X_OK):
                    yield os.path.join(path, name)


def judge(status, said):
    """(passed, failed): a program that ends badly, or well without having tested anything, has failed."""
    passed = sum(int(n) for n in PASSED.findall(said))
    failed = sum(int(n) for n in FAILED.findall(said))
    if status == 0 and SEEDS.search(said):
        passed = 1
    if not failed and (status != 0 or (not passed and "SKIPPED" not in said)):
        failed = 1
    return passed, failed


def run(program):
    begun = time.monotonic()
    try:
        done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=PROGRAM_SECONDS, check=False)
        status, said = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, said = f"no end within {PROGRAM_SECONDS} s", late.stdout or b""
    said = said.decode("utf-8", "replace")
    passed, failed = judge(status, said)
    what = [f"---- {program} ended with {status}", *(line[:LINE_MOST] for line in said.splitlines()[-SAID_LINES:])] if failed else []
    return passed, failed, time.monotonic() - begun, program, what


def main():
    os.chdir(TOP)
    words = [w for w in sys.argv[1:] if w != "-v"]
    found = sorted(p for build in words for p in programs(build))
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 2) + 1) as pool:
        results = list(pool.map(run, found))
    if "-v" in sys.argv:
        for _, _, seconds, program, _ in sorted(results, key=lambda r: -r[2])[:20]:
            print(f"{seconds:6.2f} s  {program}")
    failures = [line for r in results for line in r[4]]
    if failures:
        print("==== what failed", *failures, sep="\n")
    passed, failed = sum(r[0] for r in results), sum(r[1] for r in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
