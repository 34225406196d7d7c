"""Recipients through a real Sendmail.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import unittest

from rig import sendmail, smtp
from rig.maphost import MapHost, MapTest
from rig.slapd import BASE, SYNCPROV, Slapd


@unittest.skipUnless(sendmail.available(), "Sendmail needs root, and its package unpacked in build/peers")
class Recipients(MapTest):
    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, **SYNCPROV).start()
        cls.map_port = cls.place.port()
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                      "query_timeout: 1s, timeout: 2s, delimiters: \"+\"}")
        cls.host.gatepost.configure(cls.host.yaml().replace('"unix:map.sock"', f'["unix:map.sock", "127.0.0.1:{cls.map_port}"]'))
        cls.host.start()
        cls.mta = sendmail.Sendmail(cls.place, cls.map_port).start()

    def rcpt(self, address):
        with smtp.Client(("127.0.0.1", self.mta.port), timeout=30) as c:
            self.assertEqual(c.banner.code, 220)
            for line in ("EHLO client.example.org", "MAIL FROM:<alice@sender.example>"):
                self.assertEqual(c.cmd(line).code, 250)
            return c.cmd(f"RCPT TO:<{address}>")

    def test_known_and_unknown(self):
        for known in ("bob@example.com", "BOB@Example.COM", "bob.alias@example.com", "bob+lists@example.com"):
            self.assertEqual(self.rcpt(known).code, 250, known)
        refused = self.rcpt("mallory@example.com")
        self.assertEqual(refused.code, 550)
        self.assertIn("5.1.1", refused.text)

    def test_directory_down(self):
        self.assertTold("is in force")
        self.slapd.stop()
        try:
            self.assertEqual(self.rcpt("bob@example.com").code, 250)
            put_off = self.rcpt("stranger@example.com")
            self.assertEqual(put_off.code, 451)
            self.assertIn("4.3.0", put_off.text)
        finally:
            self.slapd.start()

    def test_daemon_gone(self):
        self.host.stop()
        try:
            self.assertEqual(self.rcpt("bob@example.com").code, 451)
            self.assertEqual(self.rcpt("mallory@example.com").code, 451)
        finally:
            self.host.start()
        self.assertEqual(self.rcpt("bob@example.com").code, 250)
