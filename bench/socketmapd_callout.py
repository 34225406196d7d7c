"""socketmapd's call-outs: cold and warm, beside Postfix' own verify(8).

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import statistics
import time

from echoes import compare
from rig import smtp
from rig.gatepost import Gatepost
from rig.innersmtp import InnerSmtp
from rig.place import answers, wait_for
from rig.postfix import PEERS, Postfix
from rig.raw import Socketmap, netstring

COLD, CLIENTS, WARM_KEYS = 4000, 50, 1000


def yaml(path, inner):
    return f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state, hostname: mx.example.com}}
listen: {{socketmap: "unix:{path}", mode: "0666"}}
recipients: {{callout: "127.0.0.1:{inner.port}", connections: 4}}
filter: {{reinject: "127.0.0.1:1"}}
log: {{level: error}}
"""


def cold_rate(path):
    """So many addresses that nobody has asked for, over 50 connections."""
    clients = [Socketmap(path, 60) for _ in range(CLIENTS)]
    begun = time.monotonic()
    for i in range(COLD):
        clients[i % CLIENTS].send(netstring(f"recipients cold{i}@example.com".encode()))
    wrong = sum(clients[i % CLIENTS].reply() != "OK x" for i in range(COLD))
    took = time.monotonic() - begun
    for c in clients:
        c.sock.close()
    if wrong:
        raise RuntimeError(f"{wrong} of {COLD} were not found")
    return COLD / took


def one_cold(path, n=50):
    with Socketmap(path) as c:
        took = []
        for i in range(n):
            begun = time.monotonic()
            c.ask(f"single{i}@example.com")
            took.append(time.monotonic() - begun)
    return statistics.median(took)


def one_by_verify(place, inner):
    """An address that verify(8) has not seen yet, through smtpd."""
    port = place.port()
    lines = (f"127.0.0.1:{port} inet n - y - - smtpd\n  -o {{ relay_recipient_maps = static:x }}\n"
             "  -o { smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient }\n")
    postfix = Postfix(place, {}, place.port(), inner.port, main="address_verify_map =", master=lines).start()
    wait_for("Postfix", lambda: answers(("127.0.0.1", port)))
    took = []
    with smtp.Client(("127.0.0.1", port)) as c:
        c.cmd("EHLO bench.example")
        c.cmd("MAIL FROM:<a@sender.example>")
        for i in range(3):
            begun = time.monotonic()
            c.cmd(f"RCPT TO:<verify{i}@example.com>")
            took.append(time.monotonic() - begun)
    postfix.stop()
    return statistics.median(took)


class Everybody:
    """All addresses but random ones exist."""

    def __contains__(self, address):
        return not address.startswith("gatepost-")

    def add(self, address):
        pass


def run(place, options):
    print("socketmapd: call-outs to a server on loopback (of Python)")
    inner = InnerSmtp(place)
    inner.known = Everybody()
    path = place.path("map.sock")
    gatepost = Gatepost(place, yaml(path, inner)).start("socketmapd")
    with Socketmap(path) as c:
        c.ask("first@example.com")
    print(f"  cold, {CLIENTS} connections: {cold_rate(path):.0f}/s (asked 1000); one at a time: {one_cold(path) * 1000:.2f} ms each", flush=True)
    if os.geteuid() == 0 and os.path.isdir(PEERS):
        print(f"  cold, Postfix' verify(8): {one_by_verify(place, inner) * 1000:.0f} ms each", flush=True)
    with Socketmap(path) as c:
        for i in range(WARM_KEYS):
            c.ask(f"user{i}@example.com")
    compare(place, "socketmap", path, gatepost.processes["socketmapd"].pid, options.seconds, WARM_KEYS)
    gatepost.stop("socketmapd")
