"""Rules that look at countries and at lists in files, with real files; and that each shows in an explanation.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import subprocess
import unittest

from rig.mmdb import database
from rig.policyhost import PolicyHost

POLICY = """{country_database: countries.mmdb, lists: {crew: {names: [a@x.example], file: crew.txt}},
  rules: {deny: {countries: [KP], text: "Not from there"}, custom: [{name: crew, when: 'sender in crew', then: reject, text: crew},
    {name: far, when: 'country == "NZ" and not trusted', then: defer, text: far}]}}"""


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = PolicyHost(POLICY)
        cls.addClassCleanup(cls.host.close)
        cls.host.place.write("countries.mmdb", database({"192.0.2.0/24": "KP", "198.51.100.0/25": "NZ", "2001:db8:1::/48": "KP", "203.0.113.7/32": "DE"}))
        cls.host.place.write("crew.txt", "# people\nb@x.example   # second\n\n@y.example\r\n")
        cls.host.start()

    def ask(self, **attributes):
        return self.host.message(until="RCPT", **attributes)

    def test_countries(self):
        self.assertRegex(self.ask(client_address="192.0.2.200"), r"^REJECT 5\.7\.1 Not from there")
        self.assertRegex(self.ask(client_address="2001:db8:1:2::3"), "^REJECT")
        self.assertEqual(self.ask(client_address="192.0.3.1"), "DUNNO")
        self.assertEqual(self.ask(client_address="203.0.113.7"), "DUNNO")
        self.assertRegex(self.ask(client_address="198.51.100.1"), "^450 4.7.1 far")
        self.assertEqual(self.ask(client_address="198.51.100.200"), "DUNNO")
        self.assertEqual(self.ask(client_address="unknown"), "DUNNO")
        told = self.host.ctl("policy", "explain", "client_address=192.0.2.1", "recipient=bob@example.com").stdout
        self.assertRegex(told, r"access +deny +HIT .*country")

    def test_lists_in_files(self):
        for sender in ("a@x.example", "b@x.example", "any@y.example"):
            self.assertRegex(self.ask(sender=sender, client_address="203.0.113.7"), r"^REJECT 5\.7\.1 crew", sender)
        self.assertEqual(self.ask(sender="c@x.example", client_address="203.0.113.7"), "DUNNO")

    def test_files_that_are_not_there(self):
        for name, text in (("countries.mmdb", b"no database"), ("countries.mmdb", b"")):
            self.host.place.write("broken.mmdb", text)
            self.host.place.write("broken.yaml", self.host.yaml(policy=POLICY.replace(name, "broken.mmdb")))
            checked = self.host.place.path("broken.yaml")
            told = self.host.gatepost.binary("gatepost-policyd")
            p = subprocess.run([told, "-t", "-c", checked], capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(p.returncode, 1, p.stderr)
            self.assertIn("cannot be used as a country database", p.stdout + p.stderr)


if __name__ == "__main__":
    unittest.main()
