"""A directory that is kept whole: current by itself, and true when the directory is not.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import signal
import socket
import threading
import time

from rig import full
from rig.directory import Directory
from rig.maphost import MapHost, MapTest, bind
from rig.raw import Socketmap
from rig.slapd import BASE, SYNCPROV, Slapd

QUICK = "interval: 1s, full_interval: 30s, stall: 5s, grace: 1s"


class Load:
    """Asks for known addresses all the time; whatever but OK is kept."""

    def __init__(self, path, keys):
        self.path, self.keys = path, keys
        self.wrong, self.slowest, self.n = [], 0.0, 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        with Socketmap(self.path) as c:
            while not self.stopped.is_set():
                key = self.keys[self.n % len(self.keys)]
                begun = time.monotonic()
                answer = c.ask(key)
                self.slowest = max(self.slowest, time.monotonic() - begun)
                if answer != "OK x":
                    self.wrong.append((key, answer))
                self.n += 1
                time.sleep(0.0005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stopped.set()
        self.thread.join()


class Follows(MapTest):
    """slapd with syncprov: changes come by themselves."""

    slapd_options = SYNCPROV
    way = "syncrepl"

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, people=[f"user{i}" for i in range(1200)], **cls.slapd_options).start()
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                      f"delimiters: \"+\", {bind()}, sync: {{{cls.sync()}}}}}")
        cls.host.secret()
        cls.host.start()

    @classmethod
    def sync(cls):
        return QUICK

    def setUp(self):
        self.eventually("the set", lambda: "FRESH" in self.host.status())

    def test_the_first_questions_are_answered_right(self):
        self.host.stop()
        os.unlink(self.place.path("state/recipients/ldap.set"))
        self.host.start()
        self.assertEqual(self.host.ask("user1@example.com"), "OK x")
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")

    def test_all_pages_and_attributes(self):
        with self.host.client() as c:
            for i in range(1200):
                self.assertEqual(c.ask(f"user{i}@example.com"), "OK x")
            self.assertEqual(c.ask("USER7.Alias@EXAMPLE.com"), "OK x")
            self.assertEqual(c.ask("user7+news@example.com"), "OK x")
            self.assertEqual(c.ask("user7.sip@example.com"), "NOTFOUND ")
        self.assertIn(f"by {self.way}", self.host.status())

    def test_a_new_one_works_at_once_and_one_that_goes_is_refused_after_its_grace(self):
        self.assertEqual(self.host.ask("newcomer@example.com"), "NOTFOUND ")
        self.slapd.add("newcomer")
        self.eventually("the newcomer", lambda: self.host.ask("newcomer@example.com") == "OK x", 5)
        self.assertEqual(self.host.ask("newcomer.alias@example.com"), "OK x")
        self.eventually("the newcomer in the set", lambda: "attribute mail" in self.host.ctl("why", "newcomer@example.com").stdout)
        self.slapd.remove("newcomer")
        begun = time.monotonic()
        self.assertEqual(self.host.ask("newcomer@example.com"), "OK x")
        self.eventually("the end of the grace", lambda: self.host.ask("newcomer@example.com") == "NOTFOUND ", 40)
        self.assertGreater(time.monotonic() - begun, 1)
        said = self.host.ctl("why", "newcomer@example.com")
        self.assertEqual(said.returncode, 1)
        self.assertIn("gone from the directory since set", said.stdout)

    def test_an_alias_comes_and_goes(self):
        self.slapd.change(f"dn: uid=user3,{BASE}\nchangetype: modify\nadd: proxyAddresses\nproxyAddresses: smtp:other.name@example.com\n\n")
        self.eventually("the alias", lambda: self.host.ask("other.name@example.com") == "OK x", 5)
        self.slapd.change(f"dn: uid=user3,{BASE}\nchangetype: modify\ndelete: proxyAddresses\nproxyAddresses: smtp:other.name@example.com\n\n")
        self.eventually("the end of it", lambda: self.host.ask("other.name@example.com") == "NOTFOUND ", 40)
        self.assertEqual(self.host.ask("user3@example.com"), "OK x")

    def test_flush_does_not_wait_for_the_grace(self):
        self.slapd.add("hasty")
        self.eventually("the newcomer", lambda: self.host.ask("hasty@example.com") == "OK x", 5)
        self.slapd.remove("hasty")
        self.assertEqual(self.host.ctl("flush", "hasty@example.com").returncode, 0)
        self.assertEqual(self.host.ask("hasty@example.com"), "NOTFOUND ")
        self.assertEqual(self.host.ctl("flush", "user9@example.com").returncode, 0)
        self.assertEqual(self.host.ask("user9@example.com"), "OK x")

    def test_it_starts_with_the_directory_down(self):
        self.host.stop(signal.SIGKILL)
        left = self.place.write("state/recipients/ldap.set.4711", "half a set")
        self.slapd.stop()
        try:
            self.host.start()
            self.assertIn("LOADED", self.host.status())
            self.assertEqual(self.host.ask("user500@example.com"), "OK x")
            self.assertTrue(self.host.ask("nobody@example.com").startswith("TEMP "))
            self.assertTold("ldap.set, read ")
            self.eventually("the broom", lambda: not os.path.exists(left))
        finally:
            self.slapd.start()
        self.eventually("the directory again", lambda: "FRESH" in self.host.status(), 20)
        self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")

    def test_a_set_that_is_cut_or_of_another_version_is_read_anew(self):
        path = self.place.path("state/recipients/ldap.set")
        with open(path, "rb") as f:
            whole = f.read()
        for broken, told in ((whole[:-1000], "is cut"), (whole[:8] + b"\x63" + whole[9:], "another version"), (b"", "empty"),
                             (whole[:30000] + b"damage" + whole[30006:], "checksum")):
            self.host.stop()
            with open(path, "wb") as f:
                f.write(broken)
            self.host.start()
            self.assertEqual(self.host.ask("user1@example.com"), "OK x")
            self.assertTold(told)
            self.eventually("a whole set", lambda: "FRESH" in self.host.status())
            self.assertEqual(self.host.ask("nobody@example.com"), "NOTFOUND ")

    def test_overrides(self):
        self.assertEqual(self.host.ctl("add", "visitor@example.com", "1h").returncode, 0)
        self.assertEqual(self.host.ctl("deny", "<user8@example.com>").returncode, 0)
        try:
            self.assertEqual(self.host.ask("visitor@example.com"), "OK x")
            self.assertEqual(self.host.ask("user8@example.com"), "NOTFOUND ")
            self.host.restart()
            self.assertEqual(self.host.ask("visitor@example.com"), "OK x")
            self.assertIn("recipient deny", self.host.ctl("why", "user8@example.com").stdout)
            self.assertIn("always visitor@example.com (for ", self.host.ctl("list", "visitor").stdout)
        finally:
            self.host.ctl("unset", "visitor@example.com")
            self.host.ctl("unset", "user8@example.com")
        self.assertEqual(self.host.ask("user8@example.com"), "OK x")
        self.eventually("the directory's word", lambda: self.host.ask("visitor@example.com") == "NOTFOUND ")
        self.assertNotEqual(self.host.ctl("add", "visitor@elsewhere.example").returncode, 0)

    def test_list_and_count(self):
        said = self.host.ctl("list", "user77").stdout.split("\n")
        self.assertIn("user77@example.com\t", said)
        self.assertIn("2400 in the set of ldap", self.host.ctl("count").stdout)


class FollowsByReading(Follows):
    """slapd without syncprov: all of it is read again and again."""

    slapd_options = {}
    way = "full"

    @classmethod
    def sync(cls):
        return "interval: 1s, full_interval: 1s, stall: 5s, grace: 1s"


class CutOff(MapTest):
    """A connection that was cut since the last question proves nothing: libldap may call that success without a result."""

    @classmethod
    def prepare(cls):
        cls.directory = Directory(cls.place, {"bob": {"mail": ["bob@example.com"]}})
        cls.host = MapHost(cls.place, f"{{profile: openldap, servers: [\"{cls.directory.url}\"], base: \"{BASE}\", tls: none, sync: off, "
                                      "connections: 1}").start()

    def test_it_is_no_answer(self):
        with self.host.client() as c:
            for i in range(40):
                self.eventually("an answer", lambda i=i: c.ask(f"before{i}.{time.time_ns()}@example.com") == "NOTFOUND ")
                self.directory.close()
                self.assertTrue(c.ask(f"after{i}@example.com").startswith("TEMP "), i)
                self.directory.open()


class DictionaryAttack(MapTest):
    @classmethod
    def prepare(cls):
        people = {f"u{i}": {"mail": [f"u{i}@example.com"], "proxyaddresses": [f"SMTP:u{i}@example.com"]} for i in range(100)}
        cls.directory = Directory(cls.place, people)
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.directory.url}\"], base: \"{BASE}\", "
                                      f"tls: none, sync: {{confirm: 20/m, {QUICK}}}}}").start()

    def test_it_does_not_reach_the_directory(self):
        self.eventually("the set", lambda: "FRESH" in self.host.status())
        before = self.directory.asked
        with self.host.client() as c:
            for i in range(2000):
                self.assertEqual(c.ask(f"guess{i}@example.com"), "NOTFOUND ")
                self.assertEqual(c.ask(f"u{i % 100}@example.com"), "OK x")
        self.assertLess(self.directory.asked - before, 40)


class Faults(MapTest):
    """Whatever the directory does, no known recipient is ever unknown."""

    @classmethod
    def prepare(cls):
        people = {}
        for i in range(600):
            domain = "example.org" if i % 10 == 0 else "example.com"
            people[f"u{i}"] = {"mail": [f"u{i}@{domain}"], "proxyaddresses": [f"SMTP:u{i}@{domain}", f"smtp:alias{i}@{domain}", f"SIP:s{i}@{domain}"]}
        cls.known = [v[0] if a == "mail" else v[1][5:] for e in people.values() for a, v in e.items()]
        cls.directory = Directory(cls.place, people)
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.directory.url}\"], base: \"{BASE}\", tls: none, "
                                      f"query_timeout: 600ms, sync: {{interval: 1s, full_interval: 1s, stall: 8s, grace: 1s}}}}")
        cls.host.gatepost.configure(cls.host.yaml(domains="[example.com, example.org]"))
        cls.host.start()

    def setUp(self):
        self.directory.fault, self.directory.delay = "", 0.0
        self.host.ctl("sync", "now")
        self.eventually("a fresh set", self.is_well, 30)

    def is_well(self):
        said = self.host.status()
        return "FRESH\n" in said and "1200 addresses, 0 missing" in said and "trouble" not in said

    def through(self, fault, seen, cut=False, delay=0.0):
        """The fault lasts until `seen`; then all is as before."""
        with Load(self.host.socket, self.known) as load:
            self.directory.fault, self.directory.delay = fault, delay
            if cut:
                self.directory.cut()
            self.host.ctl("sync", "now")
            self.eventually(f"a sign of {fault}", seen, 20)
            answer = self.host.ask(f"stranger{time.time()}@example.com")
            self.directory.fault, self.directory.delay = "", 0.0
            self.directory.cut()
            self.host.ctl("sync", "now")
            self.eventually("a fresh set", self.is_well, 30)
            self.eventually("a full no", lambda: self.host.ask(f"x{time.time()}@example.com") == "NOTFOUND ", 10)
        self.assertEqual(load.wrong, [])
        self.assertGreater(load.n, 5)
        self.assertLess(load.slowest, 0.5)
        return answer

    def trouble(self, text):
        return lambda: f"trouble: {self.directory.url}" in self.host.status() and text in self.host.status()

    def held(self, text):
        return lambda: "HELD" in self.host.status() and text in self.host.status()

    def test_codes_of_a_server_in_trouble(self):
        for fault, text in (("busy", "busy"), ("unavailable", "unavailable"), ("referral", "Referral"), ("wrong-password", "Invalid credentials"),
                            ("strong-auth", "Strong"), ("no-base", "No such object"), ("size-limit", "Size limit"),
                            ("cookie-forgotten", "Size limit")):
            with self.subTest(fault):
                answer = self.through(fault, self.trouble(text), cut=True)
                if fault not in ("size-limit", "cookie-forgotten"):
                    self.assertTrue(answer.startswith("TEMP "), (fault, answer))

    def test_a_reading_that_was_asked_for_is_not_lost(self):
        """The process that was told so ends before it comes to it, at a time when the next try is a minute away."""
        self.directory.fault = "busy"
        for n in range(4):
            self.directory.cut()
            self.host.ctl("sync", "now")
            self.eventually("one more failure", lambda n=n: self.failures() > n)
        self.directory.fault, self.directory.delay = "", 0.02
        before = self.directory.asked
        self.host.ctl("sync", "now")
        self.eventually("a reading", lambda: self.directory.asked > before)
        self.assertIn("is read now", self.host.ctl("sync", "now").stdout)
        self.directory.delay = 0.0
        self.directory.cut()
        self.eventually("another reading", self.is_well, 20)

    def failures(self):
        found = re.search(r"\((\d+) times\)", self.host.status())
        return int(found.group(1)) if found else 0

    def test_reset_in_the_middle_of_a_page(self):
        self.through("reset", self.trouble("search"))

    def test_garbage(self):
        self.through("garbage", lambda: "trouble" in self.host.status(), cut=True)

    def test_silence(self):
        answer = self.through("silent", lambda: "trouble" in self.host.status(), cut=True)
        self.assertTrue(answer.startswith("TEMP "), answer)

    def test_slow_entries(self):
        """Twelve seconds for all of it: it goes on, as long as something comes."""
        self.through("", lambda: "reading now" in self.host.status(), delay=0.02)

    def test_references_are_normal_for_active_directory(self):
        before = self.host.log().count("HELD")
        self.through("reference", lambda: True)
        self.assertEqual(self.host.log().count("HELD"), before)

    def test_long_attributes_are_read_on(self):
        self.through("range", lambda: "FRESH\n" in self.host.status())

    def test_success_without_entries(self):
        answer = self.through("empty", self.held("no address at all"))
        self.assertNotEqual(answer, "OK x")

    def test_success_without_the_attribute(self):
        self.through("no-attribute", self.held("proxyAddresses names"))

    def test_fewer_entries(self):
        self.through("fewer", self.held("would go"))
        self.assertIn("nothing is held", self.host.ctl("sync", "diff").stdout)

    def test_a_domain_that_is_gone(self):
        self.through("no-domain", self.held("whole domain example.org"))

    def test_held_then_accepted_or_mended(self):
        before = self.directory.entries
        with Load(self.host.socket, [k for k in self.known if int("".join(filter(str.isdigit, k.split("@")[0]))) >= 300]) as load:
            self.directory.entries = {f"u{i}": before[f"u{i}"] for i in range(300, 600)}
            try:
                self.host.ctl("sync", "now")
                self.eventually("the hold", self.held("would go"))
                self.assertEqual(self.host.ask("u1@example.com"), "OK x")
                self.eventually("the difference", lambda: "- u1@example.com (uid=u1," in self.host.ctl("sync", "diff").stdout)
                self.assertEqual(self.host.ctl("sync", "accept").returncode, 0)
                self.eventually("the end of their grace", lambda: self.host.ask("u1@example.com") == "NOTFOUND ", 60)
                self.assertIn("HELD", self.host.log())
            finally:
                self.directory.entries = before
                self.host.ctl("sync", "now")
            self.eventually("everybody again", lambda: self.host.ask("u1@example.com") == "OK x")
        self.assertEqual(load.wrong, [])

    def test_a_person_holds_all_readings(self):
        before = dict(self.directory.entries)
        self.assertEqual(self.host.ctl("sync", "hold").returncode, 0)
        try:
            self.host.restart()
            self.directory.entries = {u: e for u, e in before.items() if u != "u7"}
            self.host.ctl("sync", "now")
            self.eventually("the hold", self.held("sync hold"))
            time.sleep(1.5)
            self.assertEqual(self.host.ask("u7@example.com"), "OK x")
        finally:
            self.host.ctl("sync", "hold", "off")
        self.eventually("the end of its grace", lambda: self.host.ask("u7@example.com") == "NOTFOUND ", 60)
        self.directory.entries = before
        self.host.ctl("sync", "now")
        self.eventually("it again", lambda: self.host.ask("u7@example.com") == "OK x")


class AcceptedByItself(MapTest):
    """sync.accept_after: two servers that want the same are believed, unless they want everybody gone."""

    @classmethod
    def prepare(cls):
        cls.people = {f"u{i}": {"mail": [f"u{i}@example.com"], "proxyaddresses": [f"SMTP:u{i}@example.com"]} for i in range(400)}
        cls.one, cls.two = Directory(cls.place, cls.people), Directory(cls.place, cls.people)
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.one.url}\", \"{cls.two.url}\"], base: \"{BASE}\", tls: none, "
                                      "query_timeout: 600ms, sync: {interval: 1s, full_interval: 1s, grace: 1s, accept_after: 3}}").start()

    def show(self, people):
        self.one.entries = self.two.entries = people

    def readings(self):
        found = re.search(r"held: .*, (\d+) readings", self.host.status())
        return int(found.group(1)) if found else 0

    def both_are_read(self):
        self.one.close()
        self.host.ctl("sync", "now")
        self.eventually("the second server", lambda: self.two.url in self.host.status(), 30)
        self.one.open()

    def test_two_servers_agree(self):
        self.eventually("the set", lambda: "FRESH\n" in self.host.status() and self.one.url in self.host.status(), 30)
        self.show({u: e for u, e in self.people.items() if int(u[1:]) < 300})
        self.eventually("the hold", lambda: "HELD" in self.host.status())
        self.eventually("several of them", lambda: self.readings() >= 4, 30)
        self.assertEqual(self.host.log().count("HELD"), 1)
        self.assertNotIn("it is accepted", self.host.log())
        self.assertEqual(self.host.ask("u350@example.com"), "OK x")
        self.both_are_read()
        self.eventually("the acceptance", lambda: "it is accepted (sync.accept_after)" in self.host.log(), 30)
        self.eventually("the end of the grace", lambda: self.host.ask("u350@example.com") == "NOTFOUND ", 60)
        self.show({})
        self.eventually("the hold", lambda: "no address at all" in self.host.status(), 30)
        accepted = self.host.log().count("it is accepted")
        self.two.close()
        self.host.ctl("sync", "now")
        time.sleep(4)
        self.two.open()
        self.assertEqual(self.host.log().count("it is accepted"), accepted)
        self.assertEqual(self.host.ask("u1@example.com"), "OK x")


class SilentTls(MapTest):
    """The first server accepts and never says a word within TLS, where libldap itself cannot be bounded."""

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, people=["bob"], **SYNCPROV).start()
        cls.silent = socket.create_server(("127.0.0.1", cls.place.port()))
        cls.place.closers.append(cls.silent.close)
        port = cls.silent.getsockname()[1]
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"ldaps://127.0.0.1:{port}\", \"{cls.slapd.url}\"], "
                                      f"base: \"{BASE}\", tls: none, query_timeout: 1s, sync: {{interval: 1s, stall: 2s}}}}").start()

    def test_the_next_server_is_read(self):
        self.assertFalse(self.host.ask("bob@example.com").startswith("NOTFOUND"))
        self.eventually("the second server", lambda: "FRESH\n" in self.host.status(), 30)
        self.assertIn("said nothing for sync.stall", self.host.log())
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.eventually("a full no", lambda: self.host.ask(f"x{time.time()}@example.com") == "NOTFOUND ")


class DiskFull(MapTest):
    """A set that cannot be written leaves the one in force."""

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, people=[f"user{i}" for i in range(500)], **SYNCPROV).start()
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none, "
                                      f"{bind()}, sync: {{{QUICK}}}}}")
        cls.host.secret()
        cls.host.gatepost.wrap = full.mounted(cls.place, "state", "4m")
        cls.host.start()

    def test_it_answers_on_and_recovers(self):
        self.eventually("the set", lambda: "FRESH\n" in self.host.status())
        state = f"/proc/{self.host.pid}/root{self.place.path('state')}"
        full.fill(state + "/ballast")
        self.slapd.add("newcomer")
        self.eventually("the newcomer all the same", lambda: self.host.ask("newcomer@example.com") == "OK x")
        self.host.ctl("sync", "now")
        self.eventually("the trouble", lambda: "No space left" in self.host.status())
        with self.host.client() as c:
            for i in range(500):
                self.assertEqual(c.ask(f"user{i}@example.com"), "OK x")
        os.unlink(state + "/ballast")
        self.host.ctl("sync", "now")
        self.eventually("the newcomer in the set", lambda: "attribute" in self.host.ctl("why", "newcomer@example.com").stdout, 20)
        self.eventually("no trouble", lambda: "trouble" not in self.host.status())


class Crowd(MapTest):
    """Thousands of connections on one set."""

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, people=[f"user{i}" for i in range(500)], **SYNCPROV).start()
        cls.host = MapHost(cls.place, f"{{profile: active-directory, servers: [\"{cls.slapd.url}\"], base: \"{BASE}\", tls: none}}").start()

    def test_five_thousand_connections(self):
        self.eventually("the set", lambda: "FRESH\n" in self.host.status())
        clients = []
        try:
            for i in range(5000):
                clients.append(self.host.client())
            for i, c in enumerate(clients):
                self.assertEqual(c.ask(f"user{i % 500}@example.com"), "OK x")
        finally:
            for c in clients:
                c.sock.close()
