"""A whole house for an end-to-end test: Postfix, the three daemons, an inner server, a DNSBL.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from . import mails, smtp
from .dnsbl import Dnsbl
from .gatepost import DAEMONS, Gatepost
from .inner import Inner
from .placetest import PlaceTest
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


class HouseTest(PlaceTest):
    """One house for all tests of a class; `options` are House's."""

    daemons = DAEMONS
    options = {}
    engine = True

    @classmethod
    def make(cls):
        cls.house = House(cls.place, **cls.options)
        cls.prepare()
        cls.house.start(cls.engine)

    @classmethod
    def logs(cls):
        return super().logs() + (f"\n--- Postfix\n{cls.house.postfix.log_text()[-3000:]}" if hasattr(cls, "house") else "")

    def assertReply(self, outcome, code, text=""):
        self.assertEqual(outcome.code, code, str(outcome))
        self.assertIn(text, f"{outcome.code} {outcome.reply.text}")
