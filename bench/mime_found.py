"""What is found of a test virus in MIME of all shapes, what honest mail is refused, and what that costs: cfilter beside libclamav's own mail parser alone.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from collections import Counter

from mime import hostile_set, honest
from mime.scan import Scanner
from processes import tree_cpu_s
from rig.place import Place

MINE, ALONE = None, "[libclamav]"          # filter.mime.parsers


class Column:
    """One configuration over one set of messages."""

    def __init__(self, mails, parsers, database):
        with Place() as place:
            scanner = Scanner(place, database, parsers)
            pid = scanner.gatepost.processes["cfilter"].pid
            scanner.scan([(m.name, m.data) for m in mails[:50]])       # the first scans cost more
            before = tree_cpu_s(pid)
            answers = scanner.scan([(m.name, m.data) for m in mails])
            self.cpu_ms = (tree_cpu_s(pid) - before) / len(mails) * 1000
        self.actions = {m.name: answers.get(m.name, {"action": "none"})["action"] for m in mails}
        calls = [a["engine_calls"] for a in answers.values() if "engine_calls" in a]
        self.calls = sum(calls) / len(calls) if calls else None
        self.found = Counter(m.family for m in mails if self.actions[m.name] == "reject")

    def cost(self):
        return f"{self.cpu_ms:.2f} ms of CPU" + ("" if self.calls is None else f", {self.calls:.1f} engine calls") + " a message"


def table(mails, columns):
    total = Counter(m.family for m in mails)
    print(f"  {'family':20} {'total':>6}" + "".join(f" {name:>22}" for name, _ in columns))
    for family in sorted(total):
        print(f"  {family:20} {total[family]:6}" + "".join(f" {c.found[family]:22}" for _, c in columns))
    shares = [sum(c.found.values()) / len(mails) for _, c in columns]
    print(f"  {'all':20} {len(mails):6}" + "".join(f" {sum(c.found.values()):12} = {share:5.1%} " for (_, c), share in zip(columns, shares)), flush=True)
    for name, c in columns:
        print(f"  {name}: {c.cost()}")
    return shares[0]


def run(place, options):
    del place, options
    sets = {"anywhere": hostile_set.opened(), "whole-file": hostile_set.opened(whole=True)}
    for database, mails in sets.items():
        print(f"\nmessages that mail readers open, signature {database}")
        table(mails, [("cfilter", Column(mails, MINE, database)), ("libclamav alone", Column(mails, ALONE, database))])
    mails = list(honest.mails("gatepost"))
    print("\nhonest mail that looks hostile")
    for name, parsers in (("cfilter", MINE), ("libclamav alone", ALONE)):
        column = Column(mails, parsers, "anywhere")
        n = Counter(column.actions.values())
        print(f"  {name}: of {len(mails)} accepted {n['accept']}, tagged {n['tag']}, refused {n['reject']}, deferred {n['defer'] + n['none']}; {column.cost()}", flush=True)
    return 0
