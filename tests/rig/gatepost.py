"""The three daemons and gatepostctl, on one gatepost.yaml in a place.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import signal
import subprocess

from .place import BUILD, USER, answers, wait_for

DAEMONS = ("socketmapd", "policyd", "cfilter")


class Gatepost:
    def __init__(self, place, text, user=USER):
        self.place = place
        self.user = user
        self.wrap = []               # goes before the daemons' command lines
        self.pass_fds = ()           # that they inherit
        for name in ("run", "state"):
            place.folder(name, 0o755, user)
        self.file = place.write("gatepost.yaml", text)
        self.processes = {}

    def configure(self, text):
        self.file = self.place.write("gatepost.yaml", text)

    def binary(self, name):
        return os.path.join(BUILD, "bin", name)

    def start(self, *names, wait=True):
        for name in names or DAEMONS:
            self.processes[name] = self.place.start(name, [*self.wrap, self.binary("gatepost-" + name), "-f", "-c", self.file],
                                                    pass_fds=self.pass_fds)
        for name in (names or DAEMONS) if wait else ():
            p = self.processes[name]
            wait_for(f"gatepost-{name} (its log: {self.place.path(name + '.log')})",
                     lambda n=name, q=p: q.poll() is not None or answers(self.place.path("run", n + ".ctl")), 30)
            if p.poll() is not None:
                raise RuntimeError(f"gatepost-{name} ended with {p.returncode}: {self.place.log(name)}")
        return self

    def wait_engine(self, seconds=30):
        """cfilter is up at once; its signature database takes a moment."""
        probe = self.place.write("probe.eml", b"Subject: probe\r\n\r\nprobe\r\n")
        wait_for("the virus engine", lambda: self.ctl("scan", probe).returncode == 0, seconds)

    def stop(self, name, sig=signal.SIGTERM, seconds=10):
        return self.place.stop(self.processes.pop(name), sig, seconds)

    def reload(self, name):
        os.kill(self.processes[name].pid, signal.SIGHUP)

    def ctl(self, *args, timeout=60):
        argv = [self.binary("gatepostctl"), "-c", self.file, *args]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
