"""Thousands of connections to policyd, some that drip, some that lie; no descriptor left; a broken reload under load.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import resource
import socket
import time
import unittest

from rig.place import soft_limit
from rig.policyhost import Load, PolicyHost
from rig.raw import instance, request

ALONE = True                                 # it measures time
CROWD, DRIPPING = 5000, 200
POLICY = "{limits: [{name: sender, key: sender, count: messages, rate: 1000/h}], rules: {helo: enforce}}"


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Crowd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.crowd = min(CROWD, hard - 500)
        cls.host = PolicyHost(POLICY, more="events: {enabled: no}")
        cls.host.start()
        cls.addClassCleanup(cls.host.close)

    @property
    def pid(self):
        return self.host.gatepost.processes["policyd"].pid

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print("---- policyd\n" + self.host.log()[-4000:])

    def setUp(self):
        self.open = []
        self.addCleanup(lambda: [s.close() for s in self.open])

    def connect(self):
        for _ in range(200):
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.host.socket)
            except BlockingIOError:              # its queue of connections is full for a moment
                s.close()
                time.sleep(0.01)
                continue
            s.settimeout(20)
            self.open.append(s)
            return s
        self.fail("nobody accepts")

    def ask(self, s, **attributes):
        s.sendall(request(instance=instance(), **attributes))
        return self.read(s)

    def read(self, s):
        got = b""
        while not got.endswith(b"\n\n"):
            more = s.recv(65536)
            if not more:
                return None
            got += more
        return got

    def test_thousands_kept_and_all_answered(self):
        before = resident(self.pid)
        conns = [self.connect() for _ in range(self.crowd)]
        self.assertEqual(self.ask(conns[-1]), b"action=DUNNO\n\n")
        each = (resident(self.pid) - before) / self.crowd
        self.assertLess(each, 16 * 1024)
        begun = time.monotonic()
        for i, s in enumerate(conns):            # all ask, then all are read
            s.sendall(request(instance=instance(), sender=f"s{i}@sender.example"))
        for s in conns:
            self.assertEqual(self.read(s), b"action=DUNNO\n\n")
        print(f"{self.crowd} connections, a request each: {time.monotonic() - begun:.2f} s, {each:.0f} bytes each")
        self.assertEqual(self.ask(conns[0]), b"action=DUNNO\n\n")

    def test_dripping(self):
        """A byte at a time, for ever: each gets its answer, and nobody waits for them."""
        conns = [self.connect() for _ in range(DRIPPING)]
        text = request(instance="x.0001")
        load = Load(self.host)
        load.start()
        for i in range(len(text)):
            for s in conns:
                s.sendall(text[i:i + 1])
        for s in conns:
            self.assertEqual(self.read(s), b"action=DUNNO\n\n")
        answers = load.end()
        self.assertEqual(set(answers), {"DUNNO"}, answers)
        self.assertLess(load.slowest, 1)

    def test_half_requests_that_never_end(self):
        for _ in range(DRIPPING):
            self.connect().sendall(b"request=smtpd_access_policy\nclient_add")
        with self.host.connect() as c:
            self.assertEqual(c.message(), "DUNNO")

    def test_junk(self):
        """2 MB without an end, NULs, endless lines: closed, and the next is served."""
        for junk in (b"x" * 2_000_000, b"\0" * 100_000 + b"\n\n", b"a=b\n" * 500_000, b"request=smtpd_access_policy\n" + b"recipient=" + b"r" * 2_000_000,
                     b"\n\n\n\n", b"request=junkmail\n\n", b"GET / HTTP/1.1\r\n\r\n"):
            s = self.connect()
            try:
                s.sendall(junk)
                got = s.recv(100)
            except OSError:
                got = b""
            self.assertEqual(got, b"", junk[:40])
            with self.host.connect() as c:
                self.assertEqual(c.message(), "DUNNO")

    def test_odd_attributes_are_answered(self):
        for odd in (dict(client_address="unknown"), dict(client_address=""), dict(client_address=None), dict(sender=None), dict(recipient=None, sender=None),
                    dict(size="-1"), dict(size="99999999999999999999"), dict(recipient_count="x"), dict(instance=None), dict(helo_name="\x01\x7f"),
                    dict(sender="a" * 3000 + "@x.example"), dict(recipient="ü@münchen.example"), dict(protocol_state="VRFY"), dict(protocol_state=None),
                    dict(client_address="::ffff:192.0.2.1"), dict(client_address="fe80::1%eth0"), dict(client_name="x" * 2000)):
            with self.host.connect() as c:
                c.send(request(**odd))
                self.assertEqual(c.action(), "DUNNO", odd)

    def test_no_descriptor_left(self):
        """Connections wait until there is one again; those that are there are served."""
        with self.host.connect() as kept:
            self.assertEqual(kept.message(), "DUNNO")
            used = len(os.listdir(f"/proc/{self.pid}/fd"))
            soft_limit(self.pid, "nofile", used + 20)
            try:
                conns = [self.connect() for _ in range(60)]
                self.assertEqual(self.ask(conns[0]), b"action=DUNNO\n\n")
                self.assertEqual(kept.message(), "DUNNO")
                late = conns[-1]
                late.sendall(request(instance=instance()))
                for s in conns[:50]:
                    s.close()
                self.assertEqual(self.read(late), b"action=DUNNO\n\n")
            finally:
                soft_limit(self.pid, "nofile", self.crowd + 400)
        with self.host.connect() as c:
            self.assertEqual(c.message(), "DUNNO")

    def test_broken_file_under_load(self):
        load = Load(self.host)
        load.start()
        good = self.host.yaml()
        try:
            for _ in range(3):
                self.host.gatepost.configure(good.replace("rate: 1000/h", "rate: soon"))
                self.host.gatepost.reload("policyd")
                time.sleep(0.1)
                self.host.gatepost.configure(good)
                self.host.gatepost.reload("policyd")
                time.sleep(0.1)
        finally:
            self.host.gatepost.configure(good)
        self.host.wait_log("is not a rate")
        self.assertRegex(self.host.log(), r"gatepost\.yaml:\d+:\d+: policy\.limits")
        answers = load.end()
        self.assertEqual(set(answers), {"DUNNO"}, answers)
        self.assertLess(load.slowest, 1.5)


if __name__ == "__main__":
    unittest.main()
