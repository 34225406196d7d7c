#!/usr/bin/env python3
"""run.py [SECONDS] - the daemons beside bare echo servers: ratios inside one run, CPU a request beside the rate.

Each pair is measured in turn, three rounds; the medians are printed.  Single figures depend on the machine and its noise; ratios less.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))
from rig import mails                       # noqa: E402
from rig.gatepost import Gatepost          # noqa: E402
from rig.postfix import PEERS              # noqa: E402
from rig.place import BUILD, Place, answers, wait_for   # noqa: E402

ROUNDS, KEYS = 3, 1_000_000
TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


class Figures:
    def __init__(self):
        self.rate, self.cpu_us, self.p50, self.p99, self.p999 = [], [], [], [], []

    def measure(self, kind, path, pid, connections, seconds, keys):
        before = cpu_s(pid)
        said = subprocess.run([os.path.join(BUILD, "bench", "load"), kind, path, str(connections), str(seconds), str(keys)],
                              check=True, capture_output=True, text=True).stdout.split()
        n, took = int(said[0]), float(said[1])
        if int(said[5]) > 0:
            raise RuntimeError(f"{said[5]} of {n} answers were not what they should be")
        self.rate.append(n / took)
        self.cpu_us.append((cpu_s(pid) - before) / n * 1e6)
        for store, value in zip((self.p50, self.p99, self.p999), said[2:5]):
            store.append(int(value))

    def row(self, name, than=None):
        m = statistics.median
        ratio = f"{m(a / b for a, b in zip(self.rate, than.rate)):5.2f}" if than else "     "
        print(f"  {name:34} {m(self.rate):9.0f}/s {ratio}  {m(self.cpu_us):6.2f} us CPU   p50 {m(self.p50):.0f}  p99 {m(self.p99):.0f}"
              f"  p99.9 {m(self.p999):.0f} us", flush=True)


def compare(place, kind, daemon_path, daemon_pid, seconds, keys):
    echo_path = place.path(f"echo-{kind}.sock")
    echo = place.start(f"echo-{kind}", [os.path.join(BUILD, "bench", "echo"), kind, echo_path])
    wait_for("the echo server", lambda: answers(echo_path))
    for connections in (1, 50):
        limit, ours = Figures(), Figures()
        for _ in range(ROUNDS):
            limit.measure(kind, echo_path, echo.pid, connections, seconds, keys)
            ours.measure(kind, daemon_path, daemon_pid, connections, seconds, keys)
        limit.row(f"bare {kind} echo, {connections} connections")
        ours.row(f"gatepost, {connections} connections", limit)
    place.stop(echo)


def tree(pid):
    """pid and all processes below it."""
    found = [pid]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found += tree(int(entry))
            except (OSError, ValueError, IndexError):
                pass
    return found


class Messages:
    """smtp-source and smtp-sink of Postfix: the same messages straight to the sink, and by way of cfilter."""

    def __init__(self, place):
        self.env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(PEERS, "usr/lib/postfix"))
        self.sink = place.port()
        place.start("sink", [os.path.join(PEERS, "usr/sbin/smtp-sink"), "-u", "nobody", f"127.0.0.1:{self.sink}", "1000"], self.env)
        wait_for("smtp-sink", lambda: answers(("127.0.0.1", self.sink)))

    def send(self, port, n, size, sessions):
        begun = time.monotonic()
        subprocess.run([os.path.join(PEERS, "usr/sbin/smtp-source"), "-s", str(sessions), "-m", str(n), "-l", str(size),
                        "-f", "a@sender.example", "-t", "bob@example.com", f"127.0.0.1:{port}"], env=self.env, check=True,
                       capture_output=True)
        return time.monotonic() - begun

    def compare(self, name, port, pid, n, size, sessions=8):
        ratio, rate, cpu = [], [], []
        for _ in range(ROUNDS):
            direct = self.send(self.sink, n, size, sessions)
            before = {p: cpu_s(p) for p in tree(pid)}
            ours = self.send(port, n, size, sessions)
            cpu.append(sum(cpu_s(p) - before.get(p, 0) for p in tree(pid)) / n * 1000)
            ratio.append(direct / ours)
            rate.append(n / ours)
        m = statistics.median
        print(f"  {name:34} {m(rate):9.0f}/s {m(ratio):5.2f} of direct  {m(cpu):6.3f} ms CPU a message", flush=True)


def filter_yaml(port, sink, mode):
    return f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{filter: "127.0.0.1:{port}"}}
filter: {{mode: {mode}, reinject: "127.0.0.1:{sink}", virus: {{mode: {mode}, database: db}}, spam: {{mode: off}}}}
events: {{enabled: no}}
log: {{level: error}}
"""


def bench_filter(place):
    messages = Messages(place)
    place.write("db/demo.ndb", mails.signature_database())
    for name, mode in (("cfilter, no scan", "off"), ("cfilter, virus scan, tiny database", "enforce")):
        port = place.port()
        gatepost = Gatepost(place, filter_yaml(port, messages.sink, mode))
        gatepost.start("cfilter")
        if mode != "off":
            gatepost.wait_engine()
        pid = gatepost.processes["cfilter"].pid
        messages.send(port, 50, 4000, 8)
        for size, n in ((4000, 2000), (60000, 500)):
            messages.compare(f"{name}, {size // 1000} kB", port, pid, n, size)
        gatepost.stop("cfilter")


def yaml(policy, told="no", level="error"):
    return f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{socketmap: "unix:map.sock", policy: "unix:policy.sock", filter: "unix:filter.sock", mode: "0666"}}
recipients: {{files: [people.txt]}}
policy: {{{policy}}}
filter: {{reinject: "127.0.0.1:1"}}
events: {{enabled: {told}}}
log: {{level: {level}}}
"""


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with Place() as place:
        os.chmod(place.dir, 0o777)
        place.write("people.txt", "".join(f"user{i}@example.com\n" for i in range(KEYS)))
        limits = ", ".join(f"{{name: l{i}, key: [{k}], rate: 1000000/s}}" for i, k in enumerate(
            ("client", "client/24", "sender", "sender_domain", "recipient")))
        gatepost = Gatepost(place, yaml(f"limits: [{limits}]"))
        print(f"socketmapd: static list of {KEYS} recipients")
        gatepost.start("socketmapd")
        pid = gatepost.processes["socketmapd"].pid
        print(f"  memory {rss_mb(pid):.0f} MB, {rss_mb(pid) * 1e6 / KEYS:.0f} bytes a recipient")
        compare(place, "socketmap", place.path("map.sock"), pid, seconds, KEYS)
        print("policyd: five limits on the embedded store, no log, no events")
        gatepost.start("policyd")
        compare(place, "policy", place.path("policy.sock"), gatepost.processes["policyd"].pid, seconds, 10000)
        gatepost.stop("policyd")
        print("policyd: the same, with log and events")
        gatepost.configure(yaml(f"limits: [{limits}]", "yes", "info"))
        gatepost.start("policyd")
        compare(place, "policy", place.path("policy.sock"), gatepost.processes["policyd"].pid, seconds, 10000)
        gatepost.stop("policyd")
        gatepost.stop("socketmapd")
        print("cfilter: between smtp-source and smtp-sink, 8 sessions")
        bench_filter(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
