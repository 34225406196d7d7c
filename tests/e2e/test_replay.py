"""gatepostctl policy replay: what other rules would have answered to what has come.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import subprocess
import unittest

from rig.dnsbl import Dnsbl
from rig.place import Place, wait_for
from rig.policyhost import PolicyHost

LISTED, WELCOME = "127.0.0.66", "127.0.0.70"
POLICY = """{dns: {servers: ["127.0.0.1:%d"]}, score: {reject: 5}, dnsbl: [{name: hard, zone: hard.example, weight: 5}, {name: soft, zone: soft.example, weight: 2}],
  limits: [{name: user, key: sasl_username, rate: 100/h}]}"""


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.dns = Dnsbl(cls.place, {"hard.example": {LISTED: ("127.0.0.2", "hard")}, "soft.example": {WELCOME: ("127.0.0.4", "soft")}, "new.example": {}})
        cls.policy = POLICY % cls.dns.port
        cls.host = PolicyHost(cls.policy).start()
        cls.addClassCleanup(cls.host.close)
        wait_for("the lists", lambda: cls.host.ctl("dnsbl", "status").stdout.count(" up") >= 2)
        for i in range(3):
            cls.ask("DUNNO", sender=f"plain{i}@sender.example")
            cls.ask("REJECT", client_address=LISTED, sender=f"listed{i}@sender.example")
            cls.ask("DUNNO", client_address=WELCOME, sender=f"soft{i}@sender.example", encryption_protocol="TLSv1.0")
            cls.ask("DUNNO", sasl_username="alice", client_address="198.51.100.9", sender="alice@example.com")

    @classmethod
    def ask(cls, want, **attributes):
        answer = cls.host.message(until="RCPT", **attributes)
        assert answer.startswith((want, "554" if want == "REJECT" else want)), answer

    def replay(self, old, new, *options, more=""):
        text = self.host.yaml(policy=self.policy.replace(old, new), more=more)
        path = self.host.place.write("new.yaml", text)
        return self.host.ctl("policy", "replay", "-c", path, *options)

    def assertTells(self, result, status, *texts):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        for t in texts:
            self.assertRegex(result.stdout, t)

    def test_the_same_rules_change_nothing(self):
        self.assertTells(self.replay("", ""), 0, r"^12 requests decided again: 0 would be answered otherwise")

    def test_other_weights(self):
        result = self.replay("weight: 2", "weight: 6")
        self.assertTells(result, 1, "12 requests decided again: 3 would", r"3  pass -> reject  soft:6", rf"client={WELCOME} from=<soft0@sender.example>",
                         r"REJECT|554 5\.7\.1")
        result = self.replay("weight: 5}", "weight: 1}")
        self.assertTells(result, 1, "3 would", r"3  reject -> pass  hard:1")

    def test_return_codes_are_judged_anew(self):
        self.assertTells(self.replay("weight: 2}", 'returns: ["127.0.0.9*9", "127.0.0.4*7"]}'), 1, "3 would", "soft:7")

    def test_a_list_that_was_not_asked(self):
        result = self.replay("{name: soft", "{name: brandnew, zone: new.example}, {name: soft")
        self.assertTells(result, 0, "0 would", r"(?s)not recorded.*brandnew")

    def test_rules_on_any_attribute(self):
        rule = 'rules: {custom: [{name: oldtls, when: \'encryption_protocol == "TLSv1.0"\', then: reject, text: "TLS too old"}]}, limits'
        self.assertTells(self.replay("limits", rule), 1, "3 would", "oldtls", "TLS too old")
        self.assertTells(self.replay("limits", "rules: {deny: {senders: [plain1@sender.example]}}, limits"), 1, "1 would", "plain1@sender.example")

    def test_limits_count_anew(self):
        self.assertTells(self.replay("rate: 100/h", "rate: 2/h"), 1, "1 would", "pass -> defer  limit:user", "login=alice")

    def test_how_many_are_shown(self):
        result = self.replay("weight: 2", "weight: 6", "--show", "1")
        self.assertTells(result, 1, "the first 1 of them")
        self.assertEqual(result.stdout.count("from=<"), 1)

    def test_wrong_files_and_words(self):
        self.assertEqual(self.replay("limits", "limit").returncode, 2)
        self.assertIn("limit", self.replay("limits", "limit").stderr)
        self.assertEqual(self.host.ctl("policy", "replay").returncode, 64)
        self.assertEqual(self.replay("", "", "--since", "soon").returncode, 64)
        self.assertEqual(self.replay("", "", "--since", "1ms").returncode, 2)

    def test_what_lists_said_is_on_record(self):
        told = self.host.ctl("explain", "--from", "plain0@sender.example", "--since", "1h").stdout
        self.assertRegex(told, r"dnsbl:hard +clear +not listed")
        told = self.host.ctl("explain", "--from", "listed0@sender.example", "--since", "1h").stdout
        self.assertRegex(told, r"dnsbl:hard +\+5 points +saw 127\.0\.0\.2")

    def test_explain_from_standard_input(self):
        argv = [self.host.gatepost.binary("gatepostctl"), "-c", self.host.gatepost.file, "policy", "explain", "-"]
        told = subprocess.run(argv, input=f"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address={LISTED}\nrecipient=bob@example.com\n\n",
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(told.returncode, 1, told.stderr)
        self.assertIn("hard", told.stdout)


if __name__ == "__main__":
    unittest.main()
