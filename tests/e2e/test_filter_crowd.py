"""Many who are slow, or say nothing: nobody else waits for them, and each costs little.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import resource
import socket
import threading
import time

from rig import mails
from rig.alone import ENVELOPE, SANITIZED, AloneTest

ALONE = True                                 # it measures time and memory
SLOW = 1000
CANARY_MS = 6000 if SANITIZED else 3000      # the bar is 1000 on a quiet machine of two cores
IDLE_BYTES_MAX = 8 * 1024


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Crowd(AloneTest):
    options = {"filter": ", idle_timeout: 5m"}

    @classmethod
    def prepare(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.sockets = hard - 500

    def setUp(self):
        super().setUp()
        self.open = []

    def tearDown(self):
        for s in self.open:
            s.close()
        self.eventually("the end of the crowd", lambda: self.alone.count("clients") <= 1, 30)
        super().tearDown()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.alone.port))
        self.open.append(s)
        return s

    def say(self, s, text):
        """One command and its reply, which comes in one piece (b"": the greeting)."""
        s.sendall(text + b"\r\n" if text else b"")
        s.recv(4096)

    def canary(self, seconds=3):
        """Ordinary mail beside it: all of it passes, in time."""
        end, worst = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            outcome = self.alone.send()
            self.assertReply(outcome, 250)
            worst = max(worst, outcome.ms)
            self.assertReply(self.alone.send(mails.eicar_base64()), 554, "virus")
        self.assertLess(worst, CANARY_MS)

    def drip(self, pieces, seconds):
        """Every slow one says another byte again and again, until the canary is done."""
        done = threading.Event()

        def run():
            n = 0
            while not done.is_set():
                for s in self.open:
                    try:
                        s.send(pieces[n % len(pieces):][:1])
                    except OSError:
                        pass
                n += 1
                done.wait(0.3)
        t = threading.Thread(target=run)
        t.start()
        try:
            self.canary(seconds)
        finally:
            done.set()
            t.join()

    def test_slow_at_the_greeting_and_in_a_command(self):
        for _ in range(SLOW):
            self.connect()
        self.drip(b"EHLO a-name-that-goes-on-", 3)

    def test_slow_in_data(self):
        for i in range(SLOW):
            s = self.connect()
            for line in ("", *ENVELOPE):
                self.say(s, line.encode())
            if i % 100 == 0:
                self.canary(0)
        self.assertTrue(self.alone.hop.wait(lambda: self.alone.hop.open >= SLOW))
        self.drip(b"Subject: drop by drop\r\n\r\nand so on\r\n", 3)
        # And when they have all finished at once, all are served.
        for s in self.open:
            s.sendall(b"\r\n.\r\n")
        for s in self.open:
            s.settimeout(60)
            self.assertEqual(s.recv(100)[:3], b"250")

    def test_idle_ones_cost_little(self):
        n = min(9900, self.sockets)
        self.alone.send()
        before = resident(self.alone.pid)
        for _ in range(n):
            self.connect().sendall(b"EHLO x\r\n")
        self.eventually("all of them", lambda: self.alone.count("clients") >= n, 60)
        for s in self.open:
            s.settimeout(30)
            s.recv(1000)
        self.canary(2)
        each = (resident(self.alone.pid) - before) / n
        if not SANITIZED:
            self.assertLess(each, IDLE_BYTES_MAX)

    def test_a_flood_costs_nothing_that_stays(self):
        """Sixty megabytes of nonsense commands, and as much of one line without an end."""
        before = resident(self.alone.pid)
        for words in (b"x" * 65536, b"NOOP\r\n" * 10000):
            s = self.connect()
            s.settimeout(20)
            try:
                for _ in range(500):
                    s.sendall(words)
            except OSError:
                pass
            s.close()
        self.canary(1)
        if not SANITIZED:
            self.assertLess(resident(self.alone.pid) - before, 8 * 1024 * 1024)
