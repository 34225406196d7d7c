"""One or several hosts with a policyd each, that share a store.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import threading
import time

from .gatepost import Gatepost
from .place import Place, wait_for
from .raw import Policy


class PolicyHost:
    """policyd by itself, in a place of its own."""

    def __init__(self, policy, store="{type: embedded}", more=""):
        self.place = Place()
        self.parts = {"policy": policy, "store": store, "more": more}
        self.gatepost = Gatepost(self.place, self.yaml())
        self.socket = self.place.path("run/policy.sock")

    def yaml(self, **changes):
        p = dict(self.parts, **changes)
        return f"""\
mode: enforce
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state, hostname: mx.example.com}}
listen: {{policy: "unix:run/policy.sock", mode: "0666"}}
store: {p['store']}
policy: {p['policy']}
log: {{level: debug}}
{p['more']}
"""

    def start(self):
        try:
            self.gatepost.start("policyd")
        except BaseException:
            print(self.place.log("policyd")[-4000:])
            self.place.close()
            raise
        return self

    def close(self):
        self.place.close()

    def connect(self):
        return Policy(self.socket)

    def message(self, *args, **more):
        with self.connect() as c:
            return c.message(*args, **more)

    def ctl(self, *words):
        return self.gatepost.ctl(*words)

    def log(self):
        return self.place.log("policyd")

    def wait_log(self, text):
        """The answer may be there before the line is."""
        wait_for(f"{text} in the log of policyd", lambda: text in self.log(), 10)


class Load(threading.Thread):
    """Asks about message after message until it is ended: none may be refused, none may wait for long."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host, self.over = host, threading.Event()
        self.answers, self.slowest, self.n = {}, 0.0, 0

    def run(self):
        with Policy(self.host.socket) as c:
            while not self.over.is_set():
                begun = time.monotonic()
                answer = c.message(client_address=f"10.1.{self.n % 200}.{self.n // 200 % 200}", sender=f"s{self.n}@sender.example")
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.answers[str(answer).split()[0]] = self.answers.get(str(answer).split()[0], 0) + 1
                self.n += 1

    def end(self):
        self.over.set()
        self.join(30)
        return self.answers
