"""What policyd's DNS lists are measured beside: postscreen and postfwd, with the same eight lists of the same rbldnsd, and clients that nobody has asked about.

Both ask the servers of /etc/resolv.conf, port 53: they get one of their own, in a mount namespace, and rbldnsd listens on a loopback address
that nothing else has.  CPU is that of all their processes.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import selectors
import signal
import socket
import statistics
import time

import policyd_peers
from processes import tree_cpu_s
from rig.place import answers, wait_for
from rig.postfix import Postfix
from rig.raw import Policy

SERVER = "127.0.0.153"
AT_ONCE = 10


def with_resolver(place, argv):
    """argv, where /etc/resolv.conf names our rbldnsd alone."""
    path = place.write("resolv.conf", f"nameserver {SERVER}\n")
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh", path, *argv]


class Postscreen(Postfix):
    def start(self):
        """What stands before it: one postscreen that learns the client's address from a proxy header."""
        master = os.path.join(policyd_peers.PEERS, "usr/lib/postfix/sbin/master")
        self.process = self.place.start("postscreen", with_resolver(self.place, [master, "-c", self.config, "-d"]), self.env)
        wait_for(f"postscreen (see {self.log})", lambda: answers(("127.0.0.1", self.port_in)), 15)
        return self


def postscreen(place, zones):
    port = place.port()
    lists = ", ".join(f"{z}*3" for z in zones)
    p = Postscreen(place, {}, place.port(), place.port(), f"""\
postscreen_upstream_proxy_protocol = haproxy
postscreen_greet_action = ignore
postscreen_greet_banner =
postscreen_dnsbl_sites = {lists}
postscreen_dnsbl_threshold = 5
postscreen_dnsbl_action = drop
postscreen_client_connection_count_limit = 10000
postscreen_pre_queue_limit = 1000
default_process_limit = 1000
smtpd_client_connection_count_limit = 0
""", f"""\
127.0.0.1:{port} inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
""")
    p.port_in = port
    return p.start()


class Crowd:
    """AT_ONCE clients at a time, each with an address of its own that is on all lists; how long each waited to be told to go."""

    def __init__(self, port):
        self.port, self.made, self.took, self.said = port, 0, [], {}
        self.selector = selectors.DefaultSelector()

    def one(self):
        client = f"10.201.{self.made // 250 % 250}.{self.made % 250}"
        self.made += 1
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.sendall(f"PROXY TCP4 {client} 127.0.0.1 40000 25\r\n".encode())
        self.selector.register(sock, selectors.EVENT_READ, time.monotonic())

    def run(self, seconds):
        end = time.monotonic() + seconds
        for _ in range(AT_ONCE):
            self.one()
        while self.selector.get_map():
            for key, _ in self.selector.select(30):
                code = key.fileobj.recv(3).decode() or "closed"
                self.said[code] = self.said.get(code, 0) + 1
                self.took.append(time.monotonic() - key.data)
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
                if time.monotonic() < end:
                    self.one()
        return self


def measure_postscreen(place, zones, seconds):
    p = postscreen(place, zones)
    Crowd(p.port_in).run(1)
    before, begun = tree_cpu_s(p.process.pid), time.monotonic()
    crowd = Crowd(p.port_in)
    crowd.made = 10_000
    crowd.run(max(seconds, 3))
    n, took = len(crowd.took), time.monotonic() - begun
    if set(crowd.said) != {"521"}:
        print(f"  postscreen: other replies than 521: {crowd.said} (see {p.log})")
    print(f"  {f'postscreen, {AT_ONCE} connections':34} {n / took:9.0f}/s        {(tree_cpu_s(p.process.pid) - before) / n * 1e6:6.1f} us CPU   "
          f"p50 {statistics.median(crowd.took) * 1e6:.0f}  p99 {sorted(crowd.took)[n * 99 // 100] * 1e6:.0f} us", flush=True)
    p.stop()


def measure_postfwd(place, zones, seconds):
    port = place.port()
    rules = place.write("postfwd-rbl.cf", f"id=R1; rbl={','.join(zones)}; rblcount=2; action=554 5.7.1 listed\n")
    pidfile = place.path("postfwd-rbl.pid")
    argv = with_resolver(place, [*policyd_peers.PERL, os.path.join(policyd_peers.PEERS, "usr/sbin/postfwd1"), "--daemon", "--file", rules, "--interface",
                                 "127.0.0.1", "--port", str(port), "--user", "nobody", "--group", "nogroup", "--pidfile", pidfile])
    pid = policyd_peers.start(place, "postfwd rbl", ["/usr/bin/unshare"], argv[1:], port, pidfile=pidfile)
    if pid is not None:
        with Policy(("127.0.0.1", port)) as c:
            answer = c.ask(client_address="10.201.240.240", instance="1")
            if not answer.startswith("554"):
                print(f"  postfwd does not see the lists: {answer}")
        policyd_peers.measure(f"postfwd rbl, {policyd_peers.CONNECTIONS} connections", port, pid, seconds, 0, 16_000_000)
        os.kill(pid, signal.SIGTERM)


def run(place, options, zones):
    print("policyd: eight cold lists with others")
    measure_postscreen(place, zones, options.seconds)
    measure_postfwd(place, zones, options.seconds)
