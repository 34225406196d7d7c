"""Recipients of several classes behind a real Postfix: one answer for all, or apart, with a real queue that sends them again.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import collections
import json
import os
import re

from rig import mails, smtp
from rig.house import TRUSTED, HouseTest
from rig.place import Place
from rig.postfix import PEERS, Postfix

STRICT = [f"s{i}@example.com" for i in range(50)]
LAX = [f"l{i}@example.com" for i in range(50)]
MIXED = [one for pair in zip(STRICT, LAX) for one in pair]
CLASSES = (", classes: [{name: strict, recipients: [" + ", ".join(f'"{a}"' for a in STRICT) + "]}, "
           "{name: lax, recipients: [" + ", ".join(f'"{a}"' for a in LAX) + "], spam: {reject: 0, subject_tag: \"[LAX]\"}}]")
OPTIONS = {"recipients": "{addresses: [" + ", ".join(f'"{a}"' for a in MIXED + ["bob@example.com"]) + "]}"}


class Classes(HouseTest):
    """What the classes below share."""

    sender = None

    def got(self, marker):
        """How often the inner server got the message, for each recipient."""
        return collections.Counter(r for m in self.house.inner.messages if marker in m.data for r in m.recipients)

    def exactly_once(self, marker, recipients):
        try:
            self.eventually("delivery", lambda: set(self.got(marker)) >= set(recipients), 60)
        except TimeoutError as e:
            raise TimeoutError(f"{e}; the sender's log:\n{self.sender.postfix.log_text()[-6000:] if self.sender else ''}") from e
        self.assertEqual(self.got(marker), collections.Counter(recipients))

    def events(self, outcome):
        found = re.search(r"\(id ([0-9A-Z]{13})\)", str(outcome)).group(1)
        ctl = self.house.gatepost.ctl
        self.eventually("the event", lambda: '"daemon":"cfilter"' in ctl("explain", "--json", found).stdout.replace(" ", ""))
        return ctl("explain", found).stdout, [json.loads(line) for line in ctl("explain", "--json", found).stdout.splitlines()]


class DecideOnce(Classes):
    options = dict(OPTIONS, filter=CLASSES)

    def test_a_hundred_clean(self):
        self.assertReply(self.house.send(mails.plain("hundred"), to=MIXED), 250)
        self.exactly_once(b"hundred", MIXED)

    def test_spam_that_not_every_class_refuses_is_marked_for_all(self):
        message = mails.gtube().replace(b"Test of the spam filter", b"marked-for-all")
        outcome = self.house.send(message, to=MIXED)
        self.assertReply(outcome, 250)
        self.exactly_once(b"marked-for-all", MIXED)
        for m in self.house.inner.messages:
            if b"marked-for-all" in m.data:
                self.assertRegex(m.data, rb"(?m)^X-Spam-Score: \*{50}\r$")
                self.assertRegex(m.data, rb"(?m)^Subject: \[SPAM\] marked-for-all\r$")

    def test_spam_that_every_class_refuses(self):
        outcome = self.house.send(mails.gtube(), to=STRICT[:3] + ["bob@example.com"])
        self.assertReply(outcome, 554, "spam")
        text, records = self.events(outcome)
        told = [r for r in records if "rcpt_classes" in r]
        self.assertEqual([(c["name"], c["recipients"], c["action"], c["cause"]) for c in told[0]["rcpt_classes"]],
                         [("strict", 3, "reject", "spam"), ("default", 1, "reject", "spam")])
        self.assertEqual(told[0]["rcpt_class"], "strict")
        self.assertIn("strict", text)
        self.assertIn("recipients=3", text)

    def test_a_virus(self):
        self.assertReply(self.house.send(mails.eicar_zip(), to=MIXED), 554, "virus")
        self.assertLogged("cfilter", "rcpt_classes=")

    def test_scan_command(self):
        spam = self.place.write("spam.eml", mails.gtube())
        ctl = self.house.gatepost.ctl
        self.assertEqual(ctl("scan", "--rcpt", STRICT[0], spam).returncode, 1)
        self.assertEqual(ctl("scan", "--rcpt", LAX[0], spam).returncode, 0)
        said = ctl("scan", "--rcpt", STRICT[0], "--rcpt", LAX[0], "--rcpt", LAX[1], spam)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertIn("class strict (1 recipient): reject (spam)", said.stdout)
        self.assertIn("class lax (2 recipients): tag (spam)", said.stdout)
        told = json.loads(ctl("scan", "--json", "--rcpt", STRICT[0], "--rcpt", LAX[0], spam).stdout)
        self.assertEqual((told["action"], told["rcpt_class"]), ("tag", "strict"))
        self.assertEqual([c["action"] for c in told["rcpt_classes"]], ["reject", "tag"])


class Sender:
    """A Postfix of somebody else, whose queue sends to ours.

    The back-off is no shorter: qmgr parks a message that it would send again while the first attempt still has it."""

    def __init__(self, port):
        self.place = Place()
        self.postfix = Postfix(self.place, {}, self.place.port(), port,
                               main="relay_destination_recipient_limit = 200\nminimal_backoff_time = 4s\nmaximal_backoff_time = 4s\n"
                                    "queue_run_delay = 1s\nsmtpd_recipient_limit = 1000\nsmtp_connection_cache_on_demand = no\n")
        self.postfix.start()

    def send(self, message, recipients):
        return smtp.deliver(("127.0.0.1", self.postfix.reinject_port), "alice@sender.example", recipients, message)

    def is_empty(self):
        return not any(files for name in ("incoming", "active", "deferred") for _, _, files in os.walk(os.path.join(self.postfix.queue, name)))

    def close(self):
        self.place.close()


class Split(Classes):
    options = dict(OPTIONS, filter=", mixed: split" + CLASSES)

    @classmethod
    def prepare(cls):
        cls.sender = Sender(cls.house.postfix.port())

    @classmethod
    def tearDownClass(cls):
        cls.sender.close()
        super().tearDownClass()

    def test_a_hundred_in_one_dialogue(self):
        outcome = self.house.send(mails.plain("apart"), to=MIXED)
        self.assertReply(outcome, 250)
        off = [r for r, reply in zip(MIXED, outcome.each_rcpt) if reply.code == 452]
        self.assertEqual(off, LAX[:5])
        for reply in outcome.each_rcpt:
            self.assertIn(reply.code, (250, 452))
            if reply.code == 452:
                self.assertRegex(str(reply), r"4\.5\.3 Recipients of another policy: send again separately \(id [0-9A-Z]{13}\)")
        self.exactly_once(b"apart", [r for r in MIXED if r not in off])
        self.assertReply(self.house.send(mails.plain("apart"), to=off), 250)
        self.exactly_once(b"apart", MIXED)
        text, records = self.events([r for r in outcome.each_rcpt if r.code == 452][0])
        self.assertIn("of class lax, while the message is of class strict", text)

    def test_a_hundred_from_a_queue(self):
        self.assertReply(self.sender.send(mails.plain("queue-hundred"), MIXED), 250)
        self.exactly_once(b"queue-hundred", MIXED)
        self.eventually("an empty queue", self.sender.is_empty, 60)
        self.exactly_once(b"queue-hundred", MIXED)

    def test_each_class_has_its_own_verdict(self):
        """Three of a class and four of the other: what one refuses the other gets; the sender is told for whom."""
        message = mails.gtube().replace(b"Test of the spam filter", b"own-verdict")
        to = [STRICT[0], LAX[0], STRICT[1], LAX[1], LAX[2], STRICT[2], LAX[3]]
        self.assertReply(self.sender.send(message, to), 250)
        self.exactly_once(b"own-verdict", LAX[:4])
        self.eventually("bounces", lambda: sorted(re.findall(r"to=<([^>]+)>.*status=bounced", self.sender.postfix.log_text())) == STRICT[:3], 60)
        self.exactly_once(b"own-verdict", LAX[:4])

    def test_own_networks_are_not_split(self):
        outcome = self.house.send(mails.plain("own-network"), to=MIXED[:20], source=TRUSTED)
        self.assertEqual({r.code for r in outcome.each_rcpt}, {250})
        self.exactly_once(b"own-network", MIXED[:20])


class SplitUnderStress(Classes):
    """A stressed smtpd ends a session at the first error (smtpd_hard_error_limit): the message comes whole the next time."""

    options = dict(OPTIONS, filter=", mixed: split" + CLASSES)

    @classmethod
    def prepare(cls):
        add_to_service(cls.house.postfix, "stress=yes")
        cls.sender = Sender(cls.house.postfix.port())

    @classmethod
    def tearDownClass(cls):
        cls.sender.close()
        super().tearDownClass()

    def test_a_hundred_in_one_dialogue(self):
        outcome = self.house.send(mails.plain("one-dialogue"), to=MIXED)
        codes = [r.code for r in outcome.each_rcpt]
        self.assertEqual(codes[:3], [250, 452, 421])
        self.assertFalse(self.got(b"one-dialogue"))
        outcome = self.house.send(mails.plain("one-dialogue"), to=MIXED)
        self.assertReply(outcome, 250)
        self.exactly_once(b"one-dialogue", MIXED)

    def test_a_hundred_from_a_queue(self):
        self.assertReply(self.sender.send(mails.plain("queue-stress"), [f for f in reversed(MIXED)]), 250)
        self.exactly_once(b"queue-stress", MIXED)
        self.eventually("an empty queue", self.sender.is_empty, 60)
        self.exactly_once(b"queue-stress", MIXED)


class SplitWithSpeedAdjust(Classes):
    """Not how it is meant, and doctor says so; but mail does not go in circles."""

    options = dict(OPTIONS, filter=", mixed: split" + CLASSES)

    @classmethod
    def prepare(cls):
        add_to_service(cls.house.postfix, "smtpd_proxy_options=speed_adjust")

    def test_put_off_once_as_a_whole(self):
        outcome = self.house.send(mails.plain("speed"), to=MIXED[:4])
        self.assertReply(outcome, 452, "4.5.3")
        self.assertEqual(outcome.stage, "dot")
        self.assertFalse(self.got(b"speed"))
        self.assertReply(self.house.send(mails.plain("speed"), to=MIXED[:4]), 250)
        self.exactly_once(b"speed", MIXED[:4])

    def test_doctor_sees_it(self):
        said = self.doctor()
        self.assertIn("filter.mixed: split", said.stdout)
        self.assertEqual(said.returncode, 1, said.stdout)

    def doctor(self):
        postfix = self.house.postfix
        path = self.place.write("postconf.sh", f"#!/bin/sh\nLD_LIBRARY_PATH={postfix.env['LD_LIBRARY_PATH']} exec {PEERS}/usr/sbin/postconf \"$@\"\n", 0o755)
        return self.house.gatepost.ctl("doctor", "--postfix", postfix.config, "--postconf", path)


def add_to_service(postfix, option):
    """Gives the smtpd that faces the world an option more."""
    path = os.path.join(postfix.config, "master.cf")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    changed = re.sub(rf"(?m)^(127\.0\.0\.1:{postfix.port()}\s.*smtpd)$", rf"\1\n  -o {option}", text)
    assert changed != text
    with open(path, "w", encoding="utf-8") as f:
        f.write(changed)
