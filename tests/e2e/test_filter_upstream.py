"""The front leaves at every step, in every way: no message without its end, no copy that a retry would double but the one SMTP cannot exclude.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import signal
import socket
import struct
import threading
import time

from rig import mails, nexthop
from rig.alone import AloneTest

BODY = b"Subject: torn off\r\n\r\nhalf a message\r\n"


def leave(client):
    client.sock.close()


def reset(client):
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()


def half_close(client):
    """Only its sending side: it may go on reading, but it will say nothing more."""
    client.sock.shutdown(socket.SHUT_WR)


WAYS = (leave, reset, half_close)


class Upstream(AloneTest):
    def quiet(self, connections=0):
        """The next hop's connections have all been ended: within a second, and with slack for a busy machine."""
        self.assertTrue(self.alone.hop.wait(lambda: self.alone.hop.open <= connections, 5), "the next hop's connection stays open")

    def dialogue(self, last="", body=b""):
        c = self.alone.client()
        if last:
            self.alone.until(last, c)
        c.send(body)
        return c

    def test_before_the_end_of_data_nothing_is_delivered(self):
        steps = (
            ("at once", "", b""), ("half a command", "", b"EHL"), ("after EHLO", "EHLO", b""), ("after XFORWARD", "XFORWARD", b""), ("after MAIL", "MAIL", b""),
            ("half of RCPT", "MAIL", b"RCPT TO:<bob@exam"), ("after RCPT", "RCPT", b""), ("a whole command, unread", "RCPT", b"DATA\r\n"), ("after DATA", "DATA", b""),
            ("in a line", "DATA", b"Subject: torn o"), ("in the body", "DATA", BODY), ("with the word that Postfix writes then", "DATA", BODY + b"QUIT\r\n"),
            ("half an end", "DATA", BODY + b"."), ("three quarters of an end", "DATA", BODY + b".\r"), ("a dot line that is none", "DATA", BODY + b".\n"),
            ("a megabyte", "DATA", BODY + b"x" * 1000000), ("in a stuffed dot", "DATA", BODY + b".."),
        )
        bodies = self.alone.hop.bodies
        for name, last, body in steps:
            for how in WAYS:
                with self.subTest(name=name, how=how.__name__):
                    c = self.dialogue(last, body)
                    how(c)
                    self.quiet()
                    c.sock.close()
        self.assertEqual(self.alone.hop.bodies, bodies)
        self.assertReply(self.alone.send(), 250)

    def stopped(self, pids, sig):
        for pid in pids:
            os.kill(pid, sig)

    def test_in_the_scan(self):
        """The dot has come, the verdict not: nobody was told anything, nothing is delivered."""
        for how in WAYS:
            marker = f"left in the scan by {how.__name__}"
            c = self.dialogue("DATA")
            workers = self.alone.workers()
            self.stopped(workers, signal.SIGSTOP)
            try:
                c.send(mails.plain(marker, b"whole\r\n") + b".\r\n")
                time.sleep(0.2)
                how(c)
                self.quiet()
            finally:
                self.stopped(workers, signal.SIGCONT)
            time.sleep(0.3)
            self.assertEqual(self.alone.hop.copies(marker.encode()), 0, marker)
            c.sock.close()
            self.assertReply(self.alone.send(), 250)

    def held_at(self, phase, how, size=0):
        """Leaves while the next hop holds its answer at `phase` back, and lets it go on then: copies, and what the sender read."""
        go = threading.Event()
        hop = self.alone.hop
        hop.held.clear()
        hop.scripts.append({phase: nexthop.when(go), "body after": 500000} if phase == "body" else {phase: nexthop.when(go)})
        marker = f"left at {phase} by {how.__name__}."
        with self.dialogue("DATA") as c:
            c.send(mails.plain(marker, b"y" * size) + b"\r\n.\r\n")
            self.assertTrue(hop.held.wait(10), "the next hop was not asked")
            how(c)
            time.sleep(0.2)
            go.set()
            self.quiet()
            got = b""
            if how is half_close:
                c.sock.settimeout(5)
                try:
                    got = c.sock.recv(1000)
                except OSError:
                    pass
        return hop.copies(marker.encode()), got

    def test_before_our_dot(self):
        """The verdict is there, the next hop waits for the message: the last look before the end of data finds that nobody waits for the answer."""
        for how in WAYS:
            copies, got = self.held_at("data", how)
            self.assertEqual((copies, got[:3] == b"250"), (0, False), how.__name__)

    def test_in_the_middle_of_delivery(self):
        for how in WAYS:
            torn = self.alone.hop.torn
            copies, got = self.held_at("body", how, 12000000)
            self.assertEqual((copies, got[:3] == b"250"), (0, False), how.__name__)
            self.assertEqual(self.alone.hop.torn, torn + 1)

    def test_after_our_dot(self):
        """The next hop has it and will say so: one copy, and the log tells of the one that may come again."""
        for how in WAYS:
            before = self.place.log("cfilter").count("a retry doubles it")
            copies, got = self.held_at("dot", how)
            self.assertEqual(copies, 1, how.__name__)
            if got[:3] != b"250":
                self.eventually("the log", lambda n=before: self.place.log("cfilter").count("a retry doubles it") == n + 1)

    def test_a_front_that_does_not_read(self):
        """Pipelines commands and never reads an answer: its own loss."""
        c = self.alone.client()
        c.sock.settimeout(0.5)
        try:
            for _ in range(3000):
                c.send(b"EHLO x\r\nNOOP\r\n" * 100)
        except OSError:
            pass
        self.assertReply(self.alone.send(), 250)
        c.sock.close()
