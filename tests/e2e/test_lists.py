"""Lists of recipients: formats, and files that change under a running daemon.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os

from rig.maphost import MapHost, MapTest


class Lists(MapTest):
    @classmethod
    def prepare(cls):
        cls.place.write("people.txt", "bob@example.com\n/.+-bounces@example\\.com/\n")
        cls.place.write("export.csv", "\"Name\",\"EmailAddresses\"\r\n\"Carol\",\"SMTP:carol@example.com;smtp:c@example.com;SIP:c.sip@example.com\"\r\n")
        cls.place.write("export.ldif", "dn: uid=dave\nmail: dave@example.com\nproxyAddresses: smtp:d@example.com\n\n")
        cls.host = MapHost(cls.place, "{files: [people.txt, export.csv, export.ldif], addresses: [eve@example.com]}").start()
        cls.host.ask("eve@example.com")          # by now the files have been read: what comes later is a change

    def test_formats(self):
        with self.host.client() as c:
            for known in ("bob", "list-bounces", "carol", "c", "dave", "d", "eve"):
                self.assertEqual(c.ask(f"{known}@example.com"), "OK x", known)
            for unknown in ("c.sip", "bounces", "nobody"):
                self.assertEqual(c.ask(f"{unknown}@example.com"), "NOTFOUND ", unknown)
        self.assertIn("export.csv:2", self.host.ctl("why", "c@example.com").stdout)
        self.assertIn("pattern /.+-bounces", self.host.ctl("why", "x-bounces@example.com").stdout)

    def replace(self, text):
        self.place.write("new.txt", text)
        os.rename(self.place.path("new.txt"), self.place.path("people.txt"))

    def test_changes_are_taken_and_mistakes_are_not(self):
        self.replace("bob@example.com\nnewcomer@example.com\n/.+-bounces@example\\.com/\n")
        self.eventually("the change", lambda: self.host.ask("newcomer@example.com") == "OK x", 20)
        self.assertTold("the lists have changed and are in use")
        self.replace("bob@example.com\nthis is wrong\n")
        self.eventually("the complaint", lambda: "people.txt:2: \"this is wrong\" is neither" in self.host.log(), 20)
        self.assertEqual(self.host.ask("newcomer@example.com"), "OK x")
        self.replace("bob@example.com\n/(un/\n")
        self.eventually("the complaint", lambda: "/(un/ is wrong" in self.host.log(), 20)
        self.assertEqual(self.host.ask("newcomer@example.com"), "OK x")
        os.unlink(self.place.path("people.txt"))
        self.eventually("the complaint", lambda: "a file is not there any more" in self.host.log(), 20)
        self.assertEqual(self.host.ask("newcomer@example.com"), "OK x")
        self.replace("bob@example.com\n/.+-bounces@example\\.com/\n")
        self.eventually("the change", lambda: self.host.ask("newcomer@example.com") == "NOTFOUND ", 20)
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
