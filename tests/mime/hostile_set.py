"""The hostile messages that count: those that a real mail reader, library or unpacker opens, and how far.

readers.txt was measured with 28 of them: what it does not name is opened with exactly the test file's 68 bytes inside; `part` stands before what is
opened only with other bytes around the test file, `none` before what nobody opens.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os

from . import hostile

SEED, PAIRS, TRIPLES, ACCIDENTS = "1", 300, 80, 160
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "readers.txt")


def candidates():
    return list(hostile.candidates(SEED, PAIRS, TRIPLES, ACCIDENTS, in_turn=True))


def measured():
    with open(FILE, encoding="ascii") as f:
        return {name: level for level, name in (line.rstrip("\n").split(" ", 1) for line in f if not line.startswith("#"))}


def opened(whole=False):
    """whole: only those in which some reader finds the test file and nothing else."""
    known = measured()
    return [m for m in candidates() if known.get(m.name) not in (("none", "part") if whole else ("none",))]
