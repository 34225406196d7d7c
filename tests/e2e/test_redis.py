"""policyd on several hosts with one Redis: a Cluster whose nodes die and whose slots move, a master that Sentinels replace.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import re
import signal
import subprocess
import threading
import time
import unittest

from rig.place import Place, wait_for
from rig.policyhost import Load, PolicyHost
from rig.redis import Cluster, Sentinels

LIMITS = """{limits: [{name: user, key: sasl_username, count: messages, rate: 5/h}, {name: client, key: client, count: messages, rate: 1000/h, trusted_too: yes},
  {name: sender, key: sender, count: recipients, rate: 1000/h, algorithm: sliding, trusted_too: yes}], greylist: {when: all, delay: 1s, skip_hosts: [.sender.example]}}"""
PUT_OFF = r"^(DEFER|4\d\d )"


class SharedTest(unittest.TestCase):
    hosts = 2

    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.redis = cls.servers()
        cls.host = []
        for _ in range(cls.hosts):
            cls.host.append(PolicyHost(LIMITS, store=cls.store()).start())
            cls.addClassCleanup(cls.host[-1].close)
        for h in cls.host:
            wait_for("the store", lambda h=h: "store" not in h.ctl("status").stdout or h.message(client_address="10.9.9.9") == "DUNNO")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for h in self.host:
                print("---- policyd\n" + h.log()[-5000:])

    def left(self, host, key):
        """left=4.0 of=5 ..., or used=3 of a sliding one; None: nothing is counted."""
        found = re.search(r"(?:left|used)=([\d.]+)", host.ctl("limits", "show", key).stdout)
        return float(found.group(1)) if found else None

    def wait_local_over(self, host):
        """The store is back in use: what one host counts the other sees."""
        n = [0]

        def shared():
            n[0] += 1
            key = f"back{n[0]}.{time.time_ns():x}"
            client = f"10.7.{n[0] // 200}.{n[0] % 200 + 1}"      # a limit of one client's would end the waiting
            if host.message(sender=f"{key}@sender.example", client_address=client) != "DUNNO":
                return False
            return self.left(self.host[1], f"sender/{key}@sender.example") == 1

        wait_for("the store is in use again", shared, 20)


class InCluster(SharedTest):
    @classmethod
    def servers(cls):
        return Cluster(cls.place)

    @classmethod
    def store(cls):
        return f"{{type: redis, hosts: 2, redis: {{cluster: [127.0.0.1:{cls.redis.nodes[0].port}, 127.0.0.1:{cls.redis.nodes[4].port}]}}}}"

    def test_1_counted_together_and_undone(self):
        a, b = self.host
        for i in range(5):
            self.assertEqual(self.host[i % 2].message(client_address="10.2.0.1", sender="one@sender.example", sasl_username="alice"), "DUNNO")
        for i in range(4):                           # too many for alice: the others take nothing
            self.assertRegex(self.host[i % 2].message(client_address="10.2.0.1", sender="one@sender.example", sasl_username="alice"), PUT_OFF)
        self.assertEqual(self.left(a, "sender/one@sender.example"), 5)
        self.assertAlmostEqual(self.left(b, "client/10.2.0.1"), 995, delta=0.1)
        self.assertEqual(b.message(client_address="10.2.0.1", sender="one@sender.example", sasl_username="bob", times=3), "DUNNO")
        self.assertEqual(self.left(a, "sender/one@sender.example"), 6)               # asked three times, counted once

    def test_1_two_hosts_at_once(self):
        """Forty messages of one login at the same time: five pass, and the other limits count five."""
        passed = []

        def ask(i):
            if self.host[i % 2].message(client_address="10.2.0.2", sender="crowd@sender.example", sasl_username="crowd", until="END-OF-MESSAGE") == "DUNNO":
                passed.append(i)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(30)
        self.assertEqual(len(passed), 5)
        wait_for("what was taken too much is given back", lambda: self.left(self.host[0], "sender/crowd@sender.example") == 5, 5)
        self.assertAlmostEqual(self.left(self.host[1], "client/10.2.0.2"), 995, delta=0.3)

    def test_2_keys_are_spread(self):
        for i in range(60):
            self.host[i % 2].message(client_address=f"10.3.0.{i}", sender=f"spread{i}@sender.example")
        counts = [sum("limit:{sender/spread" in k for k in n.cli("--scan").splitlines()) for n in self.redis.masters()]
        self.assertEqual(len(counts), 3)
        self.assertEqual(sum(counts), 60)
        self.assertTrue(all(c > 5 for c in counts), counts)
        shown = self.host[0].ctl("limits", "show", "sender/spread").stdout
        self.assertEqual(shown.count("sender/spread"), 60)
        top = self.host[1].ctl("limits", "top", "500").stdout
        self.assertEqual(top.count("sender/spread"), 60)

    def test_3_seen_and_steered(self):
        a, b = self.host
        a.message(sender="steer@sender.example", sasl_username="steer")
        self.assertEqual(b.ctl("limits", "reset", "sender/steer@sender.example").returncode, 0)
        self.assertEqual(b.ctl("limits", "reset", "sender/steer@sender.example").returncode, 1)
        self.assertEqual(a.ctl("limits", "block", "steer").returncode, 0)
        wait_for("the other host knows", lambda: (b.message(sasl_username="steer") or "").startswith(("REJECT", "5")), 20)
        self.assertIn("steer", b.ctl("limits", "marks").stdout)
        self.assertEqual(a.ctl("limits", "release", "steer").returncode, 0)
        grey = dict(client_name="unknown", reverse_client_name="unknown", client_address="198.51.100.7")
        self.assertRegex(a.message(**grey), PUT_OFF)
        time.sleep(1.1)
        self.assertEqual(b.message(**grey), "DUNNO")
        self.assertIn("198.51.100", a.ctl("greylist", "show").stdout)

    def test_4_slots_move_under_load(self):
        load = Load(self.host[0])
        for i in range(20):
            self.host[1].message(sender=f"moved{i}@sender.example")
        load.start()
        masters = self.redis.masters()
        ids = [m.cli("CLUSTER", "MYID") for m in masters]
        for to in ids[:2]:
            wait_for("the nodes agree", lambda: subprocess.run(["redis-cli", "--cluster", "check", f"127.0.0.1:{masters[0].port}"],
                                                               capture_output=True, timeout=30, check=False).returncode == 0, 30)
            done = subprocess.run(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{masters[0].port}", "--cluster-from", "all", "--cluster-to", to,
                                   "--cluster-slots", "2000", "--cluster-yes"], capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        answers = load.end()
        self.assertEqual(set(answers), {"DUNNO"}, answers)
        self.assertLess(load.slowest, 3)
        for i in range(20):
            self.host[0].message(sender=f"moved{i}@sender.example")
        self.assertEqual([self.left(self.host[1], f"sender/moved{i}@sender.example") for i in range(20)], [2.0] * 20)
        log = self.host[0].log()
        self.assertNotIn("counts alone", log)

    def test_5_a_master_dies(self):
        for i in range(20):
            self.host[1].message(sender=f"dies{i}@sender.example")
        time.sleep(0.3)                              # replication runs behind
        load = Load(self.host[0])
        load.start()
        dead = self.redis.masters()[0]
        dead.stop()
        wait_for("a replica has taken over", lambda: len(self.redis.masters()) == 3 and all(
            "cluster_state:ok" in m.cli("CLUSTER", "INFO") for m in self.redis.masters()), 30)
        self.wait_local_over(self.host[0])
        answers = load.end()
        self.assertEqual(set(answers), {"DUNNO"}, answers)
        self.assertLess(load.slowest, 3)
        for h in self.host:                          # a walk asks every node
            wait_for("every node answers", lambda h=h: h.ctl("limits", "show", "x/").returncode == 0, 20)
        for i in range(20):
            self.host[0].message(sender=f"dies{i}@sender.example")
        self.assertEqual([self.left(self.host[1], f"sender/dies{i}@sender.example") for i in range(20)], [2.0] * 20)


class WithSentinels(SharedTest):
    @classmethod
    def servers(cls):
        return Sentinels(cls.place)

    @classmethod
    def store(cls):
        return f"{{type: redis, hosts: 2, redis: {{sentinels: [{', '.join(f'127.0.0.1:{s.port}' for s in cls.redis.sentinels)}]}}}}"

    def over_to_another(self, load, before):
        wait_for("the Sentinels name another", lambda: self.redis.now() is not before and self.redis.now().info("role") == "master", 40)
        self.wait_local_over(self.host[0])
        answers = load.end()
        self.assertEqual(set(answers), {"DUNNO"}, answers)
        self.assertLess(load.slowest, 3)

    def test_1_the_master_dies(self):
        for i in range(3):
            self.assertEqual(self.host[i % 2].message(sasl_username="alice", sender="kept@sender.example"), "DUNNO")
        before = self.redis.now()
        before.cli("WAIT", "2", "2000")
        load = Load(self.host[0])
        load.start()
        before.stop()
        self.over_to_another(load, before)
        self.assertEqual(self.left(self.host[1], "sender/kept@sender.example"), 3)
        self.host[0].wait_log("Redis master mymaster is")
        for i in range(2):
            self.assertEqual(self.host[i % 2].message(sasl_username="alice"), "DUNNO")
        self.assertRegex(self.host[1].message(sasl_username="alice"), PUT_OFF)
        before.start()                               # comes back as a replica

    def test_2_changed_by_command_and_a_sentinel_dead(self):
        """The old master lives on and says READONLY."""
        self.redis.sentinels[0].stop()
        self.redis.sentinels[0].start()
        before = self.redis.now()
        load = Load(self.host[0])
        load.start()
        # One that finds no good replica yet is given up by the Sentinel: it is told again.
        wait_for("a fail-over", lambda: self.redis.now() is not before or
                 (self.redis.sentinels[1].cli("SENTINEL", "FAILOVER", "mymaster", check=False) == "OK" and time.sleep(1)), 60)
        self.over_to_another(load, before)

    def test_3_the_master_hangs(self):
        before = self.redis.now()
        load = Load(self.host[0])
        load.start()
        before.signal(signal.SIGSTOP)
        try:
            self.over_to_another(load, before)
        finally:
            before.signal(signal.SIGCONT)
