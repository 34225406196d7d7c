"""A temporary folder, free ports, and processes that end with it.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import fcntl
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("GATEPOST_BUILD", "build"))
USER = "nobody"
PORTS = (12000, 32000)
PORTS_TAKEN = os.path.join(tempfile.gettempdir(), "gatepost-test-ports")


class Ports:
    """Ports that this process has given out, told to other tests by a lock on that byte of a file: a server that is stopped for a while, or
    never started, keeps its port."""

    taken, file = set(), None

    @staticmethod
    def open():
        try:                             # who may write to another's file in /tmp may still not open it with O_CREAT (fs.protected_regular)
            return os.open(PORTS_TAKEN, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            old = os.umask(0)
            try:
                return os.open(PORTS_TAKEN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            finally:
                os.umask(old)

    @classmethod
    def take(cls, port):
        if cls.file is None:
            cls.file = cls.open()        # never closed: that would end the locks
        if port in cls.taken:
            return False
        try:
            fcntl.lockf(cls.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        cls.taken.add(port)
        return True

    @classmethod
    def give_back(cls, ports):
        for port in ports:
            fcntl.lockf(cls.file, fcntl.LOCK_UN, 1, port)
            cls.taken.discard(port)


def wait_for(what, test, seconds=20.0):
    """Waits until test() is true; the error names what did not come."""
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: nothing after {seconds:g} s")
        time.sleep(0.02)


def answers(address):
    """Whether something accepts connections at (host, port) or at a socket path."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        try:
            s.connect(address)
            return True
        except OSError:
            return False


def soft_limit(pid, name, soft):
    """Sets the soft limit (a prlimit(1) option) of a daemon's process; a later one may go up to the hard limit, which stays.  Its own user may do
    that, where root without CAP_SYS_RESOURCE may not."""
    user = pwd.getpwnam(USER)
    subprocess.run(["/usr/bin/prlimit", f"--pid={pid}", f"--{name}={soft}:"], check=True, user=user.pw_uid, group=user.pw_gid, extra_groups=[],
                   cwd="/")


class Place:
    """with Place() as place: ...   On the way out every process is stopped, the folder removed."""

    def __init__(self, keep=False, prefix="gatepost-"):
        # Short, because a unix socket's path has 107 bytes.
        self.dir = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.keep = keep
        self.processes = []          # (name, Popen)
        self.closers = []
        self._ports = set()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()

    def close(self):
        for closer in reversed(self.closers):
            closer()
        self.closers = []
        for name, p in reversed(self.processes):
            self.stop(p)
        self.processes = []
        Ports.give_back(self._ports)
        self._ports.clear()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text.encode() if isinstance(text, str) else text)
        os.chmod(path, mode)
        return path

    def folder(self, name, mode=0o755, user=None):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        if user is not None and os.geteuid() == 0:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def port(self):
        """A TCP and UDP port of 127.0.0.1 that nobody has now, and that no other place gives out.  Not one of those that the kernel
        gives to outgoing connections: it could be taken again before a server binds it."""
        while True:
            port = random.randrange(*PORTS)
            if not Ports.take(port):
                continue
            self._ports.add(port)
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as t, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
                try:
                    t.bind(("127.0.0.1", port))
                    u.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port

    def start(self, name, argv, env=None, **more):
        log = open(self.path(name + ".log"), "ab")
        full = dict(os.environ, **(env or {}))
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=full,
                             start_new_session=True, **more)
        log.close()
        self.processes.append((name, p))
        return p

    def stop(self, p, sig=signal.SIGTERM, seconds=10):
        """Ends one process (and, if it does not listen, its group)."""
        if p.poll() is None:
            try:
                os.kill(p.pid, signal.SIGCONT)
                os.kill(p.pid, sig)
            except ProcessLookupError:
                pass
            try:
                p.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
        self.processes = [(n, q) for n, q in self.processes if q is not p]
        return p.returncode

    def log(self, name):
        try:
            with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""
