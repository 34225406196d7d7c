"""Limits behind a real Postfix that asks at RCPT, DATA and END-OF-MESSAGE, and gatepostctl limits.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import itertools
import signal
import time

from rig import mails
from rig.house import LISTED, HouseTest
from rig.raw import Policy

_instance = itertools.count(1)


def instance():
    return f"limits.{next(_instance):x}.{time.time_ns():x}"


class LimitsTest(HouseTest):
    @classmethod
    def prepare(cls):
        cls.socket = cls.place.path("queue/gatepost/policy.sock")

    def message(self, recipients=("bob@example.com",), until="END-OF-MESSAGE", times=1, **attributes):
        """What Postfix asks about one message, each question so many times; the first answer that is not DUNNO (PREPEND lets pass, too)."""
        attributes.setdefault("instance", instance())
        questions = [dict(recipient=r) for r in recipients]
        for state in () if until == "RCPT" else ("DATA", "END-OF-MESSAGE"):
            questions.append(dict(protocol_state=state, recipient=recipients[0] if len(recipients) == 1 else "",
                                  recipient_count=str(len(recipients))))
        with Policy(self.socket) as c:
            for question in questions:
                for _ in range(times):
                    answer = c.ask(**question, **attributes)
                    if not answer.startswith(("DUNNO", "PREPEND")):
                        return answer
        return "DUNNO"

    def limits(self, *words):
        return self.house.gatepost.ctl("limits", *words)


PUT_OFF = r"^(DEFER|4\d\d )"


class Limits(LimitsTest):
    options = {"policy": ", limits: [{name: per-client, key: [client], count: messages, rate: 3/h}, "
                         "{name: per-user, key: [sasl_username], count: recipients, rate: 2/h, burst: 2}, "
                         "{name: volume, key: [sender], count: bytes, rate: 20k/h}]".replace("20k", "20000")}

    def test_the_fourth_message_is_put_off(self):
        source = "127.0.0.41"
        for _ in range(6):                           # neither of these is counted: refused by Postfix, and by a list
            self.assertReply(self.house.send(source=source, to="mallory@example.com"), 550)
        for _ in range(3):
            self.assertReply(self.house.send(source=source), 250)
        outcome = self.house.send(source=source)
        self.assertEqual(outcome.code // 100, 4, str(outcome))
        self.assertIn("per-client", str(outcome))
        self.assertReply(self.house.send(source="127.0.0.42"), 250)
        self.assertReply(self.house.send(source=LISTED), 554)
        self.assertNotIn(LISTED, self.limits("show").stdout)

    def test_one_message_counts_once_for_all_its_questions(self):
        for _ in range(3):
            self.assertEqual(self.message(("bob@example.com", "carol@example.com"), times=3, client_address="192.0.2.50"), "DUNNO")
        self.assertRegex(self.message(client_address="192.0.2.50"), PUT_OFF)

    def test_who_leaves_before_data_is_not_counted(self):
        for _ in range(8):
            self.assertEqual(self.message(client_address="192.0.2.51", until="RCPT"), "DUNNO")
        self.assertIn("nothing is counted", self.limits("show", "per-client/192.0.2.51").stdout)

    def test_logins_have_limits_too(self):
        answers = [self.message(client_address=f"192.0.2.{60 + i}", sasl_username="mallory") for i in range(3)]
        self.assertEqual(answers[:2], ["DUNNO", "DUNNO"])
        self.assertRegex(answers[2], PUT_OFF)
        self.assertRegex(self.message(("a@example.com", "b@example.com", "c@example.com"), sasl_username="trent"), PUT_OFF)

    def test_bytes_are_those_of_the_message(self):
        """The client announces no size; what it sent is known at END-OF-MESSAGE."""
        letter = mails.plain("Large", b"All work and no play makes Jack a dull boy.\r\n" * 300)
        self.assertReply(self.house.send(letter, sender="large@sender.example", source="127.0.0.43"), 250)
        outcome = self.house.send(letter, sender="large@sender.example", source="127.0.0.44")
        self.assertEqual(outcome.code // 100, 4, str(outcome))
        self.assertIn("volume", str(outcome))

    def test_counts_survive_kill_and_restart(self):
        for _ in range(3):
            self.assertEqual(self.message(client_address="192.0.2.70"), "DUNNO")
        self.house.gatepost.stop("policyd", signal.SIGKILL)
        self.house.gatepost.start("policyd")
        self.assertRegex(self.message(client_address="192.0.2.70"), PUT_OFF)

    def test_seen_and_steered(self):
        for _ in range(3):
            self.assertEqual(self.message(client_address="192.0.2.80"), "DUNNO")
        self.assertRegex(self.message(client_address="192.0.2.80"), PUT_OFF)
        self.assertIn("left=0 of=3", self.limits("show", "per-client/192.0.2.80").stdout)
        self.assertIn("per-client/192.0.2.80", self.limits("top", "50").stdout)
        self.assertEqual(self.limits("reset", "per-client/192.0.2.80").returncode, 0)
        self.assertEqual(self.limits("reset", "per-client/192.0.2.80").returncode, 1)
        self.assertEqual(self.message(client_address="192.0.2.80"), "DUNNO")
        self.assertEqual(self.limits("exempt", "per-client/192.0.2.80", "2h").returncode, 0)
        for _ in range(5):
            self.assertEqual(self.message(client_address="192.0.2.80"), "DUNNO")
        self.assertIn("per-client/192.0.2.80", self.limits("marks").stdout)
        self.assertEqual(self.limits("exempt", "per-client/192.0.2.80", "0").returncode, 0)
        told = self.limits("override", "per-client/192.0.2.82", "5/h")
        self.assertEqual(told.returncode, 0, told.stderr)
        for _ in range(5):
            self.assertEqual(self.message(client_address="192.0.2.82", sender="override@sender.example"), "DUNNO")
        self.assertRegex(self.message(client_address="192.0.2.82", sender="override@sender.example"), PUT_OFF)
        self.assertRegex(self.limits("marks").stdout, r"rate +per-client/192\.0\.2\.82 +5/h")
        self.assertEqual(self.limits("override", "per-client/192.0.2.82", "default").returncode, 0)
        self.assertEqual(self.limits("override", "per-client/192.0.2.82", "1/h, 2/d").returncode, 64)
        self.assertEqual(self.limits("override", "nothing/192.0.2.82", "1/h").returncode, 64)
        self.assertEqual(self.limits("block", "oscar").returncode, 0)
        self.assertRegex(self.message(client_address="192.0.2.81", sasl_username="oscar"), r"^(REJECT|5\d\d )")
        self.assertEqual(self.limits("release", "oscar").returncode, 0)
        self.assertEqual(self.message(client_address="192.0.2.81", sasl_username="oscar"), "DUNNO")
        self.assertEqual(self.limits("release", "oscar").returncode, 1)
        self.assertEqual(self.limits("exempt", "x/y", "soon").returncode, 64)


HARVEST_HOOK = """\
smtpd_helo_restrictions =
smtpd_sender_restrictions =
smtpd_relay_restrictions = check_policy_service { unix:gatepost/policy.sock, policy_context=harvest }, reject_unlisted_recipient,
    permit_mynetworks, reject_unauth_destination
"""


class Harvest(LimitsTest):
    options = {"policy": ", limits: [{name: harvest, key: client, count: refused_recipients, rate: 3/h, action: reject}]", "main": HARVEST_HOOK}

    def test_who_asks_for_many_unknown_recipients_learns_no_more(self):
        for _ in range(6):
            self.assertReply(self.house.send(source="127.0.0.45"), 250)
        for i in range(3):
            self.assertReply(self.house.send(source="127.0.0.45", to=f"guess{i}@example.com"), 550, "5.1.1")
        self.assertReply(self.house.send(source="127.0.0.45", to="guess9@example.com"), 554, "harvest")
        self.assertReply(self.house.send(source="127.0.0.45"), 554, "harvest")
        self.assertReply(self.house.send(source="127.0.0.46"), 250)


class RefusedBehind(LimitsTest):
    """cfilter judges after the limits were charged: what it refuses is given back, or counts more."""
    options = {"policy": ", limits: [{name: fair, key: client, count: messages, rate: 2/h}, "
                         "{name: stern, key: client, count: messages, rate: 10/h, refused_weight: 4}]"}

    def left(self, limit, source):
        shown = self.limits("show", f"{limit}/{source}").stdout
        return int(shown.split("left=")[1].split()[0]) if "left=" in shown else None

    def test_refused_viruses(self):
        source = "127.0.0.47"
        for after in (6, 2):                         # neither is counted by fair; each is four to stern
            self.assertReply(self.house.send(mails.eicar_base64(), source=source), 554)
            deadline = time.monotonic() + 20
            while self.left("stern", source) != after and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual((self.left("fair", source), self.left("stern", source)), (None, after))
        for _ in range(2):
            self.assertReply(self.house.send(source=source), 250)
        self.assertEqual(self.house.send(source=source).code // 100, 4)
