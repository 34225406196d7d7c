"""What processes cost: CPU and memory, read from /proc.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os

TICK = os.sysconf("SC_CLK_TCK")


def stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rsplit(")", 1)[1].split()


def cpu_s(pid):
    """User and system time of one process: of all its threads, those that have ended, too."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def waited_s(pid):
    """And of the children that have ended: workers that were recycled."""
    fields = stat_fields(pid)
    return (int(fields[13]) + int(fields[14])) / TICK


def tree(pid):
    """pid and all processes below it that live: one that has ended may wait to be reaped."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = stat_fields(entry)
                if fields[0] != "Z":
                    parents.setdefault(int(fields[1]), []).append(int(entry))
            except (OSError, ValueError, IndexError):
                pass
    found, new = [pid], [pid]
    while new:
        new = [child for p in new for child in parents.get(p, [])]
        found += new
    return found


def tree_cpu_s(pid):
    total = 0.0
    for p in tree(pid):
        try:
            total += cpu_s(p) + waited_s(p)
        except (OSError, IndexError):
            pass
    return total


def rss_mb(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def memory_mb(pid):
    """(Pss, private) of one process in MB."""
    pss = private = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            name, _, value = line.partition(":")
            if name == "Pss":
                pss = int(value.split()[0])
            elif name in ("Private_Clean", "Private_Dirty"):
                private += int(value.split()[0])
    return pss * 1024 / 1e6, private * 1024 / 1e6


def tree_pss_mb(pid):
    total = 0.0
    for p in tree(pid):
        try:
            total += memory_mb(p)[0]
        except OSError:
            pass
    return total
