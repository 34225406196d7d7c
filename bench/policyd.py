"""policyd: five limits on the embedded store, beside a bare policy echo server.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from echoes import compare, yaml
from rig.gatepost import Gatepost


def run(place, options):
    place.write("people.txt", "bob@example.com\n")
    limits = "limits: [" + ", ".join(f"{{name: l{i}, key: [{k}], rate: 1000000/s}}" for i, k in enumerate(
        ("client", "client/24", "sender", "sender_domain", "recipient"))) + "]"
    for words, text in (("no log, no events", yaml(limits)), ("the same, with log and events", yaml(limits, "yes", "info"))):
        print(f"policyd: five limits on the embedded store, {words}")
        gatepost = Gatepost(place, text).start("policyd")
        compare(place, "policy", place.path("policy.sock"), gatepost.processes["policyd"].pid, options.seconds, 10000)
        gatepost.stop("policyd")
    return 0
