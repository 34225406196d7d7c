"""Hostile content: each message has its answer in time and within the worker's memory, and nobody else notices.

GATEPOST_HEAVY=1 makes the messages as large as they are meant to be.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import threading
import time

from rig import mails
from rig.alone import SANITIZED, AloneTest
from rig.bombs import bombs

SCALE = 10 if os.environ.get("GATEPOST_HEAVY") else 1
# The bar is ten seconds on a quiet machine of two cores.
WALL_S = 10 * (6 if SANITIZED else 2)
CANARY_MS = 8000 if SANITIZED else 4000
FRONT_GROWS_MAX = 64 << 20         # the buffers of the largest message; nothing of it may stay
MEMORY = 512 << 20


def status_kb(pid, name):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return next((int(line.split()[1]) for line in f if line.startswith(name + ":")), 0)
    except OSError:
        return 0


# More than the limits allow: passes by default, but never without being told of.
OVER = ("layered zip", "layered zip, small inside", "layered zip, too large inside", "zip in zip 100", "zip in zip 40, a virus inside", "overlapped zip",
        "zip quine", "zstd of zeros", "zstd in zip, many")


class Bombs(AloneTest):
    options = {"filter": ", workers: \"2\", max_message: 120M", "virus": "{database: db, trusted_databases: [demo.ndb], max_file: 130M}"}

    def canaries(self, done, results):
        while not done.is_set():
            for message, code in ((mails.plain("beside it"), 250), (mails.eicar_zip(), 554)):
                outcome = self.alone.send(message)
                results.append((outcome.code == code, outcome.ms, str(outcome)))
            done.wait(0.05)

    def test_every_one(self):
        done, beside = threading.Event(), []
        canary = threading.Thread(target=self.canaries, args=(done, beside))
        before, held = self.alone.outcomes(), status_kb(self.alone.pid, "VmRSS")
        wrong, told, most = [], [], 0
        canary.start()
        try:
            for name, message in bombs(SCALE):
                begun = time.monotonic()
                outcome = self.alone.send(message)
                took = time.monotonic() - begun
                most = max([most] + [status_kb(w, "VmHWM") for w in self.alone.workers()])
                told.append(f"{took:6.2f} s  {name}: {outcome}")
                if outcome.code not in (250, 451, 550, 552, 554) or "." not in outcome.reply.text:
                    wrong.append(f"{name}: {outcome}")
                if name in OVER and outcome.code == 250 and not re.search(rf" size={len(message)} action=tag ", self.place.log("cfilter")):
                    wrong.append(f"{name}: passed without a word of what could not be looked at")
                if took > WALL_S:
                    wrong.append(f"{name}: {took:.1f} s")
        finally:
            done.set()
            canary.join()
        after = self.alone.outcomes()
        print("\n".join(told))
        print(f"workers' memory at the most {most // 1024} MB; scans {({k: after[k] - before[k] for k in after})}")
        wrong += [f"beside: {text} after {ms:.0f} ms" for ok, ms, text in beside if not ok or ms > CANARY_MS]
        self.assertEqual(wrong, [])
        self.assertGreater(len(beside), 10)
        for bad in ("crashed", "garbage", "timeout", "no_engine", "busy"):
            self.assertEqual(after[bad], before[bad], bad)
        if not SANITIZED:
            self.assertLess(most * 1024, MEMORY + (64 << 20))
            self.assertLess((status_kb(self.alone.pid, "VmRSS") - held) * 1024, FRONT_GROWS_MAX)
