"""The messages that must not pass: every bend alone, pairs of bends, and bytes changed at random.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import random
from collections import namedtuple

from . import bend_body, bend_header, bend_structure   # noqa: F401  (they fill BENDS)
from .bend import ANY, BENDS
from .carriers import zipped
from .letter import Letter
from rig.mails import EICAR

Mail = namedtuple("Mail", "family name data")


def _letter(encoding, rng):
    """zip: base64 again, of an archive: binary where the virus itself is text."""
    subject = b"Message %d" % rng.randrange(10 ** 9)
    if encoding == "zip":
        return Letter("base64", zipped(EICAR), subject=subject)
    return Letter(encoding, subject=subject)


def singles(seed):
    for b in BENDS:
        for encoding in b.carriers or ("base64",):
            rng = random.Random(f"{seed}/{b.family}/{b.name}/{encoding}")
            m = _letter(encoding, rng)
            b.run(m, rng)
            yield Mail(b.family, f"{b.family}/{b.name}" + (f"/{encoding}" if len(b.carriers or "x") > 1 else ""), m.render())


OTHERS = ("quoted-printable", "7bit", "zip")


def others(seed, in_turn=False):
    """Bends of the header and the structure, with quoted-printable, with no encoding at all, and with an archive; in_turn: each with one of the three."""
    for i, b in enumerate(BENDS):
        if b.carriers is None:
            for encoding in OTHERS[i % 3:i % 3 + 1] if in_turn else OTHERS:
                rng = random.Random(f"{seed}/{b.family}/{b.name}/{encoding}")
                m = _letter(encoding, rng)
                b.run(m, rng)
                yield Mail(b.family, f"{b.family}/{b.name}/{encoding}", m.render())


def combined(seed, n, size=2):
    """n messages with `size` bends of different slots."""
    rng = random.Random(f"{seed}/combined/{size}")
    for i in range(n):
        chosen = []
        while len(chosen) < size:
            b = rng.choice(BENDS)
            if all(b.slot != c.slot for c in chosen):
                chosen.append(b)
        fits = [e for e in ANY if all(e in (c.carriers or ANY) for c in chosen)]
        kind = rng.choice(fits or ["base64"])
        m = _letter("zip" if kind == "base64" and rng.random() < 0.3 else kind, rng)
        for b in sorted(chosen, key=lambda b: b.slot in ("eol", "around")):
            b.run(m, rng)
        yield Mail("pairs" if size == 2 else "triples", "+".join(f"{b.family}/{b.name}" for b in chosen) + f"#{i}", m.render())


_PIECES = (b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b"=", b'"', b";", b":", b"--", b"(", b")", b"\\", b"\xa0", b",", b"\r\n ", b"\r\r\n", b"\n\r", b"=\r\n", b".")


def random_bytes(seed, n):
    """One to three small accidents in header fields, delimiters or the encoded body."""
    rng = random.Random(f"{seed}/bytes")
    for i in range(n):
        m = _letter(rng.choice(("base64", "zip", "quoted-printable")), rng)
        data = bytearray(m.render())
        begin = data.find(b"MIME-Version")
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(begin, len(data))
            what = rng.randrange(4)
            if what == 0:
                data[at:at] = rng.choice(_PIECES)
            elif what == 1:
                del data[at:at + rng.randint(1, 3)]
            elif what == 2:
                data[at:at + 1] = rng.choice(_PIECES)
            else:
                other = rng.randrange(begin, len(data))
                data[at:at] = data[other:other + rng.randint(1, 40)]
        yield Mail("random-bytes", f"random-bytes/{i}", bytes(data))


def candidates(seed, pairs=1500, triples=400, accidents=800, in_turn=False):
    seen = set()
    for source in (singles(seed), others(seed, in_turn), combined(seed, pairs), combined(seed, triples, 3), random_bytes(seed, accidents)):
        for mail in source:
            if mail.data not in seen:
                seen.add(mail.data)
                yield mail
