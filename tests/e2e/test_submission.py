"""A real login: Postfix' submission service with TLS and Cyrus SASL, policyd hands the login over, cfilter exempts it from what scores and tags.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import json
import os
import re
import ssl
import subprocess

from rig import mails, smtp
from rig.house import HouseTest
from rig.postfix import SNIPPETS, mail_owner
from rig.slapd import BASE, SYNCPROV, Slapd

USER, PASSWORD = "alice", "not a secret"


def encrypted_zip(place):
    place.write("report.txt", b"figures of the quarter\n" * 20)
    subprocess.run(["zip", "-q", "-j", "-P", "x", place.path("report.zip"), place.path("report.txt")], check=True)
    with open(place.path("report.zip"), "rb") as f:
        return f.read()


def partial():
    return mails.head("A piece", b"Content-Type: message/partial; id=\"a@b\"; number=1; total=2\r\n\r\n") + b"Subject: half\r\n\r\ntext\r\n"


class Login(HouseTest):
    """Postfix with the submission service, and somebody who may log in."""

    options = {"services": ("mx-in.cf", "submission.cf"), "filter": ", classes: [{name: submission}]"}

    @classmethod
    def prepare(cls):
        """Debian's Postfix reads sasl/ in its configuration directory; its services are chrooted, so the database lies in the queue directory."""
        place, postfix = cls.place, cls.house.postfix
        place.write("postfix/sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: /etc/sasldb2\n")
        place.folder("queue/etc")
        database = place.path("queue/etc/sasldb2")
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", database, "-u", "example.com", USER], input=PASSWORD.encode(), check=True)
        os.chown(database, mail_owner().pw_uid, -1)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mx.example.com",
                        "-keyout", place.path("tls.key"), "-out", place.path("tls.crt")], check=True, capture_output=True)
        with open(os.path.join(postfix.config, "main.cf"), "a", encoding="utf-8") as f:
            f.write(f"smtpd_tls_cert_file = {place.path('tls.crt')}\nsmtpd_tls_key_file = {place.path('tls.key')}\n"
                    f"smtpd_sasl_local_domain = example.com\n")

    def login(self, password=PASSWORD):
        """A client behind STARTTLS and AUTH, and the reply to the latter."""
        c = smtp.Client(("127.0.0.1", self.house.postfix.port("submission.cf")))
        c.cmd("EHLO laptop.example.com")
        self.assertEqual(c.cmd("STARTTLS").code, 220)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c.sock = context.wrap_socket(c.sock)
        self.assertIn("AUTH PLAIN", c.cmd("EHLO laptop.example.com").text)
        return c, c.cmd("AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{password}".encode()).decode())


class Submission(Login):
    def submit(self, message):
        c, reply = self.login()
        with c:
            self.assertEqual(reply.code, 235, str(reply))
            for line in ("MAIL FROM:<alice@example.com>", "RCPT TO:<bob@example.com>"):
                self.assertEqual(c.cmd(line).code, 250)
            self.assertEqual(c.cmd("DATA").code, 354)
            return c.message(message)

    def delivered(self, marker):
        self.eventually("delivery", lambda: any(marker in m.data for m in self.house.inner.messages))
        return next(m.data for m in self.house.inner.messages if marker in m.data)

    def test_a_wrong_password(self):
        c, reply = self.login("guessed")
        with c:
            self.assertEqual(reply.code, 535, str(reply))
            c.cmd("MAIL FROM:<alice@example.com>")
            self.assertEqual(c.cmd("RCPT TO:<bob@example.com>").code, 554)

    def test_spam_rules_are_silent(self):
        message = mails.gtube().replace(b"Test of the spam filter", b"gtube-of-a-login")
        reply = self.submit(message)
        self.assertEqual(reply.code, 250, str(reply))
        data = self.delivered(b"gtube-of-a-login")
        self.assertIn(b"Subject: gtube-of-a-login", data)
        self.assertNotIn(b"X-Spam-", data)
        self.assertNotIn(b"X-Gatepost", data)
        self.assertEqual(self.house.send(message).code, 554)

    def test_what_cannot_be_checked_is_not_tagged(self):
        message = mails.attachment(encrypted_zip(self.place), "report.zip", "application/zip", subject="locked-of-a-login")
        reply = self.submit(message)
        self.assertEqual(reply.code, 250, str(reply))
        self.assertNotIn(b"X-Spam-", self.delivered(b"locked-of-a-login"))
        self.assertEqual(self.house.send(message.replace(b"locked-of-a-login", b"locked-of-a-stranger")).code, 250)
        self.assertIn(b"X-Spam-Report", self.delivered(b"locked-of-a-stranger"))

    def test_viruses_and_shapes_are_refused(self):
        for message in (mails.eicar_plain(), mails.eicar_base64(), mails.eicar_zip(), mails.eicar_nested()):
            reply = self.submit(message)
            self.assertEqual(reply.code, 554, str(reply))
            self.assertIn("Eicar-Test-Signature", reply.text)
        reply = self.submit(partial())
        self.assertEqual(reply.code, 554, str(reply))
        self.assertIn("partial", reply.text)

    def test_who_it_was_is_on_record(self):
        found = re.search(r"\(id ([0-9A-Z]{13})\)", str(self.submit(mails.eicar_zip()))).group(1)

        def records():
            lines = self.house.gatepost.ctl("explain", "--json", found).stdout.splitlines()
            return {r["daemon"]: r for r in map(json.loads, lines)}
        self.eventually("both records", lambda: {"policyd", "cfilter"} <= set(records()))
        told = records()["cfilter"]
        self.assertEqual((told["login"], told["trusted"], told["handed_over"], told["rcpt_class"]), (USER + "@example.com", True, True, "submission"))


class SenderLogins(Login):
    """smtpd_sender_login_maps of config/postfix/maps.cf, as printed: each login sends as itself only."""

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(SNIPPETS, "maps.cf"), encoding="utf-8") as f:
            line = next(x for x in f if x.startswith("smtpd_sender_login_maps"))
        cls.options = dict(Login.options, main=line, more="maps: {recipients: {}, senders: {kind: senders}}")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.slapd = Slapd(cls.place, people=["alice", "bob"], **SYNCPROV).start()
        cls.house.parts["recipients"] = (f"{{profile: openldap, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                         "sync: {login: mail, attributes: [mail, proxyAddresses], filter: \"(objectClass=inetOrgPerson)\"}}")
        cls.house.gatepost.configure(cls.house.yaml())
        master = os.path.join(cls.house.postfix.config, "master.cf")
        with open(master, encoding="utf-8") as f:
            text = f.read()
        if "{ smtpd_sender_restrictions = }" not in text:
            raise RuntimeError("submission.cf has changed")
        with open(master, "w", encoding="utf-8") as f:
            f.write(text.replace("{ smtpd_sender_restrictions = }", "{ smtpd_sender_restrictions = reject_sender_login_mismatch }"))

    def reply(self, sender):
        c, reply = self.login()
        with c:
            self.assertEqual(reply.code, 235, str(reply))
            c.cmd(f"MAIL FROM:<{sender}>")
            return c.cmd("RCPT TO:<bob@example.com>")

    def test_each_as_itself(self):
        self.assertLogged("socketmapd", "is in force")
        for sender, code in (("alice@example.com", 250), ("alice.alias@example.com", 250), ("bob@example.com", 553)):
            said = self.reply(sender)
            self.assertEqual(said.code, code, f"{sender}: {said}")
        self.assertIn("not owned by user", str(self.reply("bob@example.com")))

    def test_the_directory_is_down(self):
        self.assertLogged("socketmapd", "is in force")
        self.slapd.stop()
        try:
            self.assertEqual(self.reply("alice@example.com").code, 250)
            self.assertEqual(self.reply("bob@example.com").code, 553)
        finally:
            self.slapd.start()
