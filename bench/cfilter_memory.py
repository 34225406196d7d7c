"""Memory of cfilter with the large database: one copy of it for all workers, and two while another is loaded.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import threading
import time

from processes import memory_mb, tree, tree_pss_mb

LOOK_S, RELOAD_WITHIN_S = 0.05, 300


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
        return f.read().strip()


def report(peer, database):
    """Of one cfilter that has scanned; nothing else runs with this database meanwhile."""
    front = peer.pids[0]
    below = tree(front)[1:]
    workers = [p for p in below if name_of(p) == "scan-worker"]
    pss, scanners = tree_pss_mb(front), sum(memory_mb(p)[0] for p in below)
    own = max(memory_mb(w)[1] for w in workers)
    peak = reload_peak(peer, database, front)
    print(f"  memory (sums of Pss, MB): {pss:.0f} in all; holder and {len(workers)} workers together {scanners:.0f}, of which a worker's own at most "
          f"{own:.1f}; peak while the database is loaded again {peak:.0f}, {peak / pss:.2f} times", flush=True)


def signatures(peer):
    """Of the engine in use; the socketmapd and policyd that do not run say so in the same answer."""
    said = peer.gatepost.ctl("status", "--stats").stdout
    return float(re.search(r"^\w*scan_signatures\S* ([0-9.e+]+)$", said, re.M).group(1))


def scanners_of(front):
    """The holders of engines and their workers; a process that saves something may come and go beside them."""
    found = []
    for pid in tree(front)[1:]:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                found += [pid] if b"scan-holder" in f.read() else []
        except OSError:
            pass
    return found


def wait_for_takeover(peer, front, before, processes):
    """The new engine serves, and the old holder and its workers have gone."""
    end = time.monotonic() + RELOAD_WITHIN_S
    while signatures(peer) <= before or len(scanners_of(front)) > processes:
        if time.monotonic() > end:
            raise TimeoutError("the new database did not take over")
        time.sleep(0.2)


def reload_peak(peer, database, front):
    """A signature more, and the sum of Pss is watched until the new generation has taken over and the old one has gone."""
    peak, done = [0.0], threading.Event()
    before, processes = signatures(peer), len(scanners_of(front))

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], tree_pss_mb(front))
            time.sleep(LOOK_S)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    path = os.path.join(database, "more.ndb")
    with open(path + ".new", "wb") as f:
        f.write(b"Gatepost.Bench.Third:0:*:" + b"nor does any of them hold this one".hex().encode() + b"\n")
    os.rename(path + ".new", path)
    try:
        wait_for_takeover(peer, front, before, processes)
    finally:
        done.set()
        watcher.join()
    return peak[0]
