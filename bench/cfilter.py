"""cfilter beside a bare proxy, libclamav called directly, clamd and clamsmtp: CPU and latency a message, then the table of what was to be reached.

All peers of a database run side by side and are measured in turn, a few rounds; medians count.  Generator and next hop share the machine with
them, so rates say less than CPU.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import shutil
import statistics
import tempfile
import time

import cfilter_mail
import cfilter_memory
from cfilter_bars import CLAMSMTP, DIRECT, EVERYTHING, FAST, INSTREAM, NO_SCAN, PARSERS, POOL, TUNED, VIRUS, Bars
from cfilter_peers import ALL_PARSERS, CLAMD, CLAMSMTP as CLAMSMTPD, CORES, NO_SCAN as NO_SCAN_YAML, SESSIONS
from cfilter_peers import Cfilter, Clamd, Direct, Figure, Pool, Sink, scan, start_clamsmtp, start_floor

# Messages a measurement: about half a second of work.
MESSAGES = {
    ("small", "4 kB"): {"passes": 1500, "scans": 1200, CLAMSMTP: 80},
    ("small", "60 kB"): {"passes": 800, "scans": 160, CLAMSMTP: 48},
    ("small", "5 MB"): {"passes": 48, "scans": 8, CLAMSMTP: 8},
    ("large", "4 kB"): {"scans": 48},
    ("large", "60 kB"): {"scans": 24},
}
PASSES = ("floor", NO_SCAN)


def fast_folder(place):
    """For temporary files: in memory, as cfilter's own workers have theirs."""
    folder = tempfile.mkdtemp(prefix="gatepost-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    os.chmod(folder, 0o777)
    place.closers.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


def clam_peers(place, sink, database, fast):
    """clamd and clamsmtp, where they are; their temporary files lie in /tmp, as Debian has it."""
    peers, folder = [], place.folder("clam", 0o777)
    for path, name in ((CLAMD, "clamd"), (CLAMSMTPD, "clamsmtp")):
        if not os.path.exists(path):
            print(f"  {name} is left out: there is no {path} (DEPS_BENCH=1 tests/deps.sh unpacks it)")
    if os.path.exists(CLAMD):
        peers += [Clamd(place, INSTREAM, database, folder), Clamd(place, FAST, database, fast)]
        if os.path.exists(CLAMSMTPD):
            peers.append(start_clamsmtp(place, CLAMSMTP, sink, peers[0], folder))
    return peers


def median(figures):
    def of(field):
        values = [getattr(f, field) for f in figures if getattr(f, field) is not None]
        return statistics.median(values) if values else None
    return Figure(*(of(field) for field in Figure._fields))


def measure(database, size, path, peers, rounds, results):
    counts = MESSAGES[database, size]
    figures = {p.name: [] for p in peers}
    for p in peers:                       # each has its buffers and workers warm
        p.measure(path, SESSIONS)
    for _ in range(rounds):
        for p in peers:
            n = counts.get(p.name, counts["passes" if p.name in PASSES else "scans"])
            figures[p.name].append(p.measure(path, n))
    floor = None
    print(f"  {size}")
    for p in peers:
        f = results[database, size, p.name] = median(figures[p.name])
        floor = floor or (f.cpu_ms if p.name == "floor" else None)
        times = f"{f.cpu_ms / floor:7.1f} x floor" if floor else " " * 15
        late = f"   p50 {f.p50_ms:7.2f}  p99 {f.p99_ms:7.2f} ms" if f.p50_ms is not None else ""
        print(f"    {p.name:42} {f.cpu_ms:9.3f} ms CPU a message {times} {f.rate:9.0f}/s{late}", flush=True)


def small(place, options, messages, fast, sink, results):
    database = place.path("small-db")
    cfilter_mail.small_database(database)
    print(f"cfilter, small database (2 signatures), {SESSIONS} sessions, {CORES} cores, medians of {options.rounds} rounds")
    peers = [
        start_floor(place, sink),
        Cfilter(place, NO_SCAN, sink, NO_SCAN_YAML),
        Cfilter(place, VIRUS, sink, scan(database, parsers="[libclamav]")),
        Cfilter(place, PARSERS, sink, scan(database, parsers=ALL_PARSERS)),
        Cfilter(place, EVERYTHING, sink, scan(database, "{}"), told=True),
        Direct(place, DIRECT, database, fast, "plain"),
        Direct(place, TUNED, database, fast, "tuned"),
        Pool(place, POOL, database),
    ] + clam_peers(place, sink, database, fast)
    for size, path in messages.items():
        measure("small", size, path, peers, 1 if size == "5 MB" else options.rounds, results)
    stop_all(peers)


def large(place, options, messages, fast, sink, results):
    database = place.path("large-db")
    begun = time.monotonic()
    cfilter_mail.large_database(database, options.signatures)
    print(f"cfilter, large database ({options.signatures} MD5, {options.signatures * 3 // 10} body, {options.signatures // 50} logical signatures; "
          f"made in {time.monotonic() - begun:.0f} s)", flush=True)
    filtering = scan(database, parsers=ALL_PARSERS)
    peers = [
        Cfilter(place, VIRUS + " ", sink, scan(database, parsers="[libclamav]")),
        Cfilter(place, PARSERS + " ", sink, filtering),
        Direct(place, DIRECT, database, fast, "plain"),
        Direct(place, TUNED, database, fast, "tuned"),
        Pool(place, POOL, database),
    ] + clam_peers(place, sink, database, fast)[:1]
    for p in peers:
        p.name = p.name.strip()
    for size in ("4 kB", "60 kB"):
        measure("large", size, messages[size], peers, 1, results)
    stop_all([p for p in peers if p.name != PARSERS])
    cfilter_memory.report(next(p for p in peers if p.name == PARSERS), database)
    stop_all(peers)


def stop_all(peers):
    for p in peers:
        if hasattr(p, "stop"):
            p.stop()


def run(place, options):
    begun, results = time.monotonic(), {}
    messages = cfilter_mail.write_messages(place)
    fast, sink = fast_folder(place), Sink(place)
    small(place, options, messages, fast, sink, results)
    if options.signatures > 0:
        large(place, options, messages, fast, sink, results)
    Bars(results).collect().show()
    print(f"({time.monotonic() - begun:.0f} s)")
    return 0
