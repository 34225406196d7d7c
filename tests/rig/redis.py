"""Real Redis servers on loopback: one, a master with replicas and Sentinels, or a Cluster.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import signal
import subprocess

from .place import wait_for


class Redis:
    """One redis-server, or (sentinel=True) one Sentinel."""

    def __init__(self, place, *options, sentinel=False):
        self.place, self.port = place, place.port()
        self.name = f"redis-{self.port}"
        self.folder = place.folder(self.name)
        self.sentinel = sentinel
        self.options = ["--dir", self.folder, "--save", "", "--appendonly", "no", *options]
        self.config = place.write(f"{self.name}/redis.conf", f"port {self.port}\nbind 127.0.0.1\n")
        self.process = None

    def start(self):
        argv = ["redis-server", self.config, *([] if not self.sentinel else ["--sentinel"]), *([] if self.sentinel else self.options)]
        self.process = self.place.start(self.name, argv)
        wait_for(self.name, lambda: "PONG" in self.cli("PING", check=False) or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise RuntimeError(self.place.log(self.name)[-2000:])
        return self

    def cli(self, *words, check=True, timeout=20):
        p = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *map(str, words)], capture_output=True, text=True,
                           timeout=timeout, check=False)
        if check and p.returncode != 0:
            raise RuntimeError(p.stdout + p.stderr)
        return p.stdout.strip()

    def stop(self, sig=signal.SIGKILL):
        self.place.stop(self.process, sig)

    def signal(self, sig):
        os.kill(self.process.pid, sig)

    def info(self, field):
        for line in self.cli("INFO").splitlines():
            if line.startswith(field + ":"):
                return line.split(":", 1)[1].strip()
        return None


class Sentinels:
    """A master, two replicas and three Sentinels that fail over within seconds."""

    def __init__(self, place):
        self.master = Redis(place).start()
        self.replicas = [Redis(place, "--replicaof", "127.0.0.1", str(self.master.port)).start() for _ in range(2)]
        self.servers = [self.master, *self.replicas]
        for r in self.replicas:
            wait_for("the replica has the master's data", lambda r=r: r.info("master_link_status") == "up")
        self.sentinels = [Redis(place, sentinel=True) for _ in range(3)]
        for s in self.sentinels:
            with open(s.config, "a", encoding="ascii") as f:
                f.write(f"dir {s.folder}\nsentinel monitor mymaster 127.0.0.1 {self.master.port} 2\n"
                        "sentinel down-after-milliseconds mymaster 700\nsentinel failover-timeout mymaster 3000\n")
            s.start()
        for s in self.sentinels:
            wait_for("the Sentinels know each other", lambda s=s: "sentinels=3" in s.cli("INFO", "sentinel") and "slaves=2" in s.cli("INFO", "sentinel"))

    def settings(self):
        """How gatepost.yaml names them."""
        return "sentinels: [" + ", ".join(f'"inet:127.0.0.1:{s.port}"' for s in self.sentinels) + "]"

    def now(self):
        """The server that the Sentinels call the master."""
        port = self.sentinels[0].cli("SENTINEL", "get-master-addr-by-name", "mymaster").splitlines()[1]
        return next(s for s in self.servers if str(s.port) == port)


class Cluster:
    """Three masters, a replica each."""

    def __init__(self, place):
        self.nodes = []
        for _ in range(6):
            bus = place.port()
            self.nodes.append(Redis(place, "--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000",
                                    "--cluster-config-file", "nodes.conf").start())
        created = subprocess.run(["redis-cli", "--cluster", "create", *(f"127.0.0.1:{n.port}" for n in self.nodes), "--cluster-replicas", "1",
                                  "--cluster-yes"], capture_output=True, text=True, timeout=60, check=False)
        if created.returncode != 0:
            raise RuntimeError(created.stdout + created.stderr)
        for n in self.nodes:
            wait_for("the Cluster", lambda n=n: "cluster_state:ok" in n.cli("CLUSTER", "INFO"))
        for n in self.nodes:
            wait_for("its replicas", lambda n=n: n.info("role") == "master" or n.info("master_link_status") == "up")

    def settings(self):
        """How gatepost.yaml names it: some of the nodes, the others are found."""
        return "cluster: [" + ", ".join(f'"inet:127.0.0.1:{n.port}"' for n in self.nodes[:3]) + "]"

    def masters(self):
        return [n for n in self.nodes if n.process.poll() is None and n.info("role") == "master"]
