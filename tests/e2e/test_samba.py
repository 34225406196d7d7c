"""Recipients out of a real Samba Active Directory domain controller.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import pwd
import signal
import time
import unittest

from rig import samba
from rig.maphost import MapHost, MapTest
from rig.place import USER

PEOPLE = 1100
QUICK = "interval: 1s, full_interval: 30s, stall: 5s, grace: 1s"


def own(path):
    os.chmod(path, 0o600)
    entry = pwd.getpwnam(USER)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    return path


@unittest.skipUnless(samba.available(), "Samba's domain controller needs root and the package samba-ad-dc")
class ActiveDirectory(MapTest):
    @classmethod
    def prepare(cls):
        cls.ad = samba.Samba(cls.place).start()
        ad = cls.ad
        ad.change("".join(ad.user(f"u{i}", f"SMTP:u{i}@example.com", f"smtp:alias{i}@example.com", f"SIP:s{i}@example.com") for i in range(PEOPLE)))
        ad.change(ad.user("room", "SMTP:room@example.com", control=514) +
                  f"dn: CN=team,CN=Users,{samba.BASE}\nobjectClass: group\nsAMAccountName: team\nproxyAddresses: smtp:team@example.com\n\n"
                  f"dn: CN=partner,CN=Users,{samba.BASE}\nobjectClass: contact\nproxyAddresses: SMTP:partner@example.com\n"
                  "mail: partner@elsewhere.example\n\n"
                  f"dn: CN=plain,CN=Users,{samba.BASE}\nobjectClass: user\nsAMAccountName: plain\nmail: plain@example.com\n\n")
        own(cls.place.write("ldap.secret", samba.PASSWORD, 0o600))
        cls.host = MapHost(cls.place, cls.recipients(f"{{{QUICK}}}"))
        cls.host.gatepost.wrap = list(cls.ad.inside)
        cls.host.start()

    @classmethod
    def recipients(cls, sync, server=samba.URL, bind=f"{{user: {samba.ADMIN}, password_file: ldap.secret}}", more=""):
        return f"{{profile: active-directory, servers: [\"{server}\"], ca_file: samba.crt, bind: {bind}, sync: {sync}{more}}}"

    def use(self, *parts, **named):
        self.host.reload(recipients=self.recipients(*parts, **named))
        self.eventually("a fresh set", lambda: "FRESH\n" in self.host.status() and "trouble" not in self.host.status(), 20)

    def test_every_kind_of_recipient(self):
        self.use(f"{{{QUICK}}}")
        with self.host.client() as c:
            for i in range(PEOPLE):
                self.assertEqual(c.ask(f"u{i}@example.com"), "OK x")
            for known in ("alias7", "room", "team", "partner", "plain"):
                self.assertEqual(c.ask(f"{known}@example.com"), "OK x", known)
            for unknown in ("s7", "nobody", "CN=u7"):
                self.assertEqual(c.ask(f"{unknown}@example.com"), "NOTFOUND ", unknown)
        self.use(f"{{leavers: no, {QUICK}}}")
        self.eventually("the end of a leaver", lambda: self.host.ask("room@example.com") == "NOTFOUND " or "room" not in self.host.ctl("list", "room@").stdout)

    def follow(self, way, more=QUICK):
        """Comes, changes, goes, by this way of following."""
        self.use(f"{{method: {way}, {more}}}")
        name = f"new{way}"
        self.assertIn(f"by {way}", self.host.status())
        self.ad.change(self.ad.user(name, f"SMTP:{name}@example.com"))
        self.eventually("the newcomer in the set", lambda: "attribute" in self.host.ctl("why", f"{name}@example.com").stdout, 10)
        self.ad.change(f"dn: CN={name},CN=Users,{samba.BASE}\nchangetype: modify\nreplace: proxyAddresses\nproxyAddresses: SMTP:{name}.2@example.com\n\n")
        self.eventually("the new address", lambda: self.host.ask(f"{name}.2@example.com") == "OK x", 10)
        self.eventually("the end of the old one", lambda: self.host.ask(f"{name}@example.com") == "NOTFOUND ", 40)
        self.ad.remove(name)
        self.eventually("the end of both", lambda: self.host.ask(f"{name}.2@example.com") == "NOTFOUND ", 40)
        self.assertEqual(self.host.ask("u1@example.com"), "OK x")

    def test_dirsync(self):
        self.follow("dirsync")

    def test_usn(self):
        self.follow("usn", "interval: 1s, full_interval: 6s, stall: 5s, grace: 1s")

    def test_full(self):
        self.follow("full", "interval: 1s, full_interval: 1s, stall: 5s, grace: 1s")

    def test_an_ordinary_account_may_follow(self):
        self.ad.change(self.ad.user("reader", more="unicodePwd:: " + samba.unicode_password("Reader-Secret-1") + "\n"))
        own(self.place.write("reader.secret", "Reader-Secret-1", 0o600))
        self.use(f"{{method: dirsync, {QUICK}}}", bind="{user: reader@example.com, password_file: reader.secret}")
        self.assertEqual(self.host.ask("u1@example.com"), "OK x")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")

    def test_global_catalogue(self):
        self.use(f"{{method: full, {QUICK}}}", server="ldaps://127.0.0.1:3269")
        self.assertEqual(self.host.ask("alias9@example.com"), "OK x")

    def test_starttls_and_the_clear(self):
        self.use(f"{{{QUICK}}}", server="ldap://127.0.0.1")
        self.host.reload(recipients=self.recipients(f"{{{QUICK}}}", server="ldap://127.0.0.1", more=", tls: none"))
        self.eventually("the refusal", lambda: "trong" in self.host.status())
        self.assertEqual(self.host.ask("u1@example.com"), "OK x")
        self.assertTrue(self.host.ask("nobody@example.com").startswith("TEMP "))

    def test_found_by_srv_records(self):
        self.ad.names()
        self.use(f"{{{QUICK}}}", server="ldaps+srv://example.com")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")

    def test_kerberos(self):
        self.ad.change(self.ad.user("krb", more="unicodePwd:: " + samba.unicode_password("Krb-Secret-123") + "\n"))
        path, env = self.ad.keytab("krb")
        own(path)
        self.host.gatepost.wrap = [*self.ad.inside, "/usr/bin/env", *(f"{k}={v}" for k, v in env.items())]
        self.host.restart()
        # Signed and sealed by Kerberos itself: Samba, as AD does, wants one or the other, not both.
        self.use(f"{{{QUICK}}}", server="ldap://dc1.example.com", bind="{method: gssapi, keytab: krb.keytab}")
        self.assertEqual(self.host.ask("u3@example.com"), "OK x")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")

    def fault(self, begin, end):
        self.use(f"{{{QUICK}}}")
        begin()
        try:
            self.eventually("a sign of it", lambda: "trouble" in self.host.status(), 20)
            begun = time.monotonic()
            self.assertEqual(self.host.ask("u1@example.com"), "OK x")
            self.assertTrue(self.host.ask(f"stranger{begun}@example.com").startswith("TEMP "))
            self.assertLess(time.monotonic() - begun, 4)
        finally:
            end()
        self.host.ctl("sync", "now")
        self.eventually("a fresh set", lambda: "FRESH\n" in self.host.status() and "trouble" not in self.host.status(), 40)
        self.eventually("a full no", lambda: self.host.ask(f"x{time.time()}@example.com") == "NOTFOUND ")

    def test_killed(self):
        self.fault(lambda: self.ad.stop(signal.SIGKILL), self.ad.start)

    def test_stopped(self):
        self.fault(lambda: os.kill(self.ad.process.pid, signal.SIGSTOP), lambda: os.kill(self.ad.process.pid, signal.SIGCONT))

    def certificate(self, days):
        self.ad.stop()
        self.ad.certificate(days)
        self.ad.start()

    def test_expired_certificate(self):
        self.fault(lambda: self.certificate(-1), lambda: self.certificate(2))
