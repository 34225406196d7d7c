"""What cfilter is measured beside: each peer started in its own way, and asked the same question.

measure(size, n) -> Figure.  CPU is user and system time of the peer's own processes: neither generator nor next hop.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import collections
import itertools
import os
import socket
import subprocess
import time

from processes import tree_cpu_s
from rig.gatepost import Gatepost
from rig.place import BUILD, answers, wait_for
from rig.postfix import PEERS

SESSIONS = 8
CORES = os.cpu_count() or 1
SETTLE_S = 0.1                      # what a peer does after its last reply
Figure = collections.namedtuple("Figure", "cpu_ms rate p50_ms p99_ms")
first_number = itertools.count(1, 10_000_000)          # of each run's messages: all differ


def tool(name):
    return os.path.join(BUILD, "bench", name)


def said_by(argv, n):
    """"messages seconds p50_us p99_us bad" of one of the load programs."""
    return check(subprocess.run(argv, check=True, capture_output=True, text=True), n)


def check(done, n):
    words = done.stdout.split()
    if int(words[-1]) > 0 or int(words[0]) < n:
        raise RuntimeError(f"of {n} messages {words[-1]} got a wrong answer: {done.args} {done.stderr}")
    return words


class Sink:
    def __init__(self, place):
        self.port = place.port()
        place.start("sink", [tool("smtp_sink"), str(self.port)])
        wait_for("the sink", lambda: answers(("127.0.0.1", self.port)))

    def count(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            s.recv(100)
            s.sendall(b"COUNT\r\n")
            return int(s.recv(100).split()[1])


class Smtp:
    """Anything between the generator and the sink."""

    def __init__(self, name, sink, port, pids):
        self.name, self.sink, self.port, self.pids = name, sink, port, pids

    def cpu(self):
        return sum(tree_cpu_s(pid) for pid in self.pids)

    def measure(self, path, n):
        before, came = self.cpu(), self.sink.count()
        words = said_by([tool("smtp_load"), str(self.port), path, str(SESSIONS), str(n), str(next(first_number))], n)
        time.sleep(SETTLE_S)
        if self.sink.count() - came != n:
            raise RuntimeError(f"{self.name}: of {n} messages {self.sink.count() - came} reached the next hop")
        return Figure((self.cpu() - before) / n * 1e3, n / float(words[1]), int(words[2]) / 1e3, int(words[3]) / 1e3)


def start_floor(place, sink):
    port = place.port()
    p = place.start("floor", [tool("smtp_floor"), str(port), str(sink.port), str(SESSIONS)])
    wait_for("the floor proxy", lambda: answers(("127.0.0.1", port)))
    return Smtp("floor", sink, port, [p.pid])


# ---- gatepost ----

ALL_PARSERS = ""                    # the default
NO_SCAN = "virus: {mode: off}, spam: {mode: off}"


def scan(database, spam="{mode: off}", parsers=ALL_PARSERS):
    return f"virus: {{database: {database}}}, spam: {spam}" + (f", mime: {{parsers: {parsers}}}" if parsers else "")


def yaml(port, sink, filtering, told):
    return f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{filter: "127.0.0.1:{port}"}}
filter: {{reinject: "127.0.0.1:{sink.port}", {filtering}}}
events: {{enabled: {"yes" if told else "no"}}}
log: {{level: {"info" if told else "error"}}}
"""


class Cfilter(Smtp):
    def __init__(self, place, name, sink, filtering, told=False):
        port = place.port()
        self.place = place
        self.folder = place.folder("cf-" + "".join(c for c in name if c.isalnum()), 0o777)
        self.gatepost = Gatepost(SubPlace(place, self.folder), yaml(port, sink, filtering, told)).start("cfilter")
        if filtering != NO_SCAN:
            self.gatepost.wait_engine(120)
        super().__init__(name, sink, port, [self.gatepost.processes["cfilter"].pid])

    def stop(self):
        if "cfilter" in self.gatepost.processes:
            self.gatepost.stop("cfilter")


class SubPlace:
    """A folder of its own in a place, so that several instances run side by side."""

    def __init__(self, place, folder):
        self.place, self.dir = place, folder
        self.prefix = os.path.basename(folder)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        return self.place.write(os.path.join(self.prefix, name), text, mode)

    def folder(self, name, mode=0o755, user=None):
        return self.place.folder(os.path.join(self.prefix, name), mode, user)

    def start(self, name, argv, env=None, **more):
        return self.place.start(os.path.join(self.prefix, name), argv, env, **more)

    def stop(self, p, *args):
        return self.place.stop(p, *args)

    def log(self, name):
        return self.place.log(os.path.join(self.prefix, name))


# ---- programs that take one line a round ----

class Asked:
    """pool_load and clam_direct: a line in, a line out."""

    def __init__(self, place, name, argv):
        self.name, self.place = name, place
        self.log = open(place.path("asked.log"), "ab")
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        place.closers.append(self.stop)
        if self.p.stdout.readline() != "ready\n":
            raise RuntimeError(f"{name} does not start")

    def ask(self, path, n):
        self.p.stdin.write(f"{path} {n} {next(first_number)}\n")
        self.p.stdin.flush()
        words = self.p.stdout.readline().split()
        if not words or int(words[-1]) > 0:
            raise RuntimeError(f"{self.name}: wrong answers: {words}; {self.place.log('asked')[-500:]}")
        return words

    def stop(self):
        if self.p.poll() is None:
            self.p.stdin.close()
            self.p.wait(30)
            self.log.close()


class Direct(Asked):
    def __init__(self, place, name, database, fast_folder, malloc):
        super().__init__(place, name, [tool("clam_direct"), database, fast_folder, str(CORES), malloc])

    def measure(self, path, n):
        words = self.ask(path, n)
        return Figure(float(words[2]) / int(words[0]) * 1e3, int(words[0]) / float(words[1]), None, None)


class Pool(Asked):
    def __init__(self, place, name, database):
        folder = place.folder("pool", 0o777)
        for part in ("run", "state"):
            place.folder("pool/" + part, 0o755, "nobody")
        file = place.write("pool/gatepost.yaml", yaml(1, Port(2), scan(database, parsers="[libclamav]"), False))
        super().__init__(place, name, [tool("pool_load"), file, str(SESSIONS)])
        self.folder = folder

    def measure(self, path, n):
        before = tree_cpu_s(self.p.pid)
        words = self.ask(path, n)
        return Figure((tree_cpu_s(self.p.pid) - before) / n * 1e3, n / float(words[1]), int(words[2]) / 1e3, int(words[3]) / 1e3)


Port = collections.namedtuple("Port", "port")


# ---- clamd, clamsmtp ----

CLAMD, CLAMSMTP = (os.path.join(PEERS, "usr/sbin", name) for name in ("clamd", "clamsmtpd"))


class Clamd:
    """clamd as Debian sets it, but for its cache: each message differs.  `folder`: of its temporary files."""

    def __init__(self, place, name, database, folder):
        self.name, self.place = name, place
        file = "".join(c for c in name if c.isalnum())
        self.socket = place.path(file + ".sock")
        config = place.write(file + ".conf", f"""\
LocalSocket {self.socket}
DatabaseDirectory {database}
TemporaryDirectory {folder}
Foreground yes
DisableCache yes
SelfCheck 0
MaxThreads 12
StreamMaxLength 100M
""")
        self.p = place.start(file, [CLAMD, "--config-file=" + config])
        wait_for("clamd", lambda: os.path.exists(self.socket) and answers(self.socket), 120)

    def stop(self):
        self.place.stop(self.p)

    def measure(self, path, n):
        before = tree_cpu_s(self.p.pid)
        n = n // SESSIONS * SESSIONS or SESSIONS
        words = said_by([tool("instream_load"), self.socket, path, str(SESSIONS), str(n), str(next(first_number))], n)
        return Figure((tree_cpu_s(self.p.pid) - before) / n * 1e3, n / float(words[1]), int(words[2]) / 1e3, int(words[3]) / 1e3)


def start_clamsmtp(place, name, sink, clamd, folder):
    port = place.port()
    config = place.write("clamsmtpd.conf", f"""\
OutAddress: 127.0.0.1:{sink.port}
Listen: 127.0.0.1:{port}
ClamAddress: {clamd.socket}
TempDirectory: {folder}
""")
    p = place.start("clamsmtp", [CLAMSMTP, "-d", "1", "-f", config])
    wait_for("clamsmtp", lambda: answers(("127.0.0.1", port)))
    return Smtp(name, sink, port, [p.pid, clamd.p.pid])
