"""Recipients out of a set or hash in a real Redis that other software fills, and its troubles.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import pwd
import signal
import time

from rig.maphost import MapHost, MapTest
from rig.place import USER
from rig.redis import Cluster, Redis, Sentinels
from rig.wrongredis import WrongRedis


class RedisSource(MapTest):
    @classmethod
    def prepare(cls):
        cls.redis = Redis(cls.place).start()
        cls.redis.cli("CONFIG", "SET", "requirepass", "redis-secret")
        cls.cli("SADD", "mail:people", "bob@example.com", "@all.example", "j\u00f6rg@example.com")
        cls.cli("HSET", "mail:boxes", "carol@example.com", "inner-1")
        cls.wrong = WrongRedis(cls.place, cls.redis.port)
        path = cls.place.write("redis.secret", "redis-secret\n", 0o600)
        if os.geteuid() == 0:
            os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
        server = f"server: \"127.0.0.1:{cls.wrong.port}\", password_file: redis.secret"
        cls.host = MapHost(cls.place, f"{{sources: [{{name: people, redis: {{key: \"mail:people\", {server}}}, query_timeout: 500ms}}, "
                                      f"{{name: boxes, redis: {{key: \"mail:boxes\", kind: hash, {server}}}, query_timeout: 500ms}}], "
                                      "positive_ttl: 1s, negative_ttl: 1s, timeout: 1s}")
        cls.host.gatepost.configure(cls.host.yaml(domains="[example.com, all.example]"))
        cls.host.start()

    @classmethod
    def cli(cls, *words):
        return cls.redis.cli("-a", "redis-secret", "--no-auth-warning", *words)

    def setUp(self):
        self.wrong.mode = ""
        self.eventually("Redis", lambda: self.host.ask(f"x{time.time_ns()}@example.com") == "NOTFOUND ")

    def test_set_and_hash(self):
        with self.host.client() as c:
            for known in ("bob@example.com", "anybody@all.example", "carol@example.com", "BOB@Example.com"):
                self.assertEqual(c.ask(known), "OK x", known)
            self.assertEqual(c.ask("J\u00d6RG@example.com".encode()), "OK x")
            self.assertEqual(c.ask("mallory@example.com"), "NOTFOUND ")
            self.assertEqual(c.ask("*@example.com"), "NOTFOUND ")
        self.assertIn("mail:boxes", self.host.ctl("why", "carol@example.com").stdout)
        self.cli("SADD", "mail:people", "newcomer@example.com")
        self.eventually("the newcomer", lambda: self.host.ask("newcomer@example.com") == "OK x")

    def test_lost_data_makes_nobody_unknown(self):
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.cli("RENAME", "mail:people", "elsewhere")
        try:
            time.sleep(1.1)
            self.assertEqual(self.host.ask("bob@example.com"), "OK x")
            self.assertTrue(self.host.ask("stranger@example.com").startswith("TEMP "))
            self.assertEqual(self.host.ask("carol@example.com"), "OK x")
        finally:
            self.cli("RENAME", "elsewhere", "mail:people")

    def test_troubles(self):
        for mode in ("hang", "slow", "cut", "garbage", "-LOADING Redis is loading\r\n", "-READONLY no\r\n", "-OOM no\r\n", "-NOAUTH no\r\n",
                     "-MOVED 1 127.0.0.1:1\r\n", "-CLUSTERDOWN no\r\n", "-WRONGTYPE no\r\n"):
            with self.subTest(mode):
                self.assertEqual(self.host.ask("bob@example.com"), "OK x")
                self.wrong.mode = mode
                time.sleep(1.1)
                for key, want in (("bob@example.com", ("OK x",)), (f"y{time.time_ns()}@example.com", ("TEMP ", "NOTFOUND ") if mode == "slow" else ("TEMP ",))):
                    begun = time.monotonic()
                    answer = self.host.ask(key)
                    self.assertTrue(answer.startswith(want), (key, answer))
                    self.assertLess(time.monotonic() - begun, 2)
                self.setUp()

    def test_stopped(self):
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        self.redis.signal(signal.SIGSTOP)
        try:
            time.sleep(1.1)
            self.assertEqual(self.host.ask("bob@example.com"), "OK x")
            self.assertTrue(self.host.ask("unheard.of@example.com").startswith("TEMP "))
        finally:
            self.redis.signal(signal.SIGCONT)


class Behind(MapTest):
    """The servers that hold the key are several."""

    @classmethod
    def prepare(cls):
        cls.redis = cls.servers()
        cls.fill("SADD", "mail:people", "bob@example.com")
        cls.host = MapHost(cls.place, f"{{redis: {{key: \"mail:people\", {cls.where()}}}, query_timeout: 500ms, positive_ttl: 1s, negative_ttl: 1s, "
                                      "timeout: 1s}").start()

    def fails_over(self, stop):
        self.eventually("a no", lambda: self.host.ask(f"x{time.time_ns()}@example.com") == "NOTFOUND ")
        self.assertEqual(self.host.ask("bob@example.com"), "OK x")
        stop()
        answers = set()

        def back():
            self.assertEqual(self.host.ask("bob@example.com"), "OK x")
            answers.add(self.host.ask(f"x{time.time_ns()}@example.com").split()[0])
            return "NOTFOUND" in answers and "TEMP" in answers

        self.eventually("another server answers", back, 30)
        self.fill("SADD", "mail:people", "later@example.com")
        self.eventually("what is new there", lambda: self.host.ask("later@example.com") == "OK x")


class BehindSentinels(Behind):
    @classmethod
    def servers(cls):
        return Sentinels(cls.place)

    @classmethod
    def where(cls):
        return cls.redis.settings()

    @classmethod
    def fill(cls, *words):
        cls.redis.now().cli(*words)
        cls.redis.now().cli("WAIT", 1, 2000)

    def test_fail_over(self):
        self.fails_over(self.redis.now().stop)


class BehindCluster(Behind):
    @classmethod
    def servers(cls):
        return Cluster(cls.place)

    @classmethod
    def where(cls):
        return cls.redis.settings()

    @classmethod
    def holder(cls):
        return next(n for n in cls.redis.masters() if "MOVED" not in n.cli("EXISTS", "mail:people"))

    @classmethod
    def fill(cls, *words):
        holder = cls.holder()
        holder.cli(*words)
        holder.cli("WAIT", 1, 2000)

    def test_a_node_dies(self):
        self.fails_over(self.holder().stop)
