"""The list of all ways to bend a message, filled by bend_header.py, bend_structure.py and bend_body.py.

A bend is a function of a Letter and a random generator.  Its slot says what it touches: two bends of one slot do not go together.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from collections import namedtuple

Bend = namedtuple("Bend", "family slot name run carriers")
BENDS = []
ANY = ("base64", "quoted-printable", "7bit")


def bend(family, slot, name, carriers=None):
    """carriers: the transfer encodings for which it says something; None: base64 for the single bend, any in pairs."""
    def add(run):
        BENDS.append(Bend(family, slot, name, run, carriers))
        return run
    return add


def several(family, slot, table, carriers=None):
    for name, run in table.items():
        bend(family, slot, name, carriers)(run)
