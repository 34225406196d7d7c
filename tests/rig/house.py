"""A whole house for an end-to-end test: Postfix, the three daemons, an inner server, a DNSBL.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import unittest

from . import mails, smtp
from .dnsbl import Dnsbl
from .gatepost import DAEMONS, Gatepost
from .inner import Inner
from .place import Place, wait_for
from .postfix import Postfix

LISTED, TRUSTED = "127.0.0.66", "127.0.0.9"


class House:
    """sections: YAML text of recipients, policy, filter (each a flow mapping or scalar) in place of the defaults here."""

    def __init__(self, place, services=("mx-in.cf",), mode="enforce", recipients="{addresses: [bob@example.com, carol@example.com]}",
                 policy="", filter="", virus="{database: db, trusted_databases: [demo.ndb]}", more="", main=""):
        self.place = place
        self.inner = Inner(place)
        self.dns = Dnsbl(place, {"dnsbl.example": {LISTED: ("127.0.0.2", "listed for the test")}})
        self.filter_port = place.port()
        self.postfix = Postfix(place, {s: place.port() for s in services}, self.filter_port, self.inner.port, main)
        place.write("db/demo.ndb", mails.signature_database())
        self.parts = {"mode": mode, "recipients": recipients, "policy": policy, "filter": filter, "virus": virus, "more": more}
        self.gatepost = Gatepost(place, self.yaml())

    def yaml(self, **changes):
        p = dict(self.parts, **changes)
        return f"""\
mode: {p['mode']}
domains: [example.com]
networks: {{trusted: [{TRUSTED}]}}
process: {{user: nobody, run_directory: run, state_directory: state, hostname: mx.example.com}}
listen: {{socketmap: "unix:queue/gatepost/socketmap.sock", policy: "unix:queue/gatepost/policy.sock", filter: "127.0.0.1:{self.filter_port}", mode: "0666"}}
recipients: {p['recipients']}
policy: {{dns: {{servers: ["127.0.0.1:{self.dns.port}"]}}, dnsbl: [{{name: demolist, zone: dnsbl.example}}]{p['policy']}}}
filter: {{reinject: "127.0.0.1:{self.postfix.reinject_port}", virus: {p['virus']}{p['filter']}}}
log: {{level: debug}}
{p['more']}
"""

    def start(self, engine=True):
        self.gatepost.start()
        if engine:
            self.gatepost.wait_engine()
        self.postfix.start()
        return self

    def reload(self, **changes):
        self.gatepost.configure(self.yaml(**changes))
        return self.gatepost.ctl("reload")

    def send(self, message=None, sender="alice@sender.example", to="bob@example.com", source="127.0.0.1", service="mx-in.cf", **more):
        to = [to] if isinstance(to, str) else to
        return smtp.deliver(("127.0.0.1", self.postfix.port(service)), sender, to, message or mails.plain(), source, **more)

    def logs(self):
        return "\n".join(f"--- {n}\n{self.place.log(n)[-6000:]}" for n in DAEMONS) + "\n--- Postfix\n" + self.postfix.log_text()[-3000:]


class HouseTest(unittest.TestCase):
    """One house for all tests of a class; `options` are House's.  A failing test shows the logs."""

    options = {}
    engine = True

    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        try:
            cls.house = House(cls.place, **cls.options)
            cls.prepare()
            cls.house.start(cls.engine)
        except BaseException:
            for name in DAEMONS:
                print(f"--- {name}\n{cls.place.log(name)[-4000:]}")
            cls.place.close()
            raise

    @classmethod
    def prepare(cls):
        """Before the daemons start."""

    @classmethod
    def tearDownClass(cls):
        cls.place.close()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(self.house.logs())

    def assertReply(self, outcome, code, text=""):
        self.assertEqual(outcome.code, code, str(outcome))
        self.assertIn(text, f"{outcome.code} {outcome.reply.text}")

    def eventually(self, what, test, seconds=10):
        wait_for(what, test, seconds)

    def assertLogged(self, daemon, text):
        """The reply may reach the client before the line reaches the log."""
        self.eventually(f"{text} in the log of {daemon}", lambda: text in self.place.log(daemon))
