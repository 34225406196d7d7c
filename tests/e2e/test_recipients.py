"""Recipients: static lists, a real slapd, and what a directory in trouble must and must not give.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import signal
import socket
import threading
import time

from rig.house import HouseTest
from rig.raw import Socketmap, netstring
from rig.slapd import BASE, PASSWORD, Slapd


class Static(HouseTest):
    options = {"recipients": "{addresses: [bob@example.com], files: [people.txt], delimiters: \"+\"}"}

    @classmethod
    def prepare(cls):
        cls.place.write("people.txt", "# people\ncarol@example.com\n\"quo ted\"@example.com   # with a blank\n")
        cls.socket = cls.place.path("queue/gatepost/socketmap.sock")

    def test_known_and_unknown_through_postfix(self):
        self.assertReply(self.house.send(), 250)
        self.assertReply(self.house.send(to="BOB@Example.COM"), 250)
        self.assertReply(self.house.send(to="carol+lists@example.com"), 250)
        self.assertReply(self.house.send(to='"quo ted"@example.com'), 250)
        outcome = self.house.send(to="mallory@example.com")
        self.assertReply(outcome, 550, "5.1.1")
        self.assertEqual(outcome.stage, "rcpt")

    def test_some_of_several_recipients(self):
        outcome = self.house.send(to=["bob@example.com", "mallory@example.com", "carol@example.com"])
        self.assertEqual([r.code for r in outcome.each_rcpt], [250, 550, 250])
        self.assertReply(outcome, 250)

    def test_only_safe_words_leave(self):
        with Socketmap(self.socket) as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
            self.assertEqual(c.ask("mallory@example.com"), "NOTFOUND ")
            self.assertTrue(c.ask("bob@example.com", name="nosuchmap").startswith("TEMP "))
            for key in ("*", "example.com", "", "@example.com", "a@", "x" * 90000 + "@example.com", "bob@example.net"):
                self.assertEqual(c.ask(key), "NOTFOUND ", key[:40])
            self.assertEqual(c.ask(b"b\xf6b@example.com"), "NOTFOUND ")
            self.assertEqual(c.ask(b"b\0b@example.com"), "NOTFOUND ")

    def test_pieces_and_pipelines(self):
        with Socketmap(self.socket) as c:
            for b in netstring(b"recipients bob@example.com"):
                c.send(bytes([b]))
            self.assertEqual(c.reply(), "OK x")
            n = 10000
            keys = [b"recipients bob@example.com" if i % 2 else b"recipients no@example.com" for i in range(n)]
            threading.Thread(target=c.send, args=(b"".join(map(netstring, keys)),)).start()
            got = [c.reply() for _ in range(n)]
            self.assertEqual(got, ["OK x" if i % 2 else "NOTFOUND " for i in range(n)])

    def test_bad_frames_close(self):
        for junk in (b"05:hello,", b"x:", b"5:hello;", b"99999999999999999999:", b"1000000:", b"\0\0\0", b":x,"):
            with Socketmap(self.socket) as c:
                c.send(junk)
                self.assertTrue(c.closed(), junk)
        with Socketmap(self.socket) as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")

    def test_many_connections(self):
        many = [Socketmap(self.socket) for _ in range(1000)]
        try:
            begun = time.monotonic()
            for c in many[::50]:
                self.assertEqual(c.ask("bob@example.com"), "OK x")
            self.assertLess(time.monotonic() - begun, 5)
        finally:
            for c in many:
                c.sock.close()

    def test_why(self):
        said = self.house.gatepost.ctl("recipient", "why", "carol@example.com")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertIn("people.txt:2", said.stdout)
        said = self.house.gatepost.ctl("recipient", "why", "mallory@example.com")
        self.assertEqual(said.returncode, 1)
        self.assertIn("NOTFOUND", said.stdout)

    def test_reload_takes_a_changed_list_and_refuses_a_broken_one(self):
        self.place.write("people.txt", "# people\ncarol@example.com\n\"quo ted\"@example.com\ndave@example.com\n")
        said = self.house.gatepost.ctl("reload")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        with Socketmap(self.socket) as c:
            self.assertEqual(c.ask("dave@example.com"), "OK x")
            self.place.write("people.txt", "carol@example.com\nnot an address\n")
            said = self.house.gatepost.ctl("reload")
            self.assertNotEqual(said.returncode, 0)
            self.assertIn("people.txt:2", said.stdout + said.stderr)
            self.assertEqual(c.ask("dave@example.com"), "OK x")
        self.place.write("people.txt", "# people\ncarol@example.com\n\"quo ted\"@example.com\n")
        self.assertEqual(self.house.gatepost.ctl("reload").returncode, 0)

    def test_explain_an_unknown_recipient(self):
        self.house.send(to="eve@example.com")
        self.eventually("the event", lambda: "eve@example.com" in self.house.gatepost.ctl(
            "explain", "--rcpt", "eve@example.com", "--since", "1h").stdout)


class Observe(HouseTest):
    options = {"mode": "observe"}

    def test_unknown_is_let_in_and_told(self):
        self.assertReply(self.house.send(to="mallory@example.com"), 250)
        self.assertLogged("socketmapd", "answer=\"OK (observe)\"")


class Directory(HouseTest):
    """On demand, against a real slapd.  Short lifetimes, so that a test sees the end of one."""

    @classmethod
    def setUpClass(cls):
        cls.options = {"recipients": "PLACEHOLDER"}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place).start()
        cls.place.write("ldap.secret", PASSWORD + "\n", 0o600)
        if os.geteuid() == 0:
            import pwd
            os.chown(cls.place.path("ldap.secret"), pwd.getpwnam("nobody").pw_uid, -1)
        cls.house.parts["recipients"] = (
            f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, query_timeout: 1s, "
            f"bind: {{user: \"cn=admin,{BASE}\", password_file: ldap.secret}}, positive_ttl: 1s, negative_ttl: 1s, timeout: 2s}}")
        cls.house.gatepost.configure(cls.house.yaml())
        cls.socket = cls.place.path("queue/gatepost/socketmap.sock")

    def test_profile_and_aliases(self):
        with Socketmap(self.socket) as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
            self.assertEqual(c.ask("bob.alias@example.com"), "OK x")
            self.assertEqual(c.ask("BOB.Alias@Example.com"), "OK x")
            self.assertEqual(c.ask("bob.sip@example.com"), "NOTFOUND ")
            self.assertEqual(c.ask("mallory@example.com"), "NOTFOUND ")

    def test_filter_syntax_in_addresses_finds_nobody(self):
        with Socketmap(self.socket) as c:
            for local in ("*", "b*b", "*)(uid=*", "bob)(|(uid=*", "\\2a", "b\\6fb"):
                self.assertEqual(c.ask(local + "@example.com"), "NOTFOUND ", local)

    def test_through_postfix_and_why(self):
        self.assertReply(self.house.send(to="carol@example.com"), 250)
        self.assertReply(self.house.send(to="mallory@example.com"), 550, "5.1.1")
        said = self.house.gatepost.ctl("recipient", "why", "carol@example.com")
        self.assertIn(f"uid=carol,{BASE}", said.stdout)

    def fault(self, begin, end):
        """A known recipient stays known, an unknown one is put off, both in time; afterwards all is as before."""
        with Socketmap(self.socket) as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
            begin()
            try:
                time.sleep(1.1)                  # past positive_ttl: what is known is now stale
                for key, want in (("bob@example.com", "OK x"), (f"stranger{time.time()}@example.com", "TEMP ")):
                    begun = time.monotonic()
                    answer = c.ask(key)
                    self.assertTrue(answer.startswith(want), (key, answer))
                    self.assertLess(time.monotonic() - begun, 4)
            finally:
                end()
            self.eventually("the directory again", lambda: c.ask(f"x{time.time()}@example.com") == "NOTFOUND ", 15)

    def test_directory_gone(self):
        self.fault(self.slapd.stop, self.slapd.start)

    def test_directory_hangs(self):
        pid = self.slapd.process.pid
        self.fault(lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT))

    def test_wrong_password(self):
        secret = self.place.path("ldap.secret")

        def write(text):
            with open(secret, "w", encoding="ascii") as f:
                f.write(text)
            self.assertEqual(self.house.gatepost.ctl("reload").returncode, 0)
        self.fault(lambda: write("wrong\n"), lambda: write(PASSWORD + "\n"))

    def test_known_survive_a_restart_with_the_directory_down(self):
        with Socketmap(self.socket) as c:
            self.assertEqual(c.ask("bob@example.com"), "OK x")
        self.slapd.stop()
        try:
            self.house.gatepost.stop("socketmapd", signal.SIGKILL)
            self.house.gatepost.start("socketmapd")
            with Socketmap(self.socket) as c:
                self.assertEqual(c.ask("bob@example.com"), "OK x")
                self.assertTrue(c.ask("unheard.of@example.com").startswith("TEMP "))
        finally:
            self.slapd.start()

    def test_base_that_is_not_there_is_no_proof(self):
        self.house.reload(recipients=self.house.parts["recipients"].replace(BASE, "dc=elsewhere,dc=com", 1))
        try:
            with Socketmap(self.socket) as c:
                self.assertTrue(c.ask(f"y{time.time()}@example.com").startswith("TEMP "))
        finally:
            self.assertEqual(self.house.reload().returncode, 0)


class SilentTls(HouseTest):
    """A server that accepts and never says a word, where libldap itself cannot be bounded."""

    @classmethod
    def prepare(cls):
        cls.silent = socket.create_server(("127.0.0.1", 0))
        port = cls.silent.getsockname()[1]
        cls.slapd = Slapd(cls.place).start()
        cls.house.parts["recipients"] = (f"{{profile: openldap, servers: [\"ldaps://127.0.0.1:{port}\", \"{cls.slapd.url}\"], "
                                         f"base: \"{BASE}\", tls: none, query_timeout: 1s, timeout: 3s}}")
        cls.house.gatepost.configure(cls.house.yaml())

    def test_the_next_server_is_asked(self):
        with Socketmap(self.place.path("queue/gatepost/socketmap.sock")) as c:
            begun = time.monotonic()
            first = c.ask("bob@example.com")
            self.assertLess(time.monotonic() - begun, 5)
            self.assertNotEqual(first, "NOTFOUND ")
            self.eventually("the second server", lambda: c.ask("bob@example.com") == "OK x", 10)
