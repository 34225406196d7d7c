"""Recipients that an inner server is asked for: what its replies prove, and what its trouble must and must not give.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import ssl
import subprocess
import threading
import time
import unittest

from rig import innersmtp
from rig.dnsbl import Dnsbl
from rig.innersmtp import InnerSmtp
from rig.maphost import MapHost, MapTest
from rig.raw import Socketmap, netstring

MORE = "positive_ttl: 1s, negative_ttl: 1s, query_timeout: 1s, timeout: 2s"


class CalloutTest(MapTest):
    known = ("bob@example.com", "carol@example.com", "full@example.com")
    unknown = innersmtp.UNKNOWN

    @classmethod
    def prepare(cls):
        cls.inner = InnerSmtp(cls.place, cls.known, cls.unknown)
        cls.host = MapHost(cls.place, f"{{callout: \"127.0.0.1:{cls.inner.port}\", {MORE}}}").start()

    def setUp(self):
        self.inner.at, self.inner.replies = {}, {}
        self.host.ask("bob@example.com")             # the random address comes before it

    def fresh(self, prefix="x"):
        return f"{prefix}{time.time_ns():x}@example.com"


class Answers(CalloutTest):
    def test_known_and_unknown(self):
        with self.host.client() as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
            self.assertEqual(c.ask("BOB@Example.com"), "OK x")
            self.assertEqual(c.ask("mallory@example.com"), "NOTFOUND ")
        self.assertTrue(any(a.startswith("gatepost-") for a in self.inner.asked), "no random address was tried")
        self.assertIn(b"MAIL FROM:<>", self.inner.senders[0])
        self.assertIn("refuses unknown addresses", self.host.ctl("why", "bob@example.com").stdout)

    def test_what_a_reply_proves(self):
        rows = [(b"550 5.1.1 no such user\r\n", "NOTFOUND "), (b"551 5.1.6 moved away\r\n", "NOTFOUND "), (b"553 5.1.3 bad\r\n", "NOTFOUND "),
                (b"550 5.1.10 RESOLVER.ADR.RecipientNotFound\r\n", "NOTFOUND "), (b"250 2.1.5 ok\r\n", "OK x"), (b"251 2.1.5 forwarded\r\n", "OK x"),
                (b"452 4.2.2 mailbox full\r\n", "OK x"), (b"552 5.2.2 over quota\r\n", "OK x"),
                (b"550 5.7.1 relaying denied\r\n", "TEMP "), (b"554 5.7.1 you are listed\r\n", "TEMP "), (b"550 5.1.8 sender's domain\r\n", "TEMP "),
                (b"550 no code and no word of it\r\n", "TEMP "), (b"450 4.2.0 greylisted\r\n", "TEMP "), (b"451 4.3.0 later\r\n", "TEMP "),
                (b"550 5.2.1 disabled\r\n", "TEMP "), (b"500 5.5.2 what?\r\n", "TEMP ")]
        for i, (reply, want) in enumerate(rows):
            address = f"row{i}@example.com"
            self.inner.replies[address] = reply
            self.assertTrue(self.host.ask(address).startswith(want), (reply, self.host.ask(address)))

    def test_one_session_for_many(self):
        before = self.inner.sessions
        with self.host.client() as c:
            for i in range(30):
                self.inner.known.add(f"many{i}@example.com")
                self.assertEqual(c.ask(f"many{i}@example.com"), "OK x")
        self.assertLessEqual(self.inner.sessions - before, 2)

    def test_quoted_and_other_scripts(self):
        self.inner.known.add("\"quo ted\"@example.com")
        self.inner.known.add("j\u00f6rg@example.com")
        self.assertEqual(self.host.ask("\"quo ted\"@example.com"), "OK x")
        self.assertEqual(self.host.ask("j\u00f6rg@example.com".encode()), "OK x")
        self.assertEqual(self.host.ask("a>\r\nRCPT TO:<bob@example.com"), "NOTFOUND ")
        self.assertNotIn("RCPT", " ".join(self.inner.asked))

    def test_equal_questions_are_asked_once(self):
        address = self.fresh("same")
        self.inner.at["rcpt"] = innersmtp.slowly(0.3)
        got = []
        threads = [threading.Thread(target=lambda: got.append(self.host.ask(address))) for _ in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(got, ["OK x"] * 20)
        self.assertEqual(self.inner.asked.count(address), 1)

    def test_many_refusals_are_spread_over_connections(self):
        """Postfix ends a session at its twentieth error, and slows down at its tenth."""
        before = self.inner.sessions
        with self.host.client() as c:
            for i in range(40):
                self.assertEqual(c.ask(f"nobody{i}.{time.time_ns()}@example.com"), "NOTFOUND ")
        self.assertGreaterEqual(self.inner.sessions - before, 4)


class Faults(CalloutTest):
    def through(self, want="TEMP "):
        """A known one stays known, an unknown one is put off, in time; afterwards all is as before."""
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        yield
        time.sleep(1.1)                              # what is known is stale now
        for key, expected in (("bob@example.com", "OK x"), (self.fresh(), want)):
            begun = time.monotonic()
            answer = self.host.ask(key)
            self.assertTrue(answer.startswith(expected), (key, answer))
            self.assertLess(time.monotonic() - begun, 3)
        self.inner.at = {}
        if self.inner.listener.fileno() < 0:
            self.inner.start()
        self.eventually("answers again", lambda: self.host.ask(self.fresh()) == "NOTFOUND ", 15)

    def test_phases(self):
        for phase in ("greeting", "ehlo", "mail", "rcpt"):
            for act in (b"421 4.3.2 shutting down\r\n", b"451 4.7.1 come again\r\n", b"554 5.7.1 go away\r\n", b"HTTP/1.1 400 Bad\r\n\r\n",
                        innersmtp.close, innersmtp.hang):
                with self.subTest(phase=phase, act=act):
                    for _ in self.through():
                        self.inner.at = {phase: act}
                        for c in list(self.inner.open):
                            try:
                                c.shutdown(2)
                            except OSError:
                                pass

    def test_gone(self):
        for _ in self.through():
            self.inner.stop()

    def test_tarpit(self):
        for _ in self.through():
            self.inner.at = {"rcpt": innersmtp.slowly(5)}


class TakesAll(CalloutTest):
    unknown = b"250 2.1.5 Ok\r\n"

    def test_it_is_noticed_and_nobody_is_remembered(self):
        self.assertEqual(self.host.ask("anybody@example.com"), "OK x")
        self.assertTold("takes any address")
        self.assertIn("takes any address", self.host.ctl("why", "anybody@example.com").stdout)
        n = len(self.inner.asked)
        self.assertEqual(self.host.ask("anybody@example.com"), "OK x")
        self.assertGreater(len(self.inner.asked), n)

    def test_a_refusal_of_one_that_takes_others_is_no_proof(self):
        self.inner.replies["odd@example.com"] = b"550 5.1.1 unknown\r\n"
        self.assertTrue(self.host.ask("odd@example.com").startswith("TEMP "))


class OldServer(CalloutTest):
    """No enhanced codes: its words for a random address tell what unknown sounds like."""

    unknown = b"550 <%s>... User unknown here, ticket 4711\r\n"

    def test_words(self):
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")
        self.inner.replies["listed@example.com"] = b"550 your host is listed\r\n"
        self.assertTrue(self.host.ask("listed@example.com").startswith("TEMP "))


class Greylisting(CalloutTest):
    unknown = b"450 4.7.1 greylisted\r\n"

    def setUp(self):
        pass

    def test_nothing_is_proved(self):
        self.assertTrue(self.host.ask("bob@example.com").startswith("TEMP "))
        self.assertTrue(self.host.ask("nobody@example.com").startswith("TEMP "))
        self.assertIn("not yet probed", self.host.ctl("why", "bob@example.com").stdout)


class Ourselves(CalloutTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.inner.name = b"mx.example.com"

    def test_the_loop_is_seen(self):
        self.assertTrue(self.host.ask("bob@example.com").startswith("TEMP "))
        self.assertTold("leads to this very host")


class Tls(MapTest):
    @classmethod
    def prepare(cls):
        run = {"check": True, "capture_output": True, "cwd": cls.place.dir}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", "key.pem", "-out", "crt.pem"], **run)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cls.place.path("crt.pem"), cls.place.path("key.pem"))
        cls.inner = InnerSmtp(cls.place, ["bob@example.com"], tls=context)
        cls.host = MapHost(cls.place, cls.recipients("auto")).start()

    @classmethod
    def recipients(cls, starttls, more="ca_file: crt.pem, "):
        return f"{{callout: {{server: \"127.0.0.1:{cls.inner.port}\", starttls: {starttls}}}, {more}{MORE}}}"

    def test_tls(self):
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.assertEqual(self.inner.secured, self.inner.sessions)
        self.host.reload(recipients=self.recipients("require"))
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")
        self.host.reload(recipients=self.recipients("require", more=""))
        self.assertTrue(self.host.ask("nobody2@example.com").startswith("TEMP "))
        self.host.reload(recipients=self.recipients("\"off\""))
        n = self.inner.secured
        self.assertEqual(self.host.ask("nobody3@example.com"), "NOTFOUND ")
        self.assertEqual(self.inner.secured, n)


class ByRoutes(MapTest):
    """Each domain's server out of a transport map."""

    @classmethod
    def prepare(cls):
        cls.one, cls.two = InnerSmtp(cls.place, ["bob@example.com"]), InnerSmtp(cls.place, ["eve@example.org"])
        more = (f"maps: {{recipients: {{}}, transport: {{kind: transport, routes: {{example.com: \"smtp:[127.0.0.1]:{cls.one.port}\", "
                f"example.org: \"relay:[127.0.0.1]:{cls.two.port}\"}}}}}}")
        cls.host = MapHost(cls.place, f"{{callout: {{transport: transport}}, {MORE}}}", more=more)
        cls.host.gatepost.configure(cls.host.yaml(domains="[example.com, example.org]"))
        cls.host.start()

    def test_each_its_own(self):
        with self.host.client() as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
            self.assertEqual(c.ask("eve@example.org"), "OK x")
            self.assertEqual(c.ask("eve@example.com"), "NOTFOUND ")
            self.assertEqual(c.ask("bob@example.org"), "NOTFOUND ")


class Crowd(CalloutTest):
    def test_a_thousand_cold_ones(self):
        n = 1000
        with Socketmap(self.host.socket) as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
        clients = [self.host.client() for _ in range(50)]
        for i in range(n):
            self.inner.known.add(f"cold{i}@example.com")
        for i in range(n):
            clients[i % 50].send(netstring(f"recipients cold{i}@example.com".encode()))
        self.assertEqual([clients[i % 50].reply() for i in range(n)], ["OK x"] * n)
        for c in clients:
            c.sock.close()


class Export(CalloutTest):
    def test_export_and_import(self):
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")
        said = self.host.ctl("export")
        self.assertEqual(said.returncode, 0, said.stderr)
        lines = dict(line.split("\t", 1) for line in said.stdout.splitlines())
        self.assertRegex(lines["bob@example.com"], r"^\d+\tVALID \S+ ")
        self.assertRegex(lines["nobody@example.com"], r"^\d+\tINVALID ")
        self.host.ctl("flush")
        self.assertEqual(self.host.ctl("export").stdout, "")
        self.inner.stop()
        self.addCleanup(self.inner.start)
        path = self.place.write("answers", said.stdout + "carol@example.com\t60\tVALID callout inner server\n"
                                "x@foreign.example\t60\tVALID src inner\nbob@example.com\tsoon\tVALID src inner\nno columns\nz@example.com\t9\tMAYBE a b\n")
        said = self.host.ctl("import", path)
        self.assertEqual(said.returncode, 1)
        self.assertRegex(said.stderr, r"^line 4: it is no address of a domain of ours\nline 5: its second .*\nline 6: it has not three .*\nline 7: its third .*\n$")
        self.host.restart()
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.assertEqual(self.host.ask("carol@example.com"), "OK x")
        self.assertRegex(self.host.ask("nobody@example.com"), "^TEMP ")
        self.assertEqual(self.host.ctl("import", self.place.path("none")).returncode, 2)

    def test_many_lines(self):
        path = self.place.write("many", "".join(f"many{i}@example.com\t600\tVALID inner place\n" for i in range(3000)))
        said = self.host.ctl("import", path)
        self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))
        self.assertEqual(sum(line.startswith("many") for line in self.host.ctl("export").stdout.splitlines()), 3000)


class Mx(MapTest):
    """`callout: mx`: the servers that DNS names, in order of preference; at port 25, so of an address that nothing else uses."""

    @classmethod
    def prepare(cls):
        cls.dns = Dnsbl(cls.place, {})
        cls.dns.mx["example.com"] = [(20, "b.example.net"), (10, "a.example.net")]
        cls.dns.hosts.update({"a.example.net": "127.25.25.1", "b.example.net": "127.25.25.2"})
        try:
            cls.first, cls.second = (InnerSmtp(cls.place, ["bob@example.com"], address=(f"127.25.25.{i}", 25)) for i in (1, 2))
        except OSError as e:
            raise unittest.SkipTest(f"port 25 of 127.25.25.1 and .2: {e}")
        cls.host = MapHost(cls.place, f"{{callout: mx, {MORE}}}", f"policy: {{dns: {{servers: [\"127.0.0.1:{cls.dns.port}\"]}}}}").start()

    def test_by_preference(self):
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")
        self.assertEqual((self.first.sessions > 0, self.second.sessions), (True, 0))
        self.first.stop()
        self.host.restart()
        self.assertEqual(self.host.ask("nobody2@example.com"), "NOTFOUND ")
        self.assertGreater(self.second.sessions, 0)
        self.first.start()

    def test_nothing_in_dns(self):
        mx, self.dns.mx = self.dns.mx, {}
        self.addCleanup(setattr, self.dns, "mx", mx)
        for fault in (None, "servfail", "refused"):
            with self.subTest(fault=fault):
                self.dns.fault = fault
                self.host.restart()
                self.assertRegex(self.host.ask("stranger@example.com"), "^TEMP ")
        self.dns.fault = None
        self.dns.mx = {"example.com": [(0, "")]}
        self.host.restart()
        self.assertRegex(self.host.ask("stranger@example.com"), "^TEMP ")
        self.assertIn("null MX", self.host.ctl("why", "stranger@example.com").stdout)
