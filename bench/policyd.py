"""policyd beside a bare policy echo server: limits on the embedded store and in Redis, rules and cached DNS lists, greylisting.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import subprocess
import tempfile

import policyd_dns
import policyd_peers
from echoes import compare, yaml
from rig.dnsbl import Dnsbl
from rig.gatepost import Gatepost
from rig.place import BUILD, answers, wait_for

KEYS = ("client", "client/24", "sender", "sender_domain", "recipient")
CLIENTS = 200                        # of the measurement with cached lists


def limits(n):
    return "limits: [" + ", ".join(f"{{name: l{i}, key: [{k}], rate: 1000000/s}}" for i, k in enumerate(KEYS[:n])) + "]"


def measure(place, options, title, text, keys=10000, warm=False):
    print(f"policyd: {title}")
    gatepost = Gatepost(place, text).start("policyd")
    path = place.path("policy.sock")
    if warm:
        subprocess.run([os.path.join(BUILD, "bench", "load"), "policy", path, "4", "3", str(keys)], check=True, stdout=subprocess.DEVNULL)
    compare(place, "policy", path, gatepost.processes["policyd"].pid, options.seconds, keys)
    gatepost.stop("policyd")


def many_keys(place, keys):
    """The run file stands where /run does: in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else place.dir) as folder:
        said = [subprocess.run([os.path.join(BUILD, "bench", "store_start"), folder, str(keys), what], check=True, capture_output=True,
                               text=True).stdout.split() for what in ("fill", "start")]
    print(f"policyd: the embedded store with {keys:,} limits: {said[0][0]} bytes each (asked: 100), {float(said[0][1]):.2f} us to make one, "
          f"start in {int(said[1][0]) / 1000:.2f} s (asked: 2)")


def redis(place):
    path = place.path("redis.sock")
    place.start("redis", ["redis-server", "--port", "0", "--unixsocket", path, "--unixsocketperm", "777", "--save", "",
                          "--appendonly", "no", "--dir", place.dir])
    wait_for("redis", lambda: answers(path))
    return f"store: {{type: redis, redis: {{server: \"unix:{path}\"}}}}\n"


def lists(place):
    zones = [f"bl{i}.example" for i in range(8)]
    dns = Dnsbl(place, {z: {} for z in zones})
    return (f"dns: {{servers: [\"127.0.0.1:{dns.port}\"]}}, dnsbl: [" + ", ".join(f"{{name: b{i}, zone: {z}}}" for i, z in enumerate(zones)) +
            "], rules: {spoof: enforce, helo: enforce, deny: {clients: [203.0.113.0/24], hosts: [.bad.example]}}")


def run(place, options):
    place.write("people.txt", "bob@example.com\n")
    for words, text in (("no log, no events", yaml(limits(5))), ("the same, with log and events", yaml(limits(5), "yes", "info"))):
        measure(place, options, "five limits on the embedded store, " + words, text)
    asked = lists(place)
    for words, text in (("no log, no events", yaml(asked)), ("the same, with log and events", yaml(asked, "yes", "info"))):
        measure(place, options, "rules and eight cached DNS lists, " + words, text, CLIENTS, warm=True)
    measure(place, options, "greylisting of everybody, all have come again, no log, no events", yaml("greylist: {when: all, delay: 1s, auto_after: 0}"),
            warm=True)
    many_keys(place, 10_000_000)
    store = redis(place)
    for n, words in ((1, "one limit"), (5, "five limits")):
        measure(place, options, words + " in Redis, no log, no events", yaml(limits(n)) + store)
    policyd_dns.run(place, options)
    policyd_peers.run(place, options)
    return 0
