"""Maps of every kind, through a real Postfix and on the wire.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import pwd
import subprocess

from rig.house import TRUSTED, HouseTest
from rig.maphost import MapHost, MapTest, bind
from rig.place import USER
from rig.postfix import PEERS, SNIPPETS
from rig.raw import Socketmap
from rig.slapd import BASE, SYNCPROV, Slapd

INTERNAL = f"""\
dn: cn=all-staff,{BASE}
objectClass: inetOrgPerson
objectClass: gatepostTestRecipient
cn: all-staff
sn: all-staff
proxyAddresses: SMTP:all-staff@example.com
msExchRequireAuthToSendTo: TRUE

"""


def lines_of(name):
    with open(os.path.join(SNIPPETS, name), encoding="utf-8") as f:
        return "".join(line for line in f if not line.startswith("#"))


class InternalOnly(HouseTest):
    """A group that takes mail from inside only, as config/postfix/internal.cf says."""

    @classmethod
    def setUpClass(cls):
        cls.options = {"main": lines_of("internal.cf"), "more": "maps: {recipients: {kind: recipients}, internal: {kind: internal}}"}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, more_ldif=INTERNAL, **SYNCPROV).start()
        cls.house.parts["recipients"] = (f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                         "query_timeout: 1s, timeout: 2s}")
        cls.house.gatepost.configure(cls.house.yaml())
        cls.socket = cls.place.path("queue/gatepost/socketmap.sock")

    def test_outside_is_refused_and_inside_is_not(self):
        self.assertReply(self.house.send(), 250)
        outcome = self.house.send(to="all-staff@example.com")
        self.assertReply(outcome, 550, "5.7.1")
        self.assertIn("from inside only", str(outcome))
        self.assertReply(self.house.send(to="all-staff@example.com", source=TRUSTED), 250)
        self.assertReply(self.house.send(to="mallory@example.com"), 550, "5.1.1")

    def test_why(self):
        said = self.house.gatepost.ctl("recipient", "why", "all-staff@example.com")
        self.assertIn("inside only", said.stdout)

    def test_directory_down(self):
        self.assertLogged("socketmapd", "is in force")
        self.slapd.stop()
        try:
            self.assertReply(self.house.send(to="all-staff@example.com"), 550, "5.7.1")
            self.assertReply(self.house.send(), 250)
            self.assertReply(self.house.send(to="unheard.of@example.com"), 451)
        finally:
            self.slapd.start()


class OtherMaps(HouseTest):
    """config/postfix/maps.cf as printed, in a chrooted Postfix; and the ways to reach a map."""

    @classmethod
    def setUpClass(cls):
        cls.options = {"main": lines_of("maps.cf"), "recipients": "{addresses: [bob@example.com], aliases: {alias.example: example.com}}"}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.tcp = cls.place.port()
        cls.house.parts["more"] = ("maps: {recipients: {}, domains: {kind: domains}, virtual: {kind: aliases}, senders: {kind: senders}, transport: "
                                   f"{{kind: transport, routes: {{example.com: \"relay:[127.0.0.1]:{cls.house.inner.port}\"}}}}}}")
        text = cls.house.yaml().replace('"unix:queue/gatepost/socketmap.sock"', f'["unix:queue/gatepost/socketmap.sock", "127.0.0.1:{cls.tcp}"]')
        cls.house.gatepost.configure(text)
        with open(cls.place.path("postfix/main.cf"), "a", encoding="utf-8") as f:
            f.write(f"proxy_read_maps = $local_recipient_maps, proxy:socketmap:unix:{cls.place.path('queue/gatepost/socketmap.sock')}:recipients\n")

    def postmap(self, key, table):
        env = dict(os.environ, **self.house.postfix.env)
        p = subprocess.run([os.path.join(PEERS, "usr/sbin/postmap"), "-c", self.house.postfix.config, "-q", key, table], env=env,
                           capture_output=True, text=True, check=False)
        return p.stdout.strip()

    def test_alias_domain_and_route(self):
        self.assertReply(self.house.send(to="bob@alias.example"), 250)
        self.eventually("the message", lambda: any("bob@example.com" in str(m.recipients) for m in self.house.inner.messages))
        self.assertReply(self.house.send(to="nobody@alias.example"), 550)

    def test_over_tcp_unix_and_proxymap(self):
        unix = f"unix:{self.place.path('queue/gatepost/socketmap.sock')}"
        for table in (f"socketmap:inet:127.0.0.1:{self.tcp}:recipients", f"socketmap:{unix}:recipients", f"proxy:socketmap:{unix}:recipients"):
            self.assertEqual(self.postmap("bob@example.com", table), "x", table)
            self.assertEqual(self.postmap("nobody@example.com", table), "", table)
        self.assertEqual(self.postmap("example.com", f"socketmap:{unix}:domains"), "x")
        self.assertEqual(self.postmap("bob@example.com", f"socketmap:{unix}:transport"), f"relay:[127.0.0.1]:{self.house.inner.port}")


class OnDemandInternal(MapTest):
    """The same without a set of all addresses: what is remembered of an address knows it too."""

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, more_ldif=INTERNAL).start()
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, sync: off}}",
                           more="maps: {recipients: {kind: recipients}, internal: {kind: internal}}").start()

    def test_it_is_remembered(self):
        for _ in range(2):
            self.assertTrue(self.host.ask("all-staff@example.com", "internal").startswith("OK 550 5.7.1 "))
            self.assertEqual(self.host.ask("all-staff@example.com"), "OK x")
            self.assertEqual(self.host.ask("bob@example.com", "internal"), "NOTFOUND ")
            self.host.restart()
        self.slapd.stop()
        try:
            self.assertTrue(self.host.ask("all-staff@example.com", "internal").startswith("OK 550 5.7.1 "))
        finally:
            self.slapd.start()


class Kinds(MapTest):
    @classmethod
    def prepare(cls):
        cls.host = MapHost(cls.place, "{addresses: [bob@example.com], aliases: {alias.example: example.com}, never: [eve@example.com], "
                                      "always: [\"@always.example\"]}",
                           more="maps: {recipients: {}, access: {kind: access}, virtual: {kind: aliases}, domains: {kind: domains}, quiet: {kind: access, mode: observe}, "
                                "transport: {kind: transport, routes: {example.com: \"smtp:[inner.example.com]:25\"}}}")
        cls.host.gatepost.configure(cls.host.yaml(domains="[example.com, always.example]"))
        cls.host.start()

    def test_words(self):
        rows = [("access", "bob@example.com", "OK DUNNO"), ("access", "nobody@example.com", "OK 550 5.1.1 <nobody@example.com>: Recipient"),
                ("access", "x@elsewhere.example", "OK DUNNO"), ("access", "eve@example.com", "OK 550 5.1.1"),
                ("quiet", "nobody@example.com", "OK DUNNO"), ("recipients", "any@always.example", "OK x"),
                ("domains", "example.com", "OK x"), ("domains", "EXAMPLE.com", "OK x"), ("domains", "alias.example", "OK x"),
                ("domains", "bob@example.com", "NOTFOUND "), ("domains", "elsewhere.example", "NOTFOUND "), ("domains", "*", "NOTFOUND "),
                ("transport", "bob@example.com", "OK smtp:[inner.example.com]:25"), ("transport", "Example.com", "OK smtp:[inner.example.com]:25"),
                ("transport", "*", "NOTFOUND "), ("transport", "x@elsewhere.example", "NOTFOUND "), ("virtual", "bob@alias.example", "OK bob@example.com"), ("virtual", "nobody@alias.example", "NOTFOUND "),
                ("virtual", "bob@example.com", "NOTFOUND "), ("virtual", "alias.example", "NOTFOUND "), ("nosuch", "bob@example.com", "TEMP ")]
        with self.host.client() as c:
            for name, key, want in rows:
                self.assertTrue(c.ask(key, name=name).startswith(want), (name, key, c.ask(key, name=name)))

    def test_one_line_of_ascii_whatever_is_asked(self):
        with Socketmap(self.host.socket) as c:
            said = c.ask("b\u00f6b\n\"@example.com".encode(), name="access")
            self.assertTrue(said.startswith("OK 550 5.1.1 ") and said.isascii() and said.isprintable(), said)


class Senders(MapTest):
    """Who owns an address."""

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, more_ldif=INTERNAL, **SYNCPROV).start()
        cls.host = MapHost(cls.place, f"{{profile: openldap, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                      "sync: {attributes: [mail, proxyAddresses], filter: \"(objectClass=inetOrgPerson)\"}}",
                           more="maps: {recipients: {}, senders: {kind: senders}}").start()

    def test_logins(self):
        self.eventually("the set", lambda: "FRESH\n" in self.host.status())
        for key, want in (("bob@example.com", "OK bob"), ("Bob.Alias@example.com", "OK bob"), ("all-staff@example.com", "NOTFOUND "),
                          ("mallory@example.com", "NOTFOUND "), ("x@elsewhere.example", "NOTFOUND "), ("<>", "NOTFOUND ")):
            self.assertEqual(self.host.ask(key, "senders"), want, key)
        self.assertIn(f"uid=bob,{BASE}, attribute", self.host.ctl("why", "bob@example.com").stdout)


class Binds(MapTest):
    """SASL EXTERNAL: by the user of the process, and by a client certificate."""

    @classmethod
    def prepare(cls):
        user = pwd.getpwnam(USER)
        run = {"check": True, "capture_output": True, "cwd": cls.place.dir}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", "server.key", "-out", "server.crt"], **run)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/O=Relay/CN=gatepost", "-keyout",
                        "client.key", "-out", "client.crt"], **run)
        os.chmod(cls.place.path("client.key"), 0o600)
        if os.geteuid() == 0:
            os.chown(cls.place.path("client.key"), user.pw_uid, user.pw_gid)
        both = cls.place.write("both.crt", open(cls.place.path("server.crt"), encoding="ascii").read() +
                               open(cls.place.path("client.crt"), encoding="ascii").read())
        conf = (f"TLSCertificateFile {cls.place.path('server.crt')}\nTLSCertificateKeyFile {cls.place.path('server.key')}\n"
                f"TLSCACertificateFile {both}\nTLSVerifyClient try\n"
                f"authz-regexp gidNumber=.*\\+uidNumber={user.pw_uid},cn=peercred,cn=external,cn=auth cn=relay,{BASE}\n"
                f"authz-regexp cn=gatepost,o=Relay cn=relay,{BASE}\n")
        path = cls.place.path("ldapi")
        cls.ldapi = "ldapi://" + path.replace("/", "%2F")
        cls.ldaps = f"ldaps://127.0.0.1:{cls.place.port()}"
        cls.slapd = Slapd(cls.place, conf=conf, listen=f"{cls.ldapi} {cls.ldaps}",
                          access=f"access to dn.base=\"\" by * read\naccess to * by dn.exact=\"cn=relay,{BASE}\" read by * none").start()
        os.chmod(path, 0o777)
        cls.host = MapHost(cls.place, cls.recipients(cls.ldapi, "{method: external}")).start()

    @classmethod
    def recipients(cls, url, bind_text):
        return (f"{{profile: active-directory, servers: [\"{url}\"], base: \"{BASE}\", ca_file: server.crt, bind: {bind_text}, "
                "sync: {interval: 1s, stall: 5s}}")

    def check(self, url, bind_text):
        self.host.reload(recipients=self.recipients(url, bind_text))
        self.eventually("a fresh set", lambda: "FRESH\n" in self.host.status() and "trouble" not in self.host.status())
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.assertEqual(self.host.ask("mallory@example.com"), "NOTFOUND ")

    def test_external(self):
        self.check(self.ldapi, "{method: external}")
        self.check(self.ldaps, "{method: external, certificate: client.crt, key: client.key}")

    def test_anonymous_sees_nothing_and_proves_nothing(self):
        self.check(self.ldapi, "{method: external}")
        self.host.reload(recipients=self.recipients(self.ldaps, "{}"))
        self.eventually("the refusal", lambda: "trouble" in self.host.status())
        self.assertTrue(self.host.ask("mallory2@example.com").startswith("TEMP "))
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")


class SyncedThroughBind(MapTest):
    """The password out of a systemd credential."""

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place).start()
        cls.place.folder("credentials", 0o700, USER)
        path = cls.place.write("credentials/ldap", "directory-secret", 0o400)
        if os.geteuid() == 0:
            os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                      f"{bind().replace('ldap.secret', 'credential:ldap')}}}")
        cls.host.gatepost.wrap = ["/usr/bin/env", f"CREDENTIALS_DIRECTORY={cls.place.path('credentials')}"]
        cls.host.start()

    def test_it_is_read(self):
        self.eventually("a fresh set", lambda: "FRESH\n" in self.place_status())
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")

    def place_status(self):
        return self.host.status()
