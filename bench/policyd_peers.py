"""What policyd is measured beside: other policy daemons of Debian, each with one limit, or greylisting, and asked the same question.

A peer that cannot be had or does not start is told and left out.  CPU is that of all its processes.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import signal
import subprocess
import time

from processes import tree_cpu_s
from rig.place import BUILD, ROOT, answers, wait_for

PEERS = os.path.join(ROOT, "build", "peers", "root")
CONNECTIONS, KEYS = 8, 100
PERL = ["/usr/bin/perl", *(f"-I{os.path.join(PEERS, p)}" for p in ("usr/share/perl5", "usr/lib/x86_64-linux-gnu/perl5/5.36")), "-T"]
PYTHON = os.path.join(PEERS, "usr/lib/python3/dist-packages")


def load(port, seconds, keys):
    said = subprocess.run([os.path.join(BUILD, "bench", "load"), "policy", str(port), str(CONNECTIONS), str(seconds), str(keys)],
                          check=True, capture_output=True, text=True).stdout.split()
    return int(said[0]), float(said[1]), int(said[2]), int(said[3]), int(said[5])


def measure(name, port, pid, seconds, warm, keys=KEYS):
    try:
        for _ in range(warm):
            load(port, 1, keys)
            time.sleep(1.2)                  # what a greylist asks for
        before = tree_cpu_s(pid)
        n, took, p50, p99, bad = load(port, seconds, keys)
    except subprocess.CalledProcessError as e:
        print(f"  {name}: does not bear it: {e.stderr.strip()[-200:]}")
        return
    told = f", {bad} other answers than DUNNO" if bad else ""
    print(f"  {name:34} {n / took:9.0f}/s        {(tree_cpu_s(pid) - before) / n * 1e6:6.1f} us CPU   p50 {p50}  p99 {p99} us{told}", flush=True)


def start(place, name, program, argv, port, env=None, pidfile=None):
    """The pid, of the daemon that it becomes where there is a pidfile; or None."""
    if not os.path.exists(program[-1]):
        print(f"  {name}: not here (DEPS_BENCH=1 tests/deps.sh)")
        return None
    p = place.start(name, [*program, *argv], env=env)
    try:
        wait_for(name, lambda: answers(("127.0.0.1", port)) or (p.poll() or 0) > 0, 15)
    except TimeoutError:
        pass
    if not answers(("127.0.0.1", port)):
        print(f"  {name}: does not start: {place.log(name)[-300:]}")
        return None
    if pidfile is None:
        return p.pid
    with open(pidfile, encoding="ascii") as f:
        pid = int(f.read())
    place.closers.append(lambda: os.path.exists(f"/proc/{pid}") and os.kill(pid, signal.SIGKILL))
    return pid


def postfwd(place, port):
    rules = place.write("postfwd.cf", "id=R1; action=rate(client_address/1000000/3600/450 4.7.1 too many)\n")
    pidfile = place.path("postfwd.pid")
    return start(place, "postfwd", [*PERL, os.path.join(PEERS, "usr/sbin/postfwd1")],
                 ["--daemon", "--file", rules, "--interface", "127.0.0.1", "--port", str(port), "--user", "nobody", "--group", "nogroup", "--pidfile", pidfile],
                 port, pidfile=pidfile)


def postgrey(place, port):
    folder = place.folder("postgrey", 0o777)
    for name in ("clients", "recipients"):
        place.write(name, "")
    return start(place, "postgrey", [*PERL, os.path.join(PEERS, "usr/sbin/postgrey")],
                 [f"--inet=127.0.0.1:{port}", f"--dbdir={folder}", "--delay=1", "--user=nobody", "--group=nogroup",
                  f"--whitelist-clients={place.path('clients')}", f"--whitelist-recipients={place.path('recipients')}", "--auto-whitelist-clients=0"], port)


def policyd_rate_limit(place, port):
    folder = place.folder("prl", 0o777)
    config = place.write("prl.yaml", f"""\
debug: false
user: nobody
group: nogroup
pidfile: {folder}/pid
backend: 0
sqlite_config: {{database: {folder}/db.sqlite3}}
SOCKET: ["127.0.0.1", {port}]
limits: [[1000000, 60]]
limits_by_id: {{}}
limit_by_sasl: true
limit_by_sender: true
limit_by_ip: true
limited_networks: ["0.0.0.0/0"]
success_action: dunno
fail_action: defer_if_permit
db_error_action: dunno
report: false
""")
    return start(place, "policyd-rate-limit", ["/usr/bin/python3", os.path.join(PEERS, "usr/bin/policyd-rate-limit")], ["--file", config], port,
                 {"PYTHONPATH": PYTHON})


def run(place, options):
    print(f"policyd: other policy daemons, {CONNECTIONS} connections, one limit or greylisting")
    for name, begin, warm in (("postfwd rate()", postfwd, 1), ("policyd-rate-limit", policyd_rate_limit, 1), ("postgrey", postgrey, 2)):
        port = place.port()
        pid = begin(place, port)
        if pid is not None:
            measure(name, port, pid, options.seconds, warm)
            os.kill(pid, signal.SIGTERM)
