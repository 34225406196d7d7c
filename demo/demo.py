#!/usr/bin/env python3
"""demo.py - a real Postfix with the three daemons in front of an accept-all server; good and bad mail; a table of what each got.

Everything runs on loopback, in one temporary folder.  Exit 0 only if each message got what it should.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from rig import mails, smtp                      # noqa: E402
from rig.dnsbl import Dnsbl                      # noqa: E402
from rig.gatepost import DAEMONS, Gatepost       # noqa: E402
from rig.inner import Inner                      # noqa: E402
from rig.place import Place            # noqa: E402
from rig.postfix import Postfix                  # noqa: E402
from rig.slapd import Slapd                      # noqa: E402

LISTED, FAST, TRUSTED = "127.0.0.66", "127.0.0.77", "127.0.0.9"

# The ten lines.  What they do not say is the default.
YAML = """\
mode: {mode}
domains: [example.com]
networks: {{trusted: [{trusted}]}}
process: {{user: nobody, run_directory: run, state_directory: state, hostname: mx.example.com}}
listen: {{socketmap: "unix:queue/gatepost/socketmap.sock", policy: "unix:queue/gatepost/policy.sock", filter: "127.0.0.1:{filter}", mode: "0666"}}
recipients: {{profile: openldap, servers: ["{ldap}"], base: "dc=example,dc=com", tls: none}}
policy: {{dns: {{servers: ["127.0.0.1:{dns}"]}}, dnsbl: [{{name: demolist, zone: dnsbl.example}}], rules: {{spoof: {spoof}}},
  limits: [{{name: per-client, key: [client], count: messages, rate: 3/h}}]}}
filter: {{reinject: "127.0.0.1:{reinject}", virus: {{database: db, trusted_databases: [demo.ndb]}}}}
"""

ID = re.compile(r"\(id ([0-9A-Z]{13})\)")


class Row:
    """One message and what it must get."""

    def __init__(self, name, message, want, observe, sender="alice@sender.example", to="bob@example.com", source=None,
                 text="", observe_text=""):
        self.name, self.message, self.want, self.observe = name, message, want, observe
        self.sender, self.to, self.source, self.text, self.observe_text = sender, to, source, text, observe_text


def rows():
    virus = "554 5.7.1 Message contains Eicar-Test-Signature virus, rejected"
    spam = "554 5.7.1 Message seems to be spam, rejected"
    return [
        Row("good mail", mails.plain(), 250, 250),
        Row("good mail with attachment", mails.attachment(bytes(range(256)) * 64), 250, 250),
        Row("EICAR, plain", mails.eicar_plain(), 554, 554, text=virus, observe_text=virus),
        Row("EICAR, base64", mails.eicar_base64(), 554, 554, text=virus, observe_text=virus),
        Row("EICAR, in a zip", mails.eicar_zip(), 554, 554, text=virus, observe_text=virus),
        Row("EICAR, in message/rfc822", mails.eicar_nested(), 554, 554, text=virus, observe_text=virus),
        Row("GTUBE", mails.gtube(), 554, 250, text=spam),
        Row("unknown recipient", mails.plain(), 550, 250, to="nobody.here@example.com", text="550 5.1.1"),
        Row("known recipient", mails.plain("To carol"), 250, 250, to="carol@example.com"),
        Row("client on a DNSBL", mails.plain("From a listed client"), 554, 250, source=LISTED, text="listed by demolist: listed for the demo"),
        Row("spoofed own-domain sender", mails.plain("A letter from the boss"), 554, 250, sender="boss@example.com"),
        Row("GTUBE, own-domain sender, trusted client", mails.gtube(), 250, 250, sender="boss@example.com", source=TRUSTED),
        Row("EICAR, trusted client", mails.eicar_base64(), 554, 554, source=TRUSTED, text=virus, observe_text=virus),
    ]


def reply_text(outcome):
    return f"{outcome.reply.code} {outcome.reply.text}"


class Table:
    def __init__(self):
        self.failed = 0
        print(f"  {'sent':42} {'ms':>6}  {'id':13}  the reply that the sender saw")
        print(f"  {'-' * 42} {'-' * 6}  {'-' * 13}  {'-' * 60}")

    def add(self, name, outcome, right, decision=""):
        reply = reply_text(outcome)
        found = ID.search(reply)
        decision = found.group(1) if found else decision
        mark = " " if right else "!"
        self.failed += not right
        print(f"{mark} {name:42} {outcome.ms:6.0f}  {decision:13}  {reply[:150]}", flush=True)
        return decision


class Demo:
    def __init__(self, place):
        self.place = place
        self.inner = Inner(place)
        self.dns = Dnsbl(place, {"dnsbl.example": {LISTED: ("127.0.0.2", "listed for the demo, see https://dnsbl.example/q")}})
        self.slapd = Slapd(place).start()
        self.filter_port = place.port()
        self.postfix = Postfix(place, {"mx-in.cf": place.port()}, self.filter_port, self.inner.port)
        place.write("db/demo.ndb", mails.signature_database())
        self.gatepost = Gatepost(place, self.yaml("enforce"))
        self.accepted = 0

    def yaml(self, mode):
        return YAML.format(mode=mode, trusted=TRUSTED, filter=self.filter_port, ldap=self.slapd.url, dns=self.dns.port,
                           reinject=self.postfix.reinject_port, spoof="enforce" if mode == "enforce" else "observe")

    def start(self):
        self.gatepost.start()
        self.gatepost.wait_engine()
        self.postfix.start()

    def send(self, row):
        return smtp.deliver(("127.0.0.1", self.postfix.port()), row.sender, [row.to], row.message, row.source)

    def decision_of(self, row):
        """For replies in Postfix' own words: the id by the recipient."""
        said = self.gatepost.ctl("explain", "--rcpt", row.to, "--since", "1h").stdout
        found = re.search(r"\b([0-9A-Z]{13})\b", said)
        return found.group(1) if found else ""

    def arrived(self, message):
        """Whether the inner server has the message, byte for byte below the header fields that the way has added."""
        self.inner.wait(self.accepted)
        body = message if message.endswith(b"\r\n") else message + b"\r\n"
        return any(m.data.endswith(body) for m in self.inner.messages)

    def run_rows(self, table, mode):
        ids = {}
        for n, row in enumerate(rows()):
            row.source = row.source or f"127.0.1.{n + 1}"      # each its own client: the limit is per client
            outcome = self.send(row)
            want = row.want if mode == "enforce" else row.observe
            text = row.text if mode == "enforce" else row.observe_text
            right = outcome.code == want and text in reply_text(outcome)
            if outcome.code == 250:
                self.accepted += 1
                right = right and self.arrived(row.message)
            decision = ID.search(reply_text(outcome))
            ids[row.name] = table.add(row.name, outcome, right, "" if decision or outcome.code == 250 else self.decision_of(row))
        return ids

    def run_rate(self, table):
        row = Row("", mails.plain("One too many"), 450, 250, source=FAST)
        for n in range(1, 5):
            outcome = self.send(row)
            if n <= 3:
                self.accepted += outcome.code == 250
            else:
                table.add("fourth message of an hour, limit 3/h", outcome, outcome.code // 100 == 4 and "per-client" in reply_text(outcome))

    def run_directory_down(self, table):
        self.slapd.stop()
        known = Row("", mails.plain("Directory is down, recipient is known"), 250, 250, source="127.0.0.78")
        outcome = self.send(known)
        self.accepted += outcome.code == 250
        table.add("known recipient, directory down", outcome, outcome.code == 250)
        outcome = self.send(Row("", mails.plain(), 451, 451, to="carol.never.asked@example.com", source="127.0.0.78"))
        table.add("recipient never asked for, directory down", outcome, outcome.code == 451)
        self.slapd.start()

    def run_inner(self, table):
        """The inner server takes everything: what it never got was refused in the dialogue."""
        self.inner.wait(self.accepted)
        time.sleep(0.3)
        right = len(self.inner.messages) == self.accepted
        bad = [m for m in self.inner.messages if mails.EICAR in m.data]
        table.failed += not right or bool(bad)
        print(f"{' ' if right and not bad else '!'} the inner server, which takes everything, got {len(self.inner.messages)} messages; "
              f"{self.accepted} were accepted, none of them with the virus")


def section(title):
    print(f"\n== {title}\n", flush=True)


def show_explain(demo, ids, name):
    section(f"gatepostctl explain {ids[name]}     ({name})")
    said = demo.gatepost.ctl("explain", ids[name])
    print(said.stdout.rstrip() or said.stderr.rstrip())
    return said.returncode == 0 and ids[name] in said.stdout


def print_keep(demo):
    section("left running")
    print(f"  SMTP        127.0.0.1:{demo.postfix.port()}      (your client is judged by its address: {LISTED} is listed, {TRUSTED} is trusted)")
    print(f"  configuration {demo.gatepost.file}")
    print(f"  ask           {demo.gatepost.binary('gatepostctl')} status -c {demo.gatepost.file}")
    print(f"  logs          {demo.place.dir}/*.log")
    print(f"  stop          press Enter, or send SIGTERM to process {os.getpid()}", flush=True)


def keep_running(demo):
    import signal
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    print_keep(demo)
    import select
    watch = [sys.stdin] if sys.stdin.isatty() else []
    while not stop:
        ready, _, _ = select.select(watch, [], [], 0.5)
        if ready:
            break


def run(demo):
    section("gatepost.yaml")
    print(demo.yaml("enforce"), end="")
    demo.start()
    section("mode: enforce")
    table = Table()
    ids = demo.run_rows(table, "enforce")
    demo.run_rate(table)
    demo.run_directory_down(table)
    demo.run_inner(table)
    ok = show_explain(demo, ids, "client on a DNSBL") and show_explain(demo, ids, "EICAR, in a zip")

    section("mode: observe     (nothing but viruses is refused; the log and gatepostctl tell what would have been)")
    demo.gatepost.configure(demo.yaml("observe"))
    said = demo.gatepost.ctl("reload")
    print(said.stdout, end="")
    if said.returncode != 0:
        print(said.stderr)
        return False
    table2 = Table()
    demo.run_rows(table2, "observe")
    demo.run_inner(table2)
    return ok and table.failed + table2.failed == 0


def main():
    keep = os.environ.get("KEEP") == "1"
    with Place() as place:
        demo = Demo(place)
        try:
            good = run(demo)
        except Exception:
            for name in DAEMONS:
                print(f"--- {name}\n{place.log(name)[-3000:]}", file=sys.stderr)
            print(f"--- Postfix\n{demo.postfix.log_text()[-3000:]}", file=sys.stderr)
            raise
        section("every message got what it should" if good else "marked \"!\": did not get what it should")
        if not good and os.environ.get("DEMO_LOGS") == "1":
            for name in DAEMONS:
                print(f"--- {name}\n{place.log(name)[-6000:]}")
        if keep:
            keep_running(demo)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
