"""What cfilter is to reach, each as one figure of the measurement, and the table of what it has reached.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
FLOOR, NO_SCAN, VIRUS, PARSERS, EVERYTHING = ("floor", "cfilter, no scan", "cfilter, libclamav alone", "cfilter, every parser",
                                              "cfilter, everything, log, events")
DIRECT, TUNED, POOL = "libclamav called directly", "the same, malloc as in the workers", "the worker pool alone"
INSTREAM, CLAMSMTP = "clamd, INSTREAM", "clamsmtp + clamd"
FAST = "clamd, INSTREAM, temporary files in memory"


class Bars:
    """results: {(database, size, peer): Figure}, medians."""

    def __init__(self, results):
        self.results = results
        self.rows = []

    def add(self, what, value, bar, at_most):
        self.rows.append((what, value, bar, at_most))

    def cpu(self, database, size, peer):
        found = self.results.get((database, size, peer))
        return found.cpu_ms if found else None

    def times(self, what, database, size, peer, other, bar):
        """CPU of peer in units of other's: at most `bar`."""
        ours, theirs = self.cpu(database, size, peer), self.cpu(database, size, other)
        self.add(f"{what}, {size}", ours / theirs if ours and theirs else None, bar, True)

    def share(self, what, database, size, peer, bar):
        """What a direct call costs, as a share of what peer costs: at least `bar`.  The cheaper of the two ways to call it counts."""
        calls = [c for c in (self.cpu(database, size, DIRECT), self.cpu(database, size, TUNED)) if c]
        ours = self.cpu(database, size, peer)
        self.add(f"{what}, {size}", min(calls) / ours if calls and ours else None, bar, False)

    def collect(self):
        small, large = "small", "large"
        for size in ("4 kB", "60 kB", "5 MB"):
            self.times("no scan: CPU, times the bare proxy's", small, size, NO_SCAN, FLOOR, 1.5)
        found = self.results.get((small, "4 kB", NO_SCAN))
        self.add("no scan: p99 of the final dot's reply at 8 sessions, ms, 4 kB", found.p99_ms if found else None, 5, True)
        self.times("libclamav alone: CPU, times clamd INSTREAM's", small, "4 kB", VIRUS, INSTREAM, 0.6)
        self.times("libclamav alone: CPU, times clamsmtp + clamd's", small, "4 kB", VIRUS, CLAMSMTP, 0.25)
        for size in ("4 kB", "60 kB", "5 MB"):
            self.share("the pool alone: share of a direct call", small, size, POOL, 0.9)
        for size, bar in (("4 kB", 0.45), ("60 kB", 0.85), ("5 MB", 0.9)):
            self.share("through SMTP: share of a direct call", small, size, VIRUS, bar)
        for size in ("4 kB", "60 kB"):
            self.times("every parser: CPU, times clamd INSTREAM's", small, size, PARSERS, INSTREAM, 1.2)
        for size in ("4 kB", "60 kB"):
            self.share("large database, the pool alone: share of a direct call", large, size, POOL, 0.9)
        for size in ("4 kB", "60 kB"):
            self.times("large database, every parser: CPU, times a direct call's", large, size, PARSERS, TUNED, 1.5)
        return self

    def show(self):
        print(f"\n{'what':74} {'measured':>9}  {'bar':>8}")
        for what, value, bar, at_most in self.rows:
            limit = ("<= " if at_most else ">= ") + f"{bar:g}"
            if value is None:
                print(f"{what:74} {'-':>9}  {limit:>8}  not measured")
                continue
            reached = value <= bar if at_most else value >= bar
            print(f"{what:74} {value:9.2f}  {limit:>8}  {'reached' if reached else 'NOT REACHED'}")
