"""Lists that hosts share, with Redis behind Sentinels, in a Cluster, behind TLS, and behind a network that does everything wrong.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import pwd
import subprocess
import time

from rig.innersmtp import InnerSmtp
from rig.maphost import MapHost, MapTest
from rig.place import USER, Place
from rig.redis import Cluster, Redis, Sentinels
from rig.wrongredis import WrongRedis

from test_share import Hosts

LONG = True

class SentinelsTest(Hosts):
    count = 2

    @classmethod
    def servers(cls):
        return Sentinels(cls.place)

    @classmethod
    def store(cls):
        return cls.redis.settings()

    def test_fail_over(self):
        loads = self.loads()
        old = self.redis.now()
        old.stop()
        self.eventually("another master", lambda: self.redis.now() is not old, 20)
        self.slapd.add("failover")
        self.eventually("both know it", lambda: all("uid=failover" in h.ctl("why", "failover@example.com").stdout for h in self.hosts), 40)
        self.all_settled()
        self.end(loads)


class InCluster(Hosts):
    count = 2

    @classmethod
    def servers(cls):
        return Cluster(cls.place)

    @classmethod
    def store(cls):
        return cls.redis.settings()

    def node_with_the_keys(self):
        return next(n for n in self.redis.masters() if "gatepost:rcpt:" in n.cli("--scan", "--pattern", "gatepost:rcpt:*:current"))


class ClusterMoves(InCluster):
    def test_the_keys_move_to_another_node(self):
        holder = self.node_with_the_keys()
        other = next(n for n in self.redis.masters() if n is not holder)
        loads = self.loads()
        move = subprocess.Popen(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{holder.port}", "--cluster-from", holder.cli("CLUSTER", "MYID"),
                                 "--cluster-to", other.cli("CLUSTER", "MYID"), "--cluster-slots", "16384", "--cluster-yes"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        n = 0
        while move.poll() is None and n < 60:
            self.slapd.add(f"moving{n}")
            n += 1
            time.sleep(1)
        self.assertEqual(move.wait(60), 0)
        self.assertIs(self.node_with_the_keys(), other)
        self.eventually("all know all", lambda: self.all_know([f"moving{i}" for i in range(n)]), 30)
        self.all_settled()
        self.end(loads)


class ClusterDies(InCluster):
    def test_all_keys_are_on_one_node_and_it_dies(self):
        holders = [n for n in self.redis.masters() if n.cli("--scan", "--pattern", "gatepost:rcpt:*") != ""]
        self.assertEqual(len(holders), 1)
        loads = self.loads()
        said = self.hosts[0].gatepost.ctl("redis", "check")
        self.assertEqual(said.stdout.count("server inet:"), 3)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        holders[0].stop()
        self.slapd.add("cluster")
        self.eventually("both know it", lambda: all("uid=cluster" in h.ctl("why", "cluster@example.com").stdout for h in self.hosts), 60)
        self.all_settled()
        self.end(loads)


class WrongAnswers(Hosts):
    """Between the hosts and Redis: everything a network and a server can do."""

    count = 2

    @classmethod
    def servers(cls):
        redis = Redis(cls.place).start()
        cls.wrong = WrongRedis(cls.place, redis.port)
        return redis

    @classmethod
    def store(cls):
        return f'server: "inet:127.0.0.1:{cls.wrong.port}"'

    def test_every_fault(self):
        loads = self.loads()
        for mode in ("hang", "cut", "garbage", "-LOADING Redis is loading the dataset in memory\r\n", f"-MOVED 1 127.0.0.1:{self.wrong.port}\r\n",
                     "-NOAUTH Authentication required.\r\n", "-OOM command not allowed\r\n", "-READONLY You can't write\r\n", "$-1\r\n", "*0\r\n", ":7\r\n"):
            with self.subTest(mode=mode):
                self.wrong.mode = mode
                self.eventually("it is noticed", lambda: any("sharing: " in h.status() for h in self.hosts), 30)
                self.wrong.mode = ""
                self.all_settled()
        self.end(loads)

    def test_slow(self):
        self.wrong.mode = "slow"
        self.slapd.add("slow")
        try:
            self.eventually("all know it", lambda: all("uid=slow" in h.ctl("why", "slow@example.com").stdout for h in self.hosts), 30)
        finally:
            self.wrong.mode = ""

    def test_while_it_is_fetched(self):
        """Connections are torn again and again while new generations come: a half of one is never in force."""
        loads = self.loads()
        for i in range(5):
            self.slapd.add(f"torn{i}")
            time.sleep(1.2)
            self.wrong.drop()
        self.eventually("all know all", lambda: self.all_know([f"torn{i}" for i in range(5)]), 30)
        self.all_settled()
        self.end(loads)


class TlsAndAcl(Hosts):
    """Redis speaks TLS, and the user may only do what gatepost-redis(7) lists."""

    count = 2
    acl = ("on >hushhush ~gatepost:* -@all +eval +evalsha +get +mget +set +del +time +scan +select +hset +hget +hmget +hgetall +hdel +exists +incr "
           "+pexpire +unlink +type +info")

    @classmethod
    def servers(cls):
        cls.tls_port = cls.place.port()
        cls.key, cls.cert = cls.place.path("redis.key"), cls.place.path("redis.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", cls.key, "-out", cls.cert], check=True, capture_output=True)
        os.chmod(cls.cert, 0o644)
        cls.secret = cls.place.write("redis.secret", "hushhush\n", 0o640)
        if os.geteuid() == 0:
            os.chown(cls.secret, pwd.getpwnam(USER).pw_uid, -1)
        redis = Redis(cls.place, "--tls-port", str(cls.tls_port), "--tls-cert-file", cls.cert, "--tls-key-file", cls.key, "--tls-auth-clients", "no")
        with open(redis.config, "a", encoding="ascii") as f:
            f.write(f"user gatepost {cls.acl}\n")
        return redis.start()

    @classmethod
    def store(cls):
        return f'server: "inet:localhost:{cls.tls_port}", tls: yes, ca_file: {cls.cert}, user: gatepost, password_file: {cls.secret}'

    def test_it_works(self):
        self.slapd.add("secure")
        self.eventually("both know it", lambda: all("uid=secure" in h.ctl("why", "secure@example.com").stdout for h in self.hosts), 30)
        for h in self.hosts:
            self.assertNotIn("sharing: ", h.status())
        said = self.hosts[0].gatepost.ctl("redis", "check")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)


class Learned(MapTest):
    """What one host has learned by asking an inner server, another one knows."""

    @classmethod
    def prepare(cls):
        cls.redis = Redis(cls.place).start()
        cls.inner = InnerSmtp(cls.place, ["bob@example.com"])
        cls.hosts = []
        for _ in range(2):
            place = Place()
            cls.addClassCleanup(place.close)
            cls.hosts.append(MapHost(place, f"{{callout: \"127.0.0.1:{cls.inner.port}\", timeout: 2s, query_timeout: 1s}}",
                                     f"store: {{type: redis, redis: {{server: \"inet:127.0.0.1:{cls.redis.port}\"}}}}").start())

    def test_it_is_shared_and_forgotten_for_all(self):
        self.assertEqual(self.hosts[0].ask("bob@example.com"), "OK x")
        self.assertEqual(self.hosts[0].ask("nobody@example.com"), "NOTFOUND ")
        self.inner.stop()
        self.assertEqual(self.hosts[1].ask("bob@example.com"), "OK x")
        self.assertEqual(self.hosts[1].ask("nobody@example.com"), "NOTFOUND ")
        self.assertEqual(len(self.hosts[1].ctl("export").stdout.splitlines()), 2)
        self.assertEqual(self.hosts[1].ctl("flush").returncode, 0)
        self.eventually("the store has none", lambda: self.hosts[0].ctl("export").stdout == "")
        self.assertRegex(self.hosts[1].ask("bob@example.com"), "^TEMP ")
        self.inner.start()
