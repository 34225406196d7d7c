"""Scan workers that crash, hang, run out of memory or talk nonsense: the message they had is put off, all others pass, and a new worker is there.

What a worker does is brought about from outside: by signals, by limits set for it, and by words put into its own socket.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import contextlib
import ctypes
import io
import lzma
import os
import signal
import socket
import threading
import time
import unittest
import zipfile

from rig import mails
from rig.alone import SANITIZED, AloneTest
from rig.traffic import Traffic

WORKER_FD = 3                       # its end of the socket that jobs come through
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # system calls, the same number on every machine
REPLACED_WITHIN_S = 1.0
SLACK_S = 30 if SANITIZED else 8    # for a busy machine; the times that count are printed when they fail
SCAN_TIMEOUT_S = 10 if SANITIZED else 4


def worker_socket(pid):
    """A copy of the worker's socket: what is sent through it comes from the worker."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    fd = libc.syscall(PIDFD_GETFD, pidfd, WORKER_FD, 0)
    if pidfd >= 0:
        os.close(pidfd)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fd)


class Workers(AloneTest):
    options = {"filter": f", workers: \"2\", scan_timeout: {SCAN_TIMEOUT_S}s, unscannable: {{after_tries: 1000, after: 1d}}"}

    def setUp(self):
        super().setUp()
        self.eventually("two workers", lambda: len(self.alone.workers()) == 2, SLACK_S)

    def one_in_hand(self, victim):
        """A stopped worker is given one message; the other one serves seven more beside it.  Returns what the eight senders will get."""
        workers = self.alone.workers()
        outcomes, begun = [None] * 8, time.monotonic()
        come = self.place.log("cfilter").count(" -> SCAN")
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)

        def send(i):
            outcomes[i] = self.alone.send(mails.plain(f"one of eight {victim} {i}.", f"eight {victim} {i} {begun}\r\n".encode()))
        threads = [threading.Thread(target=send, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        self.eventually("eight messages", lambda: self.place.log("cfilter").count(" -> SCAN") >= come + 8, SLACK_S)
        for pid in workers:
            if pid != victim:
                os.kill(pid, signal.SIGCONT)
        self.eventually("seven answers", lambda: sum(o is not None for o in outcomes) >= 7, SLACK_S)
        return outcomes, threads

    def settle(self, outcomes, threads, victim, code=451):
        for t in threads:
            t.join()
        self.assertEqual(sorted(o.code for o in outcomes), [250] * 7 + [code], [str(o) for o in outcomes])
        for i, o in enumerate(outcomes):
            copies = self.alone.hop.copies(f"one of eight {victim} {i}.".encode())
            self.assertEqual(copies, 1 if o.code == 250 else 0)
        return next(o for o in outcomes if o.code == code)

    def replaced(self, victim):
        begun = time.monotonic()
        self.eventually("a new worker", lambda: victim not in self.alone.workers() and len(self.alone.workers()) == 2, SLACK_S)
        return time.monotonic() - begun

    def counted(self, before, name, n=1):
        after = self.alone.outcomes()
        self.assertEqual(after[name] - before[name], n, (before, after))

    def test_crash(self):
        times = []
        for sig in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL, signal.SIGSYS):
            before = self.alone.outcomes()
            victim = self.alone.workers()[0]
            outcomes, threads = self.one_in_hand(victim)
            os.kill(victim, sig)
            with contextlib.suppress(ProcessLookupError):   # one killed outright may be gone already
                os.kill(victim, signal.SIGCONT)
            times.append(self.replaced(victim))
            self.assertIn("451 4.7.1", str(self.settle(outcomes, threads, victim)))
            self.counted(before, "crashed")
        self.assertLess(min(times), REPLACED_WITHIN_S, times)   # the best of five: a busy machine is not what is measured

    def test_hang(self):
        before = self.alone.outcomes()
        victim = self.alone.workers()[0]
        outcomes, threads = self.one_in_hand(victim)
        self.eventually("the deadline", lambda: all(o is not None for o in outcomes), SCAN_TIMEOUT_S + SLACK_S)
        worst = self.settle(outcomes, threads, victim)
        self.assertGreater(worst.ms, SCAN_TIMEOUT_S * 1000 * 0.9)
        self.assertLess(self.replaced(victim), SLACK_S)
        self.counted(before, "timeout")

    def test_all_hang(self):
        """Nobody is left to scan: everything is put off in time, and afterwards all is well."""
        for pid in self.alone.workers():
            os.kill(pid, signal.SIGSTOP)
        outcomes = []
        threads = [threading.Thread(target=lambda i=i: outcomes.append(self.alone.send(mails.plain(f"all hang {i}.", b"%d\r\n" % i)))) for i in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for o in outcomes:
            self.assertIn(o.code, (250, 451), str(o))      # who waited may have found a new worker
            self.assertLess(o.ms, (SCAN_TIMEOUT_S * 2 + SLACK_S) * 1000)
        self.assertEqual(sum(o.code == 250 for o in outcomes), sum(self.alone.hop.copies(f"all hang {i}.".encode()) for i in range(6)))
        self.assertGreaterEqual(sum(o.code == 451 for o in outcomes), 2)
        self.eventually("a scan", lambda: self.alone.send().code == 250, SLACK_S)

    def test_nonsense(self):
        """An answer that is none, or that only looks like one, is not believed, and neither is the worker any more."""
        clean = b"\1\0\0\0"
        for words in (b"nonsense", b"\0" * 60000, os.urandom(5000), clean, b"\xff" * 40):
            before = self.alone.outcomes()
            victim = self.alone.workers()[0]
            outcomes, threads = self.one_in_hand(victim)
            with worker_socket(victim) as s:
                s.send(words)
            self.settle(outcomes, threads, victim)
            self.replaced(victim)
            self.counted(before, "garbage")

    def test_closed_mouth(self):
        """Its socket is shut: no answer will come, though the process lives."""
        victim = self.alone.workers()[0]
        outcomes, threads = self.one_in_hand(victim)
        with worker_socket(victim) as s:
            s.shutdown(socket.SHUT_RDWR)
        self.settle(outcomes, threads, victim)
        self.replaced(victim)

    def test_it_speaks_without_being_asked(self):
        """What could become the answer to the next message ends the worker; nothing is put off for it."""
        victim = self.alone.workers()[0]
        os.kill(victim, signal.SIGSTOP)
        with worker_socket(victim) as s:
            s.send(b"\1" * 100)
        self.replaced(victim)
        for _ in range(4):
            self.assertReply(self.alone.send(), 250)

    @unittest.skipIf(SANITIZED, "a sanitizer's shadow takes more address space than any limit")
    def test_memory(self):
        """No memory for the message: put off, never taken for clean; a worker that has some takes it."""
        limited = self.alone.workers()
        for pid in limited:
            with open(f"/proc/{pid}/statm", encoding="ascii") as f:
                self.alone.limit(pid, "as", int(f.read().split()[0]) * os.sysconf("SC_PAGESIZE"))
        try:
            marker = "no memory for this one."
            outcomes = [self.alone.send(mails.attachment(os.urandom(3000000), subject=marker)) for _ in range(2)]
            for o in outcomes:
                self.assertIn(o.code, (250, 451), str(o))
            self.assertEqual(self.alone.hop.copies(marker.encode()), sum(o.code == 250 for o in outcomes))
            for _ in range(2):
                self.assertIn(self.alone.send(mails.eicar_zip()).code, (451, 554))
        finally:
            for pid in set(limited) & set(self.alone.workers()):
                os.kill(pid, signal.SIGKILL)
        self.eventually("workers with memory", lambda: self.alone.send(mails.attachment(os.urandom(3000000))).code == 250, SLACK_S)

    def test_memory_for_a_dictionary(self):
        """libclamav leaves out what it has no memory to unpack; that is not clean."""
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_STORED) as z:
            z.writestr("large.bin", bytes(3000000))
            z.writestr("eicar.com", mails.EICAR)
        packed = lzma.compress(inner.getvalue(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 64 << 20}])
        limited = self.alone.workers()
        for pid in limited:
            with open(f"/proc/{pid}/statm", encoding="ascii") as f:
                self.alone.limit(pid, "as", int(f.read().split()[0]) * os.sysconf("SC_PAGESIZE") + (32 << 20))
        try:
            for _ in range(4):
                outcome = self.alone.send(mails.attachment(packed, "a.xz"))
                self.assertIn(outcome.code, (451, 554), str(outcome))
        finally:
            for pid in set(limited) & set(self.alone.workers()):
                os.kill(pid, signal.SIGKILL)
        self.eventually("a worker with memory", lambda: self.alone.send(mails.attachment(packed, "a.xz", subject="with memory")).code == 554, SLACK_S)

    def test_holder_killed_under_traffic(self):
        """The engine goes with its holder: what was being scanned is put off, what comes waits for the new one."""
        crashed = self.alone.outcomes()["crashed"]
        with Traffic(self.alone.send) as traffic:
            for _ in range(3):
                self.assertTrue(traffic.wait(6, SLACK_S * 3))
                for pid in self.alone.holders():
                    os.kill(pid, signal.SIGKILL)
            self.assertTrue(traffic.wait(6, SLACK_S * 3))
            self.eventually("the engine", lambda: self.alone.send(mails.eicar_zip()).code == 554, SLACK_S)
        self.assertEqual(traffic.wrong(self.alone.hop.messages), [])
        self.assertEqual(self.alone.outcomes()["crashed"], crashed)      # no message is blamed for it

    def test_holder_stopped(self):
        """It makes no new workers meanwhile; those that are there work on."""
        holder = self.alone.holders()[0]
        os.kill(holder, signal.SIGSTOP)
        try:
            for _ in range(5):
                self.assertReply(self.alone.send(), 250)
            victim = self.alone.workers()[0]
            os.kill(victim, signal.SIGKILL)
            self.eventually("the worker's end", lambda: victim not in self.alone.workers(), SLACK_S)
            for _ in range(5):
                self.assertReply(self.alone.send(), 250)
        finally:
            os.kill(holder, signal.SIGCONT)

    def test_workers_killed_under_traffic(self):
        with Traffic(self.alone.send) as traffic:
            for _ in range(10):
                for pid in self.alone.workers()[:1]:
                    os.kill(pid, signal.SIGKILL)
                traffic.wait(3, SLACK_S)
        self.assertEqual(traffic.wrong(self.alone.hop.messages), [])
        put_off = sum(s.code == 451 for s in traffic.sent)
        self.assertLessEqual(put_off, 10, [str(s) for s in traffic.sent if s.code == 451])


class FrontKilled(AloneTest):
    def tearDown(self):
        """It is meant to end here."""

    def test_front_killed_under_traffic(self):
        """Nothing of it stays behind, and what was accepted has come."""
        for _ in range(2):
            with Traffic(self.alone.send) as traffic:
                self.assertTrue(traffic.wait(10))
                holders, workers = self.alone.holders(), self.alone.workers()
                self.alone.gatepost.stop("cfilter", signal.SIGKILL)
                time.sleep(0.1)
            # Without an answer a copy may be there: the front died between the next hop's 250 and its own.
            self.assertEqual(traffic.wrong(self.alone.hop.messages, may_double=(0,)), [])
            self.eventually("their end", lambda p=holders + workers: not any(os.path.exists(f"/proc/{pid}") for pid in p), SLACK_S)
            self.alone.start()
            self.assertReply(self.alone.send(mails.eicar_zip()), 554, "virus")
            self.assertReply(self.alone.send(), 250)
