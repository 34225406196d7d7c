"""policyd with DNS lists that nobody has asked yet, and with one that does not answer.

The lists are a real rbldnsd's; for the dead one a relay in between swallows what is asked about its zone.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import socket
import statistics
import subprocess
import threading
import time

import policyd_peers_dns
from echoes import yaml
from processes import cpu_s
from rig.gatepost import Gatepost
from rig.place import BUILD, wait_for
from rig.raw import Policy

LISTS = 8


def rbldnsd(place):
    """Eight zones, each with some of 10.200.0.0/16 in it; the port.  Those who cannot be told a port find it at 53 of an address of its own, too."""
    port = place.port()
    zones = []
    for i in range(LISTS):
        entries = "".join(f"10.200.{i}.{k}\n" for k in range(1, 200)) + "127.0.0.2\n10.201.0.0/16\n"
        zones.append(f"bl{i}.example:ip4set:{place.write(f'bl{i}.zone', ':127.0.0.2:listed' + chr(10) + entries)}")
    place.start("rbldnsd", ["/usr/sbin/rbldnsd", "-n", "-f", "-u", "nobody", "-w", place.dir, "-b", f"127.0.0.1/{port}", "-b", f"{policyd_peers_dns.SERVER}/53", *zones])
    return port


def start(place, servers, lists):
    text = (f"dns: {{servers: [{servers}]}}, score: {{reject: 5}}, dnsbl: [" + ", ".join(f"{{name: {n}, zone: {z}, weight: 3}}" for n, z in lists) + "]")
    g = Gatepost(place, yaml(text)).start("policyd")
    return g


def ask_all(path, clients):
    """Milliseconds of each."""
    took = []
    with Policy(path) as c:
        for client in clients:
            begun = time.perf_counter()
            answer = c.ask(client_address=client, instance=client)
            took.append((time.perf_counter() - begun) * 1e3)
            if not answer:
                raise RuntimeError("no answer")
    return took


def cold(place, options, port):
    g = start(place, f'"127.0.0.1:{port}"', [(f"b{i}", f"bl{i}.example") for i in range(LISTS)])
    pid, path = g.processes["policyd"].pid, place.path("policy.sock")
    wait_for("the lists", lambda: g.ctl("dnsbl", "status").stdout.count(" up") == LISTS, 20)
    before = cpu_s(pid)
    said = subprocess.run([os.path.join(BUILD, "bench", "load"), "policy", path, "10", str(options.seconds), "16000000"], check=True, capture_output=True,
                          text=True).stdout.split()
    n, took = int(said[0]), float(said[1])
    print(f"policyd: eight cold lists, 10 connections: {n / took:.0f}/s, {(cpu_s(pid) - before) / n * 1e6:.1f} us CPU a request (asked: 100), "
          f"p50 {int(said[2]) / 1e3:.2f} ms, p99 {int(said[3]) / 1e3:.2f} ms")
    listed = ask_all(path, [f"10.201.{i // 200}.{i % 200}" for i in range(400)])
    clean = ask_all(path, [f"10.199.{i // 200}.{i % 200}" for i in range(400)])
    print(f"policyd: the same, one after the other: on all lists, two hits suffice p50 {statistics.median(listed):.2f} ms; on none p50 {statistics.median(clean):.2f} ms")
    g.stop("policyd")


def dead(place, port):
    relay = Relay(port, silent_zone="bl0.example")
    place.closers.append(relay.close)
    g = start(place, f'"127.0.0.1:{relay.port}"', [(f"b{i}", f"bl{i}.example") for i in range(LISTS)])
    wait_for("the lists", lambda: g.ctl("dnsbl", "status").stdout.count(" up") == LISTS, 20)
    relay.silent = True
    took = ask_all(place.path("policy.sock"), [f"10.198.0.{i}" for i in range(1, 60)])
    slow = sum(t > 100 for t in took)
    print(f"policyd: one of eight lists falls silent: {slow} decisions waited (at most {max(took):.0f} ms), the other {len(took) - slow} took p50 "
          f"{statistics.median(t for t in took if t <= 100):.2f} ms")
    g.stop("policyd")


class Relay:
    """Passes questions on to a DNS server, but those about one zone when it is told to."""

    def __init__(self, port, silent_zone):
        self.to, self.silent = ("127.0.0.1", port), False
        self.needle = b"".join(bytes([len(p)]) + p.encode() for p in silent_zone.split("."))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = self.sock.getsockname()[1]
        self.peers = {}
        threading.Thread(target=self.forth, daemon=True).start()
        threading.Thread(target=self.back, daemon=True).start()

    def forth(self):
        while True:
            try:
                packet, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            if self.silent and self.needle in packet.lower():
                continue
            self.peers[packet[:2]] = peer
            self.up.sendto(packet, self.to)

    def back(self):
        self.up.bind(("127.0.0.1", 0))
        while True:
            try:
                packet, _ = self.up.recvfrom(4096)
                self.sock.sendto(packet, self.peers[packet[:2]])
            except (OSError, KeyError):
                if self.sock.fileno() < 0:
                    return

    def close(self):
        self.sock.close()
        self.up.close()


def run(place, options):
    if os.geteuid() != 0:
        print("policyd: DNS lists: left out, rbldnsd and Postfix' master start as root only")
        return
    port = rbldnsd(place)
    cold(place, options, port)
    dead(place, port)
    policyd_peers_dns.run(place, options, [f"bl{i}.example" for i in range(LISTS)])
