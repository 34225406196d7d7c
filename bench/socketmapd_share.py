"""socketmapd on two hosts: how long a follower takes for a generation of 100,000 addresses, with look-ups going on.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import threading
import time

from echoes import Figures
from rig.gatepost import Gatepost
from rig.place import Place, wait_for
from rig.redis import Redis
from rig.slapd import BASE, SYNCPROV, Slapd

KNOWN, MORE = 1_000, 100_000


def people(n):
    return "".join(f"dn: uid=p{i},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: gatepostTestRecipient\nuid: p{i}\ncn: p{i}\nsn: p{i}\n"
                   f"proxyAddresses: SMTP:user{i}@example.com\n\n" for i in range(n))


def slapd(place, n):
    return Slapd(place, people=(), more_ldif=people(n), conf=SYNCPROV["conf"] + "\nsizelimit unlimited", quick=True, name=f"slapd-{n}",
                 db_conf=SYNCPROV["db_conf"] + "\nmaxsize 8589934592\nmaxentrysize 0").start()


def yaml(directory, redis, share):
    return f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{socketmap: "unix:map.sock", mode: "0666"}}
store: {{type: redis, redis: {{server: "inet:127.0.0.1:{redis.port}"}}}}
recipients: {{profile: active-directory, servers: ["{directory.url}"], base: "{BASE}", tls: none, query_timeout: 30s, sync: {{share: {share}, max_removed: 100}}}}
filter: {{reinject: "127.0.0.1:1"}}
log: {{level: info}}
"""


def status(gatepost):
    return gatepost.ctl("recipient", "sync", "status").stdout


def load(host, gatepost, seconds):
    f = Figures()
    f.measure("socketmap", host.path("map.sock"), gatepost.processes["socketmapd"].pid, 1, seconds, KNOWN)
    return f.p999[0]


def until_in_force(gatepost):
    """From the start of the daemon on, so that its own start counts too."""
    begun = time.monotonic()
    gatepost.start("socketmapd")
    wait_for("the generation is in force", lambda: "in force here" in status(gatepost), 60)
    return time.monotonic() - begun


def follow(host, gatepost, seconds):
    """With the small set on disk, and somebody who asks for what is in it all the time."""
    took, during = [], []
    thread = threading.Thread(target=lambda: took.append(until_in_force(gatepost)))
    thread.start()
    wait_for("it answers", lambda: "OK" in gatepost.ctl("recipient", "why", "user1@example.com").stdout, 20)
    during.append(load(host, gatepost, seconds))
    thread.join()
    quiet = load(host, gatepost, seconds)
    print(f"  {MORE} new addresses are in force after {took[0]:.2f} s with look-ups going on (asked 2); their p99.9 meanwhile {during[0]:.0f} us, "
          f"quiet {quiet:.0f} us", flush=True)


def run(place, options):
    print(f"socketmapd: a follower takes {MORE} addresses out of Redis")
    redis, small, large = Redis(place).start(), slapd(place, KNOWN), slapd(place, KNOWN + MORE)
    leader = Gatepost(place, yaml(large, redis, "yes")).start("socketmapd")
    wait_for("the leader's generation", lambda: "generation " in status(leader), 120)
    other = Place()
    try:
        follower = Gatepost(other, yaml(small, redis, "no")).start("socketmapd")
        wait_for("a small set", lambda: "FRESH" in status(follower), 60)
        follower.stop("socketmapd")
        follower.configure(yaml(large, redis, "yes"))
        follow(other, follower, options.seconds)
        follower.stop("socketmapd")
        print(f"  a restarted follower is sure of its set after {until_in_force(follower):.2f} s", flush=True)
        follower.stop("socketmapd")
        os.unlink(other.path("state/recipients/ldap.set"))
        print(f"  from nothing to the set in force: {until_in_force(follower):.2f} s", flush=True)
        follower.stop("socketmapd")
    finally:
        other.close()
    leader.stop("socketmapd")
    small.stop()
    large.stop()
    redis.stop()
