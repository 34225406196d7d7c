"""One directory, many hosts: one reads it, the others take what it read out of Redis.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import signal
import time

from rig.maphost import MapHost, MapTest, bind
from rig.place import Place
from rig.redis import Redis
from rig.slapd import BASE, SYNCPROV, Slapd

from test_sync import Load

LONG = True
SYNC = "interval: 1s, full_interval: 60s, stall: 5s, grace: 1s, confirm: 1/h"
PEOPLE = 600


class Hosts(MapTest):
    """Three hosts, one slapd, one Redis."""

    count = 3

    @classmethod
    def prepare(cls):
        cls.slapd = Slapd(cls.place, people=[f"user{i}" for i in range(PEOPLE)], **SYNCPROV).start()
        cls.redis = cls.servers()
        cls.hosts = [cls.another() for _ in range(cls.count)]

    @classmethod
    def servers(cls):
        return Redis(cls.place).start()

    @classmethod
    def store(cls):
        return f'server: "inet:127.0.0.1:{cls.redis.port}"'

    @classmethod
    def recipients(cls, sync=SYNC, server=None):
        return (f"{{profile: active-directory, servers: [\"{server or cls.slapd.url}\"], base: \"{BASE}\", tls: none, timeout: 1s, "
                f"{bind()}, sync: {{{sync}}}}}")

    @classmethod
    def another(cls, **changes):
        place = Place()
        cls.addClassCleanup(place.close)
        host = MapHost(place, cls.recipients(**changes), f"store: {{type: redis, redis: {{{cls.store()}}}}}")
        host.secret()
        return host.start()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for i, h in enumerate(self.hosts):
                print(f"---- host {i}", h.status(), *[line for line in h.log().splitlines() if "recipients source" in line][-40:], sep="\n")

    def setUp(self):
        self.all_settled()

    # ---- who does what ----

    def leaders(self, hosts=None):
        return [h for h in hosts or self.hosts if re.search(r"this host \(\S+\) leads", h.status())]

    def followers(self):
        return [h for h in self.hosts if " follows " in h.status()]

    def generation(self, host):
        found = re.search(r"; generation (\w+) by ([^\s,]+)(, in force here)?", host.status())
        return (found.group(1), bool(found.group(3))) if found else (None, False)

    def settled(self, hosts):
        leaders = self.leaders(hosts)
        if len(leaders) != 1 or self.generation(leaders[0])[0] is None:
            return False
        now = self.generation(leaders[0])[0]
        if any("sharing: " in h.status() for h in hosts):
            return False
        return all(h is leaders[0] or self.generation(h) == (now, True) for h in hosts)

    def all_settled(self, hosts=None):
        self.eventually("one leads, the others have its generation", lambda: self.settled(hosts or self.hosts), 40)

    def all_know(self, people):
        return all(f"uid={p}" in h.ctl("why", f"{p}@example.com").stdout for h in self.hosts for p in people)

    def loads(self):
        loads = [Load(h.socket, [f"user{i}@example.com" for i in range(50)]) for h in self.hosts]
        for load in loads:
            load.__enter__()
        return loads

    def end(self, loads):
        for load in loads:
            load.__exit__(None, None, None)
            self.assertEqual(load.wrong, [])
            self.assertGreater(load.n, 20)
            self.assertLess(load.slowest, 1)

    def key(self, what):
        keys = [k for k in self.redis.cli("--scan", "--pattern", f"gatepost:rcpt:*:{what}").splitlines() if k]
        self.assertEqual(len(keys), 1, keys)
        return keys[0]


class OneRedis(Hosts):
    def all_have_all(self):
        return all(f"{2 * PEOPLE} in the set of ldap" in h.ctl("count").stdout for h in self.hosts)

    def setUp(self):
        """What the test before took back has come through, too; unless it failed."""
        try:
            self.eventually("all have all", self.all_have_all, 20)
        except TimeoutError:
            pass
        super().setUp()

    def test_one_reads_for_all(self):
        self.assertEqual(len(self.followers()), self.count - 1)
        for h in self.hosts:
            self.assertEqual(h.ask("user7@example.com"), "OK x")
            self.assertIn("uid=user7", h.ctl("why", "user7@example.com").stdout)
        for h in self.followers():
            self.assertNotIn("kept current by syncrepl", h.status())

    def test_what_changes_reaches_all(self):
        leader = self.leaders()[0]
        before = leader.log().count("is published")
        self.slapd.add("late")
        self.eventually("a new generation", lambda: leader.log().count("is published") > before)
        self.eventually("all know it", lambda: all("uid=late" in h.ctl("why", "late@example.com").stdout for h in self.hosts))
        self.assertRegex(leader.log(), r"\d+ addresses, [12] of \d+ pieces were new")
        self.slapd.remove("late")
        self.eventually("all have lost it", lambda: all(h.ask("late@example.com") == "NOTFOUND " for h in self.hosts), 30)

    def test_only_two_generations_stay(self):
        for i in range(4):
            self.slapd.add(f"more{i}")
            self.eventually("it is there", lambda i=i: f"uid=more{i}" in self.leaders()[0].ctl("why", f"more{i}@example.com").stdout)
            self.all_settled()
        self.eventually("two are kept", lambda: self.redis.cli("HLEN", self.key("generations")) in ("1", "2"))
        kept = {self.redis.cli("GET", k) for k in self.redis.cli("--scan", "--pattern", "gatepost:rcpt:*:index:*").splitlines()}
        wanted = {line.split("\t")[0][:32] for text in kept for line in text.splitlines() if re.match(r"[0-9a-f]{64}\t[1-9]", line)}
        there = {k.rsplit(":", 1)[1] for k in self.redis.cli("--scan", "--pattern", "gatepost:rcpt:*:piece:*").splitlines()}
        self.assertEqual(there, wanted)
        for i in range(4):
            self.slapd.remove(f"more{i}")

    def test_gatepostctl_redis(self):
        ctl = self.hosts[0].gatepost.ctl
        keys = ctl("redis", "keys")
        self.assertEqual(keys.returncode, 0, keys.stderr)
        self.assertRegex(keys.stdout, r"\d+  gatepost:rcpt:\.\.\.")
        listed = ctl("redis", "keys", "rcpt:").stdout.splitlines()
        self.assertEqual(sorted(listed), sorted(self.redis.cli("--scan", "--pattern", "gatepost:rcpt:*").splitlines()))
        self.assertRegex(ctl("redis", "show", self.key("current")).stdout, r"(?m)^generation\t[0-9a-f]{16}$")
        index = self.redis.cli("GET", self.key("current").replace(":current", ":index:" + self.generation(self.leaders()[0])[0]))
        pieces = re.findall(r"(?m)^([0-9a-f]{32})[0-9a-f]{32}\t[1-9]", index)
        piece = next(k for k in listed if k.rsplit(":", 1)[1] in pieces)       # of this generation: the one before has its own, too
        self.assertIn("@example.com\t-\tproxyAddresses\tuid=", ctl("redis", "show", piece).stdout)
        self.assertEqual(ctl("redis", "show", "gatepost:none").returncode, 1)
        said = ctl("redis", "check")
        self.assertEqual((said.returncode, said.stderr), (0, ""), said.stdout)
        self.assertRegex(said.stdout, rf"(?s)server inet:127.0.0.1:{self.redis.port}: Redis 7.*addresses in \d+ pieces\nall is well\n$")
        text = self.redis.cli("GET", piece)
        self.redis.cli("DEL", piece)
        said = ctl("redis", "check")
        self.assertEqual(said.returncode, 1)
        self.assertIn("WRONG: pieces of it are missing", said.stdout)
        self.redis.cli("SET", piece, text + "\n")

    def test_the_leader_dies(self):
        leader = self.leaders()[0]
        rest = [h for h in self.hosts if h is not leader]
        loads = [Load(h.socket, ["user1@example.com"]) for h in rest]
        for load in loads:
            load.__enter__()
        leader.stop(signal.SIGKILL)
        self.eventually("another one leads", lambda: len(self.leaders(rest)) == 1, 30)
        self.all_settled(rest)
        self.end(loads)
        leader.start()
        self.all_settled()

    def test_the_leader_cannot_read_any_more(self):
        leader = self.leaders()[0]
        leader.reload(recipients=self.recipients(server="ldap://127.0.0.1:1"))
        self.eventually("another one leads", lambda: self.leaders([h for h in self.hosts if h is not leader]) != [], 60)
        self.eventually("it follows", lambda: " follows " in leader.status(), 20)
        self.assertEqual(leader.ask("user1@example.com"), "OK x")
        leader.reload(recipients=self.recipients())
        self.all_settled()

    def test_redis_is_killed_and_has_lost_everything(self):
        loads = self.loads()
        self.redis.stop()
        self.eventually("all read by themselves", lambda: all(" reads by itself" in h.status() for h in self.hosts), 40)
        self.slapd.add("alone")
        self.eventually("each has seen it", lambda: all("uid=alone" in h.ctl("why", "alone@example.com").stdout for h in self.hosts), 20)
        self.redis.start()
        self.all_settled()
        self.end(loads)
        self.slapd.remove("alone")

    def test_data_loss(self):
        loads = self.loads()
        self.redis.cli("FLUSHALL")
        self.eventually("it is published again", lambda: self.redis.cli("--scan", "--pattern", "gatepost:rcpt:*:current") != "", 20)
        self.all_settled()
        self.end(loads)

    def test_redis_comes_back_with_what_it_knew_long_ago(self):
        old = self.redis.cli("HGET", self.key("current"), "generation")
        self.slapd.add("newer")
        self.eventually("all know it", lambda: all("uid=newer" in h.ctl("why", "newer@example.com").stdout for h in self.hosts))
        self.all_settled()
        followers = self.followers()
        came = [h.log().count("has come") for h in followers]
        self.redis.cli("SET", self.key("leader"), "stranger")        # who never lets go, until he is sent away
        self.redis.cli("HSET", self.key("current"), "generation", old, "confirmed_ms", int(time.time() * 1000) - 86_400_000)
        self.eventually("nobody leads", lambda: self.leaders() == [], 20)
        self.eventually("they have heard of it", lambda: all(old in h.status() for h in followers), 20)
        self.assertEqual([h.log().count("has come") for h in followers], came)
        self.redis.cli("DEL", self.key("leader"))
        self.all_settled()
        for h in self.hosts:
            self.assertNotIn("gone from the directory", h.ctl("why", "newer@example.com").stdout)
        self.slapd.remove("newer")

    def test_a_piece_is_lost_or_damaged(self):
        pieces = self.redis.cli("--scan", "--pattern", "gatepost:rcpt:*:piece:*").splitlines()
        self.assertGreater(len(pieces), 1)
        follower = self.followers()[0]
        follower.stop()
        os.unlink(follower.place.path("state/recipients/ldap.set"))
        self.redis.cli("DEL", pieces[0])
        self.redis.cli("SET", pieces[1], self.redis.cli("GET", pieces[1]).upper())
        follower.start()
        self.all_settled()
        self.assertIn("piece", follower.log())
        self.assertEqual(follower.ctl("count").returncode, 0)
        for i in (0, 100, PEOPLE - 1):
            self.assertEqual(follower.ask(f"user{i}@example.com"), "OK x")

    def test_faults_of_redis(self):
        def full():                      # what is there is renewed, what is new has no room
            self.redis.cli("CONFIG", "SET", "maxmemory", "1")
            self.slapd.add("no-room")

        def locked():                    # who is connected stays so
            self.redis.cli("CONFIG", "SET", "requirepass", "x")
            self.redis.cli("-a", "x", "CLIENT", "KILL", "TYPE", "normal")
        loads = self.loads()
        for begin, end in ((lambda: self.redis.signal(signal.SIGSTOP), lambda: self.redis.signal(signal.SIGCONT)),
                           (lambda: self.redis.cli("REPLICAOF", "127.0.0.1", "1"), lambda: self.redis.cli("REPLICAOF", "NO", "ONE")),
                           (full, lambda: self.redis.cli("CONFIG", "SET", "maxmemory", "0")),
                           (locked, lambda: self.redis.cli("-a", "x", "CONFIG", "SET", "requirepass", ""))):
            begin()
            try:
                self.eventually("somebody says so", lambda: any("sharing: " in h.status() for h in self.hosts), 30)
            finally:
                end()
            self.all_settled()
        self.end(loads)
        self.slapd.remove("no-room")

    def test_the_token_rises(self):
        """The leader is the same, Redis gives it another token: what it confirms is what it has published under that one."""
        self.redis.cli("INCR", self.key("token"))
        self.eventually("it is published under the new one",
                        lambda: self.redis.cli("HGET", self.key("current"), "token") == self.redis.cli("GET", self.key("token")), 20)
        self.all_settled()

    def gone(self, host):
        """(addresses that are missing or would be, whether some are held): people go one by one, and readings come in between."""
        said = host.status()
        held = re.search(r"held: .* \((\d+) addresses in all", said)
        return int(re.search(r"(\d+) missing", said).group(1)) + (int(held.group(1)) if held else 0), held is not None

    def test_a_follower_judges_for_itself(self):
        """The leader lets half of them go; a host with other limits holds it, and accepts what a person accepted at the leader."""
        leader = self.leaders()[0]
        many, before = [f"user{i + 200}" for i in range(300)], self.gone(leader)[0]
        self.slapd.remove(*many)
        try:
            self.eventually("the leader holds all of it", lambda: self.gone(leader) == (before + 2 * len(many), True), 20)
            for h in self.hosts:
                self.assertEqual(h.ask("user250@example.com"), "OK x")
            self.assertEqual(leader.ctl("sync", "accept").returncode, 0)
            self.eventually("it is gone everywhere", lambda: all(h.ask("user250@example.com") == "NOTFOUND " for h in self.hosts), 30)
            self.assertTrue(any("was accepted at the host that leads" in h.log() for h in self.followers()))
        finally:
            self.slapd.add(*many)
        self.eventually("they are back", lambda: all(h.ask("user250@example.com") == "OK x" for h in self.hosts), 30)

    def test_a_follower_that_missed_what_went_before_takes_the_same_word(self):
        leader, slow = self.leaders()[0], self.followers()[0]
        many = [f"user{i + 200}" for i in range(300)]
        os.kill(slow.pid, signal.SIGSTOP)
        try:
            self.slapd.remove("user199")
            self.eventually("the leader lets one go", lambda: leader.ask("user199@example.com") == "NOTFOUND ", 30)
            before = self.gone(leader)[0]
            self.slapd.remove(*many)
            self.eventually("the leader holds all the others", lambda: self.gone(leader) == (before + 2 * len(many), True), 20)
            published, words = leader.log().count("is published"), slow.log().count("was accepted at the host that leads")
            self.assertEqual(leader.ctl("sync", "accept").returncode, 0)
            self.eventually("the leader lets them go", lambda: leader.log().count("is published") > published, 30)
            os.kill(slow.pid, signal.SIGCONT)
            self.eventually("it is gone there too", lambda: slow.ask("user250@example.com") == "NOTFOUND ", 30)
            self.assertEqual(slow.log().count("was accepted at the host that leads"), words + 1)
        finally:
            os.kill(slow.pid, signal.SIGCONT)
            self.slapd.add("user199", *many)
        self.eventually("they are back", lambda: all(h.ask("user250@example.com") == "OK x" for h in self.hosts), 30)

    def test_another_host_steals_the_lock(self):
        """Split brain: two believe that they lead; the token of the newer one wins, nothing goes."""
        loads = self.loads()
        self.redis.cli("SET", self.key("leader"), "stranger")
        self.redis.cli("INCR", self.key("token"))
        self.slapd.add("split")
        self.eventually("nobody else leads", lambda: self.leaders() == [], 20)
        self.redis.cli("DEL", self.key("leader"))
        self.all_settled()
        self.end(loads)
        self.slapd.remove("split")

    def test_a_false_generation(self):
        """What somebody else wrote under the pointer is not taken: its digest is wrong, or it lets nearly all go."""
        loads = self.loads()
        self.redis.cli("HSET", self.key("current"), "generation", "0123456789abcdef")
        self.redis.cli("SET", self.key("leader").replace(":leader", ":index:0123456789abcdef"), "gatepost-recipients\t1\naddresses\t0\n")
        time.sleep(5)
        self.all_settled()
        self.end(loads)

    def test_warm_without_redis_and_directory(self):
        host = self.followers()[0]
        host.stop()
        self.redis.signal(signal.SIGSTOP)
        try:
            host.start()
            self.assertEqual(host.ask("user3@example.com"), "OK x")
        finally:
            self.redis.signal(signal.SIGCONT)
        self.all_settled()
