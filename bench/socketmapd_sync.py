"""socketmapd over a whole directory: a million addresses out of a real slapd, answers while it is read, and a real Postfix in front.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import statistics
import subprocess
import time

from echoes import Figures, compare
from processes import rss_mb
from rig.gatepost import Gatepost
from rig.place import BUILD, answers, wait_for
from rig.postfix import PEERS, Postfix
from rig.slapd import BASE, SYNCPROV, Slapd

ENTRIES, EACH = 100_000, 10
KEYS = ENTRIES * EACH
ROUNDS = 3


def people():
    for e in range(ENTRIES):
        first = e * EACH
        proxies = "".join(f"proxyAddresses: {'SMTP' if i == first else 'smtp'}:user{i}@example.com\n" for i in range(first, first + EACH))
        yield (f"dn: uid=p{e},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: gatepostTestRecipient\nuid: p{e}\ncn: p{e}\nsn: p{e}\n"
               f"mail: user{first}@example.com\n{proxies}\n")


def yaml(slapd, socket):
    return f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{socketmap: "unix:{socket}", mode: "0666"}}
recipients: {{profile: active-directory, servers: ["{slapd.url}"], base: "{BASE}", tls: none, query_timeout: 30s}}
filter: {{reinject: "127.0.0.1:1"}}
log: {{level: error}}
"""


def status(gatepost):
    return gatepost.ctl("recipient", "sync", "status").stdout


def wait_fresh(gatepost, than=""):
    wait_for("the reading", lambda: "FRESH" in status(gatepost) and "reading" not in status(gatepost) and status(gatepost) != than, 300)


def one_connection(path, pid, seconds):
    f = Figures()
    f.measure("socketmap", path, pid, 1, seconds, KEYS)
    return f


def burner(place):
    """Load like that of a reading: one process of low priority that never rests."""
    return place.start("burner", ["/usr/bin/nice", "-n", "10", "/bin/sh", "-c", "while :; do :; done"])


def while_reading(place, gatepost, path, options):
    """p99.9 under an equal load of the CPU, without and with a reading of 100,000 entries."""
    daemon = gatepost.processes["socketmapd"]
    loaded, reading, took = [], [], []
    for _ in range(ROUNDS):
        b = [burner(place), burner(place)]
        loaded.append(one_connection(path, daemon.pid, options.seconds).p999[0])
        for p in b:
            place.stop(p)
        begun = time.monotonic()
        gatepost.ctl("recipient", "sync", "now")
        reading.append(one_connection(path, daemon.pid, options.seconds).p999[0])
        wait_fresh(gatepost)
        took.append(time.monotonic() - begun)
    m = statistics.median
    print(f"  p99.9 with two busy processes beside it {m(loaded):.0f} us, while {ENTRIES} entries are read {m(reading):.0f} us: "
          f"{m(reading) / m(loaded):.2f} (asked at most 1.5); a reading takes {m(took):.1f} s (asked 30)", flush=True)


def rcpt(port, seconds):
    said = subprocess.run([os.path.join(BUILD, "bench", "rcpt_load"), str(port), str(seconds), str(KEYS)], check=True, capture_output=True,
                          text=True, timeout=seconds + 30).stdout.split()
    if int(said[4]) > 0:
        raise RuntimeError(f"{said[4]} of {said[0]} recipients were refused")
    return int(said[2])


def through_postfix(place, slapd, options):
    """One RCPT of a real smtpd with each kind of map, in turn."""
    ldap = place.write("recipients.ldap", f"server_host = {slapd.url}\nsearch_base = {BASE}\nquery_filter = (proxyAddresses=smtp:%s)\n"
                                          "result_attribute = uid\nversion = 3\nbind = no\n")
    maps = {"static": "static:x", "socketmap": "socketmap:unix:gatepost/socketmap.sock:recipients", "ldap": f"ldap:{ldap}"}
    ports = {name: place.port() for name in maps}
    lines = "".join(f"127.0.0.1:{ports[n]} inet n - {'n' if n == 'ldap' else 'y'} - - smtpd\n  -o {{ relay_recipient_maps = {m} }}\n"
                    # RSET counts as junk, of which Postfix takes a hundred before it slows down.
                    "  -o smtpd_junk_command_limit=1000000 -o smtpd_error_sleep_time=0\n"
                    "  -o { smtpd_recipient_restrictions = reject_unlisted_recipient, reject_unauth_destination }\n" for n, m in maps.items())
    postfix = Postfix(place, {}, place.port(), place.port(), master=lines).start()
    for port in ports.values():
        wait_for("Postfix", lambda p=port: answers(("127.0.0.1", p)))
    p50 = {name: [] for name in maps}
    for _ in range(ROUNDS):
        for name in maps:
            p50[name].append(rcpt(ports[name], options.seconds))
    for name in maps:
        ratio = statistics.median(a / b for a, b in zip(p50[name], p50["static"]))
        asked = " (asked at most 1.15)" if name == "socketmap" else ""
        print(f"  RCPT through smtpd with {name}: p50 {statistics.median(p50[name]):.0f} us, {ratio:.2f} of static{asked}", flush=True)
    postfix.stop()


def run(place, options):
    print(f"socketmapd: {KEYS} addresses of {ENTRIES} entries, out of a real slapd")
    os.makedirs(place.path("queue/gatepost"), exist_ok=True)
    begun = time.monotonic()
    conf = SYNCPROV["conf"] + "\nsizelimit unlimited"
    slapd = Slapd(place, people=(), more_ldif="".join(people()), conf=conf, quick=True,
                  db_conf=SYNCPROV["db_conf"] + "\nindex proxyAddresses eq\nmaxsize 8589934592\nmaxentrysize 0").start()
    print(f"  (slapd filled in {time.monotonic() - begun:.0f} s)", flush=True)
    path = place.path("queue/gatepost/socketmap.sock")
    place.folder("queue/gatepost", 0o777)
    begun = time.monotonic()
    gatepost = Gatepost(place, yaml(slapd, path)).start("socketmapd")
    empty = rss_mb(gatepost.processes["socketmapd"].pid)
    wait_fresh(gatepost)
    print(f"  read and in force after {time.monotonic() - begun:.1f} s", flush=True)
    pid = gatepost.processes["socketmapd"].pid
    compare(place, "socketmap", path, pid, options.seconds, KEYS)
    print(f"  memory {rss_mb(pid):.0f} MB, {(rss_mb(pid) - empty) * 1e6 / KEYS:.0f} bytes a recipient (asked at most 60)", flush=True)
    while_reading(place, gatepost, path, options)
    if os.geteuid() == 0 and os.path.isdir(PEERS):
        through_postfix(place, slapd, options)
    gatepost.stop("socketmapd")
    slapd.stop()
