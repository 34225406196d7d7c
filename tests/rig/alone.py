"""cfilter by itself, between a client of ours and a next hop that does as it is told.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re

from . import mails, smtp
from .gatepost import Gatepost
from .nexthop import NextHop
from .place import soft_limit
from .placetest import PlaceTest

ENVELOPE = ("EHLO front.example.com", "XFORWARD NAME=mx.sender.example ADDR=192.0.2.7", "MAIL FROM:<alice@sender.example>",
            "RCPT TO:<bob@example.com>", "DATA")


def child_pids(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def process_name(pid):
    """"" when it has ended, also before its end was taken note of."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            head, state = f.read().rsplit(")", 1)
        return "" if state.split()[0] in "ZX" else head.split("(", 1)[1]
    except OSError:
        return ""


class Alone:
    """keep: most scripts of the next hop are for a connection with one message."""

    def __init__(self, place, filter="", keep="0s", virus="{database: db, trusted_databases: [demo.ndb]}", more=""):
        self.place = place
        self.port, self.made = place.port(), 0
        self.hop = NextHop(place)
        place.write("db/demo.ndb", mails.signature_database())
        self.parts = {"filter": filter, "keep": keep, "virus": virus, "more": more}
        self.gatepost = Gatepost(place, self.yaml())

    def yaml(self, **changes):
        p = dict(self.parts, **changes)
        return f"""\
mode: enforce
process: {{user: nobody, run_directory: run, state_directory: state, hostname: mx.example.com}}
listen: {{filter: "127.0.0.1:{self.port}"}}
filter: {{reinject: "127.0.0.1:{self.hop.port}", reinject_keep: {p['keep']}, virus: {p['virus']}{p['filter']}}}
log: {{level: debug}}
{p['more']}
"""

    @property
    def pid(self):
        return self.gatepost.processes["cfilter"].pid

    def holders(self):
        """The engine holder in use is the first; while a new one loads there are two."""
        return sorted(p for p in child_pids(self.pid) if any(process_name(w) == "scan-worker" for w in child_pids(p)))

    def workers(self):
        return [w for h in self.holders() for w in child_pids(h) if process_name(w) == "scan-worker"]

    def start(self, engine=True):
        self.gatepost.start("cfilter")
        if engine:
            self.gatepost.wait_engine()
        return self

    def client(self):
        return smtp.Client(("127.0.0.1", self.port))

    def until(self, last, client):
        """The dialogue up to and with the command that begins with `last`; its reply."""
        for line in ENVELOPE:
            reply = client.cmd(line)
            if line.startswith(last) or reply.code not in (250, 354):
                return reply
        return None

    def ordinary(self):
        """One that nobody has seen: what killed a worker is known again by its body."""
        self.made += 1
        return mails.plain("Minutes of the meeting", f"Dear Bob,\r\n\r\nhere is what we agreed on in meeting {self.made}.\r\n.\r\n..two dots\r\nAlice\r\n".encode())

    def send(self, message=None, **more):
        return smtp.deliver(("127.0.0.1", self.port), "alice@sender.example", ["bob@example.com"], message or self.ordinary(), **more)

    def count(self, name):
        """One of its counters, by name and perhaps {label="value"}."""
        found = re.search(r"^gatepost_cfilter_" + re.escape(name) + r" (\S+)$", self.gatepost.ctl("stats").stdout, re.M)
        return float(found.group(1))

    def outcomes(self):
        """What became of the messages that were given to the scanners, by name."""
        found = re.findall(r"^gatepost_cfilter_scans_total{outcome=\"(\w+)\"} (\d+)$", self.gatepost.ctl("stats").stdout, re.M)
        return {name: int(value) for name, value in found}

    def limit(self, pid, name, soft):
        soft_limit(pid, name, soft)


class AloneTest(PlaceTest):
    """One cfilter for all tests of a class; `options` are Alone's.  Whatever a test does, the front must live through it."""

    daemons = ("cfilter",)
    options = {}
    engine = True

    @classmethod
    def make(cls):
        cls.alone = Alone(cls.place, **cls.options)
        cls.prepare()
        cls.alone.start(cls.engine)

    def setUp(self):
        self.front = self.alone.pid

    def tearDown(self):
        self.alone.hop.script = {}
        self.alone.hop.scripts.clear()
        self.assertEqual(self.alone.pid, self.front)
        self.assertIsNone(self.alone.gatepost.processes["cfilter"].poll(), "the front has ended")

    def assertReply(self, outcome, code, text=""):
        self.assertEqual(outcome.code, code, str(outcome))
        self.assertIn(text, str(outcome))


SANITIZED = "san" in os.environ.get("GATEPOST_BUILD", "")
