"""A daemon beside a bare echo server: rounds in turn, medians, CPU a request beside the rate.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import statistics
import subprocess

from processes import cpu_s
from rig.place import BUILD, answers, wait_for

ROUNDS = 3


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
    for connections in (1, 10, 50):
        limit, ours = Figures(), Figures()
        for _ in range(ROUNDS):
            limit.measure(kind, echo_path, echo.pid, connections, seconds, keys)
            ours.measure(kind, daemon_path, daemon_pid, connections, seconds, keys)
        limit.row(f"bare {kind} echo, {connections} connections")
        ours.row(f"gatepost, {connections} connections", limit)
    place.stop(echo)


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
