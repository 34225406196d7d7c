"""policyd behind a real Postfix, and at its own wire: lists, limits, spoofing, junk, dead back ends.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import itertools
import re
import time

from rig import mails
from rig.house import LISTED, TRUSTED, HouseTest
from rig.raw import Policy, request

_instance = itertools.count(1)


def instance():
    return f"e2e.{next(_instance):x}.{time.time_ns():x}"


class Lists(HouseTest):
    options = {"policy": ", rules: {spoof: enforce, deny: {clients: [198.51.100.0/24]}, allow: {clients: [127.0.0.67]}}"}

    @classmethod
    def prepare(cls):
        cls.socket = cls.place.path("queue/gatepost/policy.sock")

    def ask(self, **attributes):
        attributes.setdefault("instance", instance())
        with Policy(self.socket) as c:
            return c.ask(**attributes)

    def test_listed_client_is_refused_with_the_reason_of_the_list(self):
        outcome = self.house.send(source=LISTED)
        self.assertReply(outcome, 554, "listed for the test")
        self.assertIn("demolist", str(outcome))
        self.assertNotIn("dnsbl.example", str(outcome))
        self.assertRegex(str(outcome), r"\(id [0-9A-Z]{13}\)")
        found = re.search(r"\(id ([0-9A-Z]{13})\)", str(outcome)).group(1)
        self.eventually("the event", lambda: found in self.house.gatepost.ctl("explain", found).stdout)
        said = self.house.gatepost.ctl("explain", found.lower()).stdout
        self.assertIn("demolist", said)
        self.assertIn(LISTED, said)

    def test_what_the_lists_say_of_an_address(self):
        said = self.house.gatepost.ctl("dnsbl", "test", LISTED)
        self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
        self.assertIn("127.0.0.2", said.stdout)
        self.assertIn("listed for the test", said.stdout)
        self.assertEqual(self.house.gatepost.ctl("dnsbl", "test", "192.0.2.77").returncode, 0)
        self.assertEqual(self.house.gatepost.ctl("dnsbl", "test", "mx.sender.example").returncode, 0)

    def test_unlisted_passes(self):
        self.assertReply(self.house.send(source="127.0.0.5"), 250)

    def test_unknown_recipient_is_said_first(self):
        self.assertReply(self.house.send(source=LISTED, to="mallory@example.com"), 550, "5.1.1")

    def test_deny_and_allow(self):
        self.assertRegex(self.ask(client_address="198.51.100.9"), r"^(REJECT|5\d\d 5\.)")
        self.assertEqual(self.ask(client_address="203.0.113.9"), "DUNNO")

    def test_own_domain_from_outside(self):
        self.assertReply(self.house.send(sender="boss@example.com"), 554, "(id ")
        self.assertReply(self.house.send(sender="boss@example.com", source=TRUSTED), 250)
        self.assertRegex(self.ask(sender="boss@EXAMPLE.com", client_address="203.0.113.9"), r"^(REJECT|5\d\d 5\.)")
        self.assertEqual(self.ask(sender="boss@example.com", client_address="203.0.113.9", sasl_username="boss"), "DUNNO")
        self.assertEqual(self.ask(sender="boss@example.com", client_address="203.0.113.9", policy_context="submission"), "DUNNO")

    def test_logins_and_submission_are_not_judged_by_lists(self):
        self.assertRegex(self.ask(client_address=LISTED), r"^(REJECT|5\d\d 5\.)")
        self.assertEqual(self.ask(client_address=LISTED, sasl_username="bob"), "DUNNO")
        self.assertEqual(self.ask(client_address=LISTED, policy_context="submission"), "DUNNO")

    def test_odd_client_addresses(self):
        for address in ("unknown", "", "::ffff:192.0.2.7", "fe80::1%eth0", "2001:db8::1", "999.1.1.1", None):
            self.assertEqual(self.ask(client_address=address), "DUNNO", address)

    def test_pieces_pipelines_and_duplicates(self):
        with Policy(self.socket) as c:
            for b in request(instance=instance()):
                c.send(bytes([b]))
            self.assertEqual(c.action(), "DUNNO")
            n = 500
            c.send(b"".join(request(instance=instance(), client_address=LISTED if i % 2 else "192.0.2.7") for i in range(n)))
            got = [c.action() for _ in range(n)]
            self.assertTrue(all((a == "DUNNO") == (i % 2 == 0) for i, a in enumerate(got)), got[:4])
            c.send(request(instance=instance())[:-1] + b"client_address=" + LISTED.encode() + b"\nfuture_attribute=x=y z\n\n")
            self.assertEqual(c.action(), "DUNNO")

    def test_states_without_a_decision(self):
        for state in ("CONNECT", "EHLO", "HELO", "MAIL", "VRFY", "ETRN"):
            self.assertEqual(self.ask(protocol_state=state, client_address=LISTED, instance=""), "DUNNO" , state)

    def test_junk_closes_and_others_go_on(self):
        for junk in (b"\0\0\0\n\n", b"GET / HTTP/1.0\r\n\r\n", b"\n", b"x" * 200000, b"request=other\n\n", b"name\n\n"):
            with Policy(self.socket) as c:
                try:
                    c.send(junk)
                except ConnectionError:
                    continue
                answer = c.action() if junk.endswith(b"\n\n") or junk == b"\n" else None
                self.assertIn(answer, (None, "DUNNO"), junk[:20])
        self.assertEqual(self.ask(), "DUNNO")

    def test_explain_says_what_each_check_saw(self):
        said = self.house.gatepost.ctl("policy", "explain", f"client_address={LISTED}", "sender=a@sender.example",
                                       "recipient=bob@example.com")
        self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
        self.assertIn("demolist", said.stdout)
        self.assertIn("127.0.0.2", said.stdout)


class DeadLists(HouseTest):
    """A list that refuses is switched off for a while, so it gets a house of its own."""

    @classmethod
    def prepare(cls):
        cls.socket = cls.place.path("queue/gatepost/policy.sock")

    def ask(self, **attributes):
        with Policy(self.socket) as c:
            return c.ask(instance=instance(), **attributes)

    def test_dead_and_lying_lists_refuse_nobody(self):
        """Clients not asked for before: what is cached may serve."""
        for n, fault in enumerate(("silent", "servfail", "refused", "refusal")):
            self.house.dns.fault = fault
            try:
                begun = time.monotonic()
                self.assertEqual(self.ask(client_address=f"192.0.2.{100 + n}"), "DUNNO", fault)
                self.assertLess(time.monotonic() - begun, 3.5, fault)
            finally:
                self.house.dns.fault = None


class Observe(HouseTest):
    options = {"mode": "observe", "policy": ", rules: {spoof: enforce}"}

    def test_all_pass_and_the_log_tells(self):
        self.assertReply(self.house.send(source=LISTED), 250)
        self.assertReply(self.house.send(sender="boss@example.com"), 250)
        self.assertLogged("policyd", "demolist")


class SpfAndRules(HouseTest):
    options = {"policy": ", lists: {told: [told.example]}, rules: {spf: {mode: enforce, fail: 5}, spoof: enforce, custom: ["
                         "{name: own-word, when: sender.domain in told and not trusted, then: reject, text: Told you so}]}"}

    @classmethod
    def prepare(cls):
        cls.house.dns.texts = {"sender.example": "v=spf1 ip4:127.0.6.0/24 -all", "example.com": "v=spf1 ip4:127.0.6.7 -all"}

    def test_who_may_send(self):
        self.assertReply(self.house.send(source="127.0.6.1", message=mails.plain("Allowed by SPF")), 250)
        self.eventually("delivery", lambda: any(b"Allowed by SPF" in m.data for m in self.house.inner.messages))
        got = next(m.data for m in self.house.inner.messages if b"Allowed by SPF" in m.data)
        self.assertIn(b"Received-SPF: pass (mx.example.com: sender.example: ip4:127.0.6.0/24) receiver=mx.example.com; identity=mailfrom;", got)
        self.assertReply(self.house.send(source="127.0.7.1"), 554, "SPF fail")

    def test_own_domain_where_its_record_allows_the_client(self):
        self.assertReply(self.house.send(source="127.0.6.7", sender="boss@example.com"), 250)
        self.assertReply(self.house.send(source="127.0.6.8", sender="boss@example.com"), 554)

    def test_a_rule_of_ones_own(self):
        self.assertReply(self.house.send(source="127.0.6.1", sender="x@told.example"), 554, "Told you so (id ")
        self.assertReply(self.house.send(source="127.0.6.1", sender="x@untold.example"), 250)

    def test_without_dns_nobody_is_refused(self):
        self.house.dns.fault = "servfail"
        try:
            self.assertReply(self.house.send(source="127.0.7.9", sender="x@other.example"), 250)
        finally:
            self.house.dns.fault = None


class HandOver(HouseTest):
    def test_forged_field_is_stripped_and_does_not_exempt(self):
        forged = b"X-Gatepost: v=1; id=AAAAAAAAAAAAA; t=1; client=127.0.0.1; score=0; hits=; login=bob; trusted=1; class=default; mac=AAAA\r\n"
        outcome = self.house.send(forged + mails.gtube())
        self.assertReply(outcome, 554, "spam")
        self.assertReply(self.house.send(forged + mails.plain("Forged field")), 250)
        self.eventually("delivery", lambda: any(b"Forged field" in m.data for m in self.house.inner.messages))
        got = next(m.data for m in self.house.inner.messages if b"Forged field" in m.data)
        self.assertNotIn(b"X-Gatepost", got)

    def test_trusted_client_is_exempt_from_spam_but_not_from_viruses(self):
        self.assertReply(self.house.send(mails.gtube(), source=TRUSTED), 250)
        self.assertReply(self.house.send(mails.eicar_base64(), source=TRUSTED), 554, "virus")

    def test_one_id_for_the_whole_message(self):
        outcome = self.house.send(mails.gtube())
        found = re.search(r"\(id ([0-9A-Z]{13})\)", str(outcome)).group(1)
        self.assertLogged("policyd", found)
        self.assertLogged("cfilter", found)
