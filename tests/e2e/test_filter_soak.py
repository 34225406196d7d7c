"""Mixed mail with a fault every few seconds: at the end everything that was accepted has come once, and nothing else.

GATEPOST_SOAK_S: how long (20 s if not said).  The order of faults is drawn from GATEPOST_SOAK_SEED, which is told when it fails.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import random
import signal
import socket
import time

from rig import mails, nexthop
from rig.alone import SANITIZED, AloneTest
from rig.traffic import Traffic

SECONDS = float(os.environ.get("GATEPOST_SOAK_S", "20"))
SEED = int(os.environ.get("GATEPOST_SOAK_SEED", str(int(time.time()))))
BETWEEN_S = 2.0
RECOVERS_S = 60 if SANITIZED else 30
GROWS_MAX = 24 << 20


class Soak(AloneTest):
    options = {"filter": ", scan_timeout: 5s, reinject_timeout: 2s, unscannable: {after_tries: 1000, after: 30d}",
               "virus": "{database: db, trusted_databases: [demo.ndb], min_signatures: 1}"}

    def tearDown(self):
        """The front is stopped and started here."""

    # ---- the faults ----

    def some(self, pids, sig):
        for pid in self.rnd.sample(pids, min(len(pids), 1)):
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass

    def worker_crashes(self):
        self.some(self.alone.workers(), self.rnd.choice((signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT)))

    def worker_hangs(self):
        self.some(self.alone.workers(), signal.SIGSTOP)

    def holder_dies(self):
        self.some(self.alone.holders(), signal.SIGKILL)

    def database_changes(self):
        more = b"".join(b"Soak-%d:0:*:%016x%016x\n" % (i, 0xC0FFEE00D15EA5E0 + i, 0xFEEDFACE0BADBEEF) for i in range(self.rnd.randrange(1, 500)))
        self.place.write("db/demo.tmp", mails.signature_database() + more)
        os.rename(self.place.path("db/demo.tmp"), self.place.path("db/demo.ndb"))

    def database_breaks(self):
        self.place.write("db/demo.ndb", os.urandom(1000))

    def next_hop_refuses(self):
        self.alone.hop.refuse()
        time.sleep(0.5)
        self.alone.hop.start()

    def next_hop_fails(self):
        """In the next dozen connections, each at a step of its own."""
        ways = (nexthop.close, nexthop.reset, nexthop.hang, b"451 4.3.0 not now\r\n", b"421 4.3.2 going\r\n", b"\0\xff\r\n", nexthop.endless)
        for _ in range(12):
            phase = self.rnd.choice(("greeting", "ehlo", "xforward", "mail", "rcpt", "data", "dot"))
            self.alone.hop.scripts.append({phase: self.rnd.choice(ways if phase != "dot" else (nexthop.lose_reply, nexthop.put_off))})

    def fronts_leave(self):
        for _ in range(5):
            c = self.alone.client()
            self.alone.until(self.rnd.choice(("EHLO", "MAIL", "RCPT", "DATA")), c)
            c.send(b"Subject: left\r\n")
            c.sock.close()

    def many_slow_ones(self):
        self.slow += [socket.create_connection(("127.0.0.1", self.alone.port)) for _ in range(100)]

    def reload(self):
        text = self.alone.yaml()
        self.alone.gatepost.configure(self.rnd.choice((text, text + "nonsense: [\n", self.alone.yaml(filter=self.alone.parts["filter"] + ", spool_memory: 64k"))))
        self.alone.gatepost.reload("cfilter")
        time.sleep(0.3)
        self.alone.gatepost.configure(text)

    def no_descriptors(self):
        fds = len(os.listdir(f"/proc/{self.alone.pid}/fd"))
        self.alone.limit(self.alone.pid, "nofile", fds)
        time.sleep(0.5)
        with open(f"/proc/{self.alone.pid}/limits", encoding="ascii") as f:
            self.alone.limit(self.alone.pid, "nofile", next(line.split()[4] for line in f if line.startswith("Max open files")))

    def restart(self):
        for s in self.slow:
            s.close()
        self.slow = []
        self.assertEqual(self.alone.gatepost.stop("cfilter", signal.SIGTERM, 30), 0)
        if not os.path.getsize(self.place.path("db/demo.ndb")):
            self.database_changes()
        self.alone.gatepost.start("cfilter")

    FAULTS = (worker_crashes, worker_hangs, holder_dies, database_changes, database_breaks, next_hop_refuses, next_hop_fails, next_hop_fails,
              fronts_leave, many_slow_ones, reload, no_descriptors, restart)

    # ---- the test ----

    def resident(self):
        with open(f"/proc/{self.alone.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def test_mixed(self):
        self.rnd, self.slow = random.Random(SEED), []
        order = [self.rnd.choice(self.FAULTS) for _ in range(1000)]
        done, held = [], None
        with Traffic(self.alone.send, threads=4, pause=0.02, sizes=(200, 3000, 90000, 1500000)) as traffic:
            end = time.monotonic() + SECONDS
            for fault in order:
                if time.monotonic() > end:
                    break
                done.append(fault.__name__)
                fault(self)
                time.sleep(BETWEEN_S)
                if fault is Soak.database_breaks:
                    self.database_changes()
                if len(done) == 5:
                    held = self.resident()
            # All is well in the end: ordinary mail passes, a virus does not.
            self.alone.hop.scripts.clear()
            self.database_changes()
            self.eventually("mail", lambda: self.alone.send().code == 250, RECOVERS_S)
            self.eventually("the engine", lambda: self.alone.send(mails.eicar_zip()).code == 554, RECOVERS_S)
            self.assertTrue(traffic.wait(8, RECOVERS_S))
        for s in self.slow:
            s.close()
        codes = {}
        for s in traffic.sent:
            codes[s.code] = codes.get(s.code, 0) + 1
        print(f"seed {SEED}: {', '.join(done)}; answers {codes}, {sum(m.lost for m in self.alone.hop.messages)} lost replies")
        self.assertEqual(traffic.wrong(self.alone.hop.messages), [], f"seed {SEED}")
        self.assertGreater(codes.get(250, 0), len(done))
        if held is not None and not SANITIZED and "restart" not in done[5:]:
            self.assertLess(self.resident() - held, GROWS_MAX)
