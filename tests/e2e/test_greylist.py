"""Greylisting behind a real Postfix, and gatepostctl greylist.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import re
import signal
import time

from rig.house import TRUSTED, HouseTest


class Greylist(HouseTest):
    options = {"policy": ", greylist: {when: all, delay: 1s, skip_recipients: [carol@example.com]}"}

    def greylist(self, *words):
        return self.house.gatepost.ctl("greylist", *words)

    def test_comes_again_and_passes_also_after_a_crash(self):
        outcome = self.house.send(source="127.0.1.1")
        self.assertReply(outcome, 450, "Greylisted, try again in 1 seconds")
        key = re.search(r"hits=\S*greylist", self.place.log("policyd"))
        self.assertIsNotNone(key)
        self.house.gatepost.stop("policyd", signal.SIGKILL)
        self.house.gatepost.start("policyd")
        time.sleep(1.1)
        self.assertReply(self.house.send(source="127.0.1.1"), 250)
        self.assertReply(self.house.send(source="127.0.1.200"), 250)     # the same network
        self.assertReply(self.house.send(source="127.0.2.1"), 450)
        self.assertRegex(self.greylist("stats").stdout, r"passed: [1-9]")

    def test_spared(self):
        self.assertReply(self.house.send(source="127.0.3.1", to="carol@example.com"), 250)
        self.assertReply(self.house.send(source=TRUSTED), 250)

    def test_steered(self):
        self.assertReply(self.house.send(source="127.0.4.1"), 450)
        said = self.greylist("show", "{127.0.4.0/24}").stdout
        key = said.split(" ")[0]
        self.assertTrue(key.startswith("{127.0.4.0/24}/"), said)
        self.assertIn("answer=wait tries=1", said)
        self.assertEqual(self.greylist("pass", key).returncode, 0)
        self.assertReply(self.house.send(source="127.0.4.1"), 250)
        self.assertEqual(self.greylist("forget", key).returncode, 0)
        self.assertEqual(self.greylist("forget", key).returncode, 1)
        self.assertReply(self.house.send(source="127.0.5.1"), 450)
        self.assertEqual(self.greylist("pass", "{127.0.5.0/24}").returncode, 0)
        self.assertReply(self.house.send(source="127.0.5.1"), 250)
        self.assertIn("{127.0.5.0/24}", self.house.gatepost.ctl("limits", "marks").stdout)
