"""DNS lists that fail in every way: nobody is refused for it, nobody waits after the first few, the others still count, and they come back.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import itertools
import time
import unittest

from rig.dnsbl import FAULTS, Dnsbl
from rig.place import Place, wait_for
from rig.policyhost import PolicyHost

ON_BAD = [f"10.66.0.{i}" for i in range(1, 250)]
ON_GOOD = [f"10.77.{i // 250}.{i % 250 + 1}" for i in range(1000)]
POLICY = """{dns: {servers: [%s]}, score: {reject: 5}, dnsbl: [{name: good, zone: good.example, weight: 5}, {name: bad, zone: bad.example, weight: 5},
  {name: white, zone: white.example, weight: -10}]}"""


class DnsFaults(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        self.dns = Dnsbl(self.place, {"good.example": {a: ("127.0.0.2", "on good") for a in ON_GOOD}, "bad.example": {a: ("127.0.0.3", "on bad") for a in ON_BAD},
                                      "white.example": {}})
        self.host = PolicyHost(POLICY % f'"127.0.0.1:{self.dns.port}"').start()
        self.addCleanup(self.host.close)
        self.clean = (f"10.88.{i // 250}.{i % 250 + 1}" for i in itertools.count())
        self.on_good, self.on_bad = iter(ON_GOOD), iter(ON_BAD)
        self.wait_up("bad", "good", "white")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print("---- policyd\n" + self.host.log()[-3000:] + self.host.ctl("dnsbl", "status").stdout)

    def status(self, name):
        return next(line for line in self.host.ctl("dnsbl", "status").stdout.splitlines() if line.split()[0] == name)

    def wait_up(self, *names):
        def up():
            self.host.ctl("dnsbl", "test")
            time.sleep(0.05)
            return all(" up" in self.status(n) for n in names)

        wait_for("the lists", up, 15)

    def ask(self, client):
        begun = time.monotonic()
        answer = self.host.message(client_address=client, until="RCPT")
        return answer, time.monotonic() - begun

    def fault(self, fault):
        """Of the one list: what the others say holds, what it says does not."""
        self.dns.faults["bad.example"] = fault
        slowest = 0
        for _ in range(6):
            answer, took = self.ask(next(self.clean))
            self.assertEqual(answer, "DUNNO", fault)
            slowest = max(slowest, took)
            answer, took = self.ask(next(self.on_good))
            self.assertRegex(answer, "^(REJECT|554)", fault)
            slowest = max(slowest, took)
        self.assertLess(slowest, 2)              # the list's own second, and no more
        _, took = self.ask(next(self.clean))
        self.assertLess(took, 0.5 if fault == "slow" else 0.2, fault)
        self.dns.faults.clear()
        self.wait_up("bad")
        self.assertRegex(self.ask(next(self.on_bad))[0], "^(REJECT|554)", f"after {fault}")

    def test_each_way_to_fail(self):
        for fault in FAULTS:
            if fault not in ("world",):          # only its test can tell that: below
                with self.subTest(fault):
                    self.fault(fault)

    def test_slow_lists_still_count(self):
        self.dns.faults["bad.example"] = "slow"
        answer, took = self.ask(next(self.on_bad))
        self.assertRegex(answer, "^(REJECT|554)")
        self.assertLess(took, 1)

    def test_truncated_is_asked_by_tcp(self):
        self.dns.faults["bad.example"] = "truncated-tcp"
        self.assertRegex(self.ask(next(self.on_bad))[0], "^(REJECT|554)")

    def test_lists_the_world(self):
        self.dns.faults["bad.example"] = "world"
        self.host.ctl("dnsbl", "test")
        wait_for("it is taken out", lambda: " up" not in self.status("bad"), 10)
        self.assertEqual(self.ask(next(self.clean))[0], "DUNNO")
        self.host.wait_log("bad")
        self.dns.faults.clear()
        self.wait_up("bad")
        self.assertRegex(self.ask(next(self.on_bad))[0], "^(REJECT|554)")

    def test_a_white_list_that_welcomes_everybody(self):
        self.dns.faults["white.example"] = "world"
        self.host.ctl("dnsbl", "test")
        wait_for("it is taken out", lambda: " up" not in self.status("white"), 10)
        self.assertRegex(self.ask(next(self.on_good))[0], "^(REJECT|554)")

    def test_a_white_list_that_refuses(self):
        self.dns.faults["white.example"] = "refusal"
        self.assertRegex(self.ask(next(self.on_good))[0], "^(REJECT|554)")

    def test_all_resolvers_dead(self):
        """Nobody waits for long, nobody is refused; when they are back the lists count again."""
        self.dns.fault = "silent"
        answers = [self.ask(next(self.clean)) for _ in range(8)]
        self.assertEqual({a for a, _ in answers}, {"DUNNO"})
        self.assertLess(max(t for _, t in answers), 3.5)
        self.assertLess(answers[-1][1], 0.2)
        self.dns.fault = None
        self.wait_up("bad", "good", "white")
        self.assertRegex(self.ask(next(self.on_good))[0], "^(REJECT|554)")

    def test_one_of_two_resolvers_dead(self):
        dead = self.place.port()
        host = PolicyHost(POLICY % f'"127.0.0.1:{dead}", "127.0.0.1:{self.dns.port}"').start()
        self.addCleanup(host.close)
        wait_for("the lists", lambda: host.ctl("dnsbl", "status").stdout.count(" up") == 3, 15)
        for _ in range(3):
            begun = time.monotonic()
            self.assertRegex(host.message(client_address=next(self.on_good), until="RCPT"), "^(REJECT|554)")
            self.assertLess(time.monotonic() - begun, 2)


if __name__ == "__main__":
    unittest.main()
