"""What becomes of limits and greylist when their store fails: nobody is refused for it, nobody waits, and counting goes on.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import shutil
import signal
import threading
import time
import unittest

from rig.full import fill, mounted
from rig.place import USER, Place, answers, wait_for
from rig.policyhost import Load, PolicyHost
from rig.raw import Policy
from rig.redis import Redis
from rig.wrongredis import WrongRedis

POLICY = """{limits: [{name: user, key: sasl_username, count: messages, rate: 6/h}, {name: sender, key: sender, count: messages, rate: 100000/d, algorithm: sliding, trusted_too: yes},
  {name: stern, key: sasl_username, count: messages, rate: 6/h, action: reject}], greylist: {when: all, delay: 1s, skip_hosts: [.sender.example]}}"""
PUT_OFF = r"^(DEFER|4\d\d )"
GREY = dict(client_name="unknown", reverse_client_name="unknown")


class FaultTest(unittest.TestCase):
    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print("---- policyd\n" + self.host.log()[-5000:])

    def used(self, sender):
        found = re.search(r"used=([\d.]+)", self.host.ctl("limits", "show", f"sender/{sender}").stdout)
        return float(found.group(1)) if found else None

    def assertPutOffAtMost(self, answers):
        """Not a single refusal."""
        self.assertLessEqual({a for a in answers}, {"DUNNO", "450", "DEFER"}, answers)


class WithRedis(FaultTest):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.redis = Redis(cls.place).start()
        cls.proxy = WrongRedis(cls.place, cls.redis.port)
        cls.host = PolicyHost(POLICY, store=f"{{type: redis, hosts: 2, redis: {{server: 127.0.0.1:{cls.proxy.port}}}}}").start()
        cls.addClassCleanup(cls.host.close)
        wait_for("the store", lambda: cls.host.message(sender="first@sender.example") == "DUNNO" and "sender/first" in cls.redis.cli("--scan"))

    def fault(self, name, begin, end, seconds=1.5):
        """A load through it; afterwards Redis counts again, what was counted here meanwhile included."""
        sender = f"{name}@sender.example"
        for _ in range(2):
            self.assertEqual(self.host.message(sender=sender), "DUNNO")
        load = Load(self.host)
        load.start()
        begin()
        try:
            time.sleep(0.3)
            for _ in range(3):
                self.assertEqual(self.host.message(sender=sender), "DUNNO")
            time.sleep(seconds)
        finally:
            end()
        wait_for("Redis is in use again", lambda: self.host.message(sender=f"{name}{time.time_ns()}@sender.example") == "DUNNO"
                 and self.host.ctl("limits", "show", "x/").returncode == 0, 5)
        answers = load.end()
        self.assertEqual(set(answers), {"DUNNO"}, answers)
        self.assertLess(load.slowest, 2.5)           # three questions a message, the store's timeout is 0.5 s
        return sender

    def owed(self, sender, least):
        """What was counted here is counted there in the end."""
        def paid():
            self.host.message(sender=f"nudge{time.time_ns()}@sender.example")
            return (self.used(sender) or 0) >= least

        wait_for("what is owed to Redis", paid, 10)

    def mode(self, mode, drop=False):
        self.proxy.mode = mode
        if drop:
            self.proxy.drop()

    def test_down(self):
        self.owed(self.fault("down", self.proxy.close, self.proxy.open), 5)

    def test_hung(self):
        self.owed(self.fault("hung", lambda: self.redis.signal(signal.SIGSTOP), lambda: self.redis.signal(signal.SIGCONT)), 5)

    def test_slow(self):
        sender = self.fault("slow", lambda: self.mode("slow"), lambda: self.mode(""))
        self.owed(sender, 5)

    def test_cut_in_the_middle_of_a_reply(self):
        self.fault("cut", lambda: self.mode("cut"), lambda: self.mode("", drop=True))

    def test_garbage(self):
        self.fault("garbage", lambda: self.mode("garbage"), lambda: self.mode("", drop=True))

    def test_it_says_no(self):
        for name, line in (("loading", "-LOADING Redis is loading the dataset in memory"), ("readonly", "-READONLY You can't write against a read only replica."),
                           ("oom", "-OOM command not allowed when used memory > 'maxmemory'."), ("noauth", "-NOAUTH Authentication required."),
                           ("noscript", "-NOSCRIPT No matching script."), ("moved", "-MOVED 1 127.0.0.1:1"), ("ask", "-ASK 1 127.0.0.1:1"),
                           ("misconf", "-MISCONF Redis is configured to save RDB snapshots"), ("odd", "-")):
            with self.subTest(name):
                self.owed(self.fault(name, lambda line=line: self.mode(line + "\r\n"), lambda: self.mode(""), 0.2), 5)

    def test_really_full_and_really_a_replica(self):
        self.fault("full", lambda: self.redis.cli("CONFIG", "SET", "maxmemory", "1mb"), lambda: self.redis.cli("CONFIG", "SET", "maxmemory", "0"), 0.5)
        self.fault("replica", lambda: self.redis.cli("REPLICAOF", "127.0.0.1", "1"), lambda: self.redis.cli("REPLICAOF", "NO", "ONE"), 0.5)
        self.fault("scripts", lambda: self.redis.cli("SCRIPT", "FLUSH"), lambda: None, 0.2)

    def test_flushed(self):
        self.fault("flushed", lambda: self.redis.cli("FLUSHALL"), lambda: self.redis.cli("FLUSHALL"), 0.2)

    def test_limits_hold_by_half_without_it(self):
        """Each of two hosts lets through its half; 5xx only where the whole is known."""
        self.proxy.close()
        try:
            answers = [self.host.message(sasl_username="half") for _ in range(8)]
        finally:
            self.proxy.open()
        self.assertEqual(answers[:3], ["DUNNO"] * 3)
        for a in answers[3:]:
            self.assertRegex(a, PUT_OFF)             # also of the limit that rejects

    def test_greylist_passes_on_the_second_try(self):
        first = dict(client_address="198.51.100.77", sender="flap@other.example", **GREY)
        self.assertRegex(self.host.message(**first), PUT_OFF)
        time.sleep(1.1)
        self.proxy.close()
        try:
            self.assertEqual(self.host.message(**first), "DUNNO")
            self.assertEqual(self.host.message(client_address="198.51.100.78", sender="never@other.example", **GREY), "DUNNO")
        finally:
            self.proxy.open()


class Embedded(FaultTest):
    def setUp(self):
        self.host = PolicyHost(POLICY, store="{type: embedded, save_interval: 1s}")
        self.addCleanup(self.host.close)

    def count(self, n, sender="kept@sender.example"):
        for _ in range(n):
            self.assertEqual(self.host.message(sender=sender), "DUNNO")

    def stop(self, sig=signal.SIGTERM):
        self.host.gatepost.stop("policyd", sig)

    def run_file(self):
        return self.host.place.path("run/policyd.shm")

    def test_killed_under_load(self):
        """What was answered is counted; at most what was under way is counted beyond."""
        self.host.start()
        passed, over = [0], threading.Event()

        def ask():
            with Policy(self.host.socket) as c:
                while not over.is_set():
                    try:
                        if c.message(sender="busy@sender.example") != "DUNNO":
                            return
                    except OSError:
                        return
                    passed[0] += 1

        t = threading.Thread(target=ask)
        t.start()
        time.sleep(0.3)
        self.stop(signal.SIGKILL)
        over.set()
        t.join(10)
        self.host.start()
        used = self.used("busy@sender.example")
        self.assertGreater(passed[0], 20)
        self.assertLessEqual(passed[0], used)
        self.assertLessEqual(used, passed[0] + 1)

    def test_file_cut(self):
        for share in (0.5, 0.001, 0):
            with self.subTest(share):
                self.host.start()
                self.count(1, f"cut{share}@sender.example")
                self.stop(signal.SIGKILL)
                path = self.run_file()
                os.truncate(path, int(os.path.getsize(path) * share))
                self.host.start()
                self.count(2, "after@sender.example")
                self.stop()

    def test_folder_read_only(self):
        """The copies on disk fail, which is said; counting goes on."""
        self.host.start()
        self.count(1)
        os.chown(self.host.place.path("state"), 0, 0)
        said = re.compile("store: copy to .*Permission denied")     # other things are written there, too, and may complain first
        wait_for("the log says so", lambda: said.search(self.host.log()), 20)
        wait_for("status says so", lambda: said.search(self.host.ctl("status").stdout), 20)
        self.count(3)
        shutil.chown(self.host.place.path("state"), USER)
        wait_for("all is well again", lambda: "store: in order again" in self.host.log(), 20)

    def test_disk_full(self):
        self.host.gatepost.wrap = mounted(self.host.place, "state", "256k")
        self.host.start()
        self.count(1)
        fill(f"/proc/{self.host.gatepost.processes['policyd'].pid}/root{self.host.place.path('state/filler')}")
        wait_for("the log says so", lambda: "No space left" in self.host.log(), 15)
        self.count(3)
        load = Load(self.host)
        load.start()
        time.sleep(1)
        self.assertEqual(set(load.end()), {"DUNNO"})

    def test_memory_file_full(self):
        """The run folder has no room for another key: those there are counted on, nobody is refused."""
        gatepost = self.host.gatepost
        gatepost.wrap = mounted(self.host.place, "run", "3M")
        gatepost.start("policyd", wait=False)
        root = f"/proc/{gatepost.processes['policyd'].pid}/root"
        self.host.socket = root + self.host.place.path("run/policy.sock")
        wait_for("policyd", lambda: answers(self.host.socket), 20)
        self.count(2)
        fill(root + self.host.place.path("run/filler"))
        load = Load(self.host)
        load.start()
        time.sleep(2)
        answered = load.end()
        self.assertEqual(set(answered), {"DUNNO"}, answered)
        self.count(2)


if __name__ == "__main__":
    unittest.main()
