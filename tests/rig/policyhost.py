"""One or several hosts with a policyd each, that share a store.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from .gatepost import Gatepost
from .place import Place
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
