"""The messages and signature databases that cfilter and its peers are measured with; all made here, the same in every run.

Each message holds a mark (bench/parts/message.h) in its header, its texts and its attachment, so that no two copies have a part in common.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import os
import random

from rig import mails

MARK = b"Gatepost0Run"
WORDS = ("the of and to in is that for on with as was be this are by from at which have or an they you were all we when your can "
         "said there use each she do how their if will up other about out many then them these so some her would make like him into "
         "time has look two more write go see number no way could people my than first water been call who oil its now find long "
         "down day did get come made may part meeting report invoice project schedule contract delivery customer account").split()


def text(rng, size):
    """Lines of words; the mark in the first, and again every 2 kB."""
    lines, n, marked = [], 0, -2000
    while n < size:
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(8, 13))).encode()
        if n - marked >= 2000:
            marked = n
            words = MARK + b" " + words
        lines.append(words)
        n += len(words) + 2
    return b"\r\n".join(lines) + b"\r\n"


def html(rng, size):
    return b"<html><body>\r\n" + text(rng, size).replace(b"\r\n", b"<br>\r\n") + b"</body></html>\r\n"


def head(kind):
    return (b"Received: from client.example.org (client.example.org [192.0.2.7])\r\n\tby mx.example.com (Postfix) with ESMTP id " + MARK +
            b"\r\n\tfor <bob@example.com>; Mon, 02 Mar 2026 10:00:00 +0000 (UTC)\r\nFrom: Alice <alice@sender.example>\r\n"
            b"To: Bob <bob@example.com>\r\nSubject: The report, " + MARK + b"\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
            b"Message-ID: <" + MARK + b"@sender.example>\r\nMIME-Version: 1.0\r\nContent-Type: " + kind + b"\r\n")


def plain(size):
    top = head(b"text/plain; charset=us-ascii") + b"\r\n"
    return top + text(random.Random(size), size - len(top))


def attached(size):
    """Text, the same as HTML, and an attachment, of `size` bytes together."""
    rng = random.Random(size)
    texts = (b"--=_outer\r\nContent-Type: multipart/alternative; boundary=\"=_inner\"\r\n\r\n"
             b"--=_inner\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" + text(rng, 3000) +
             b"--=_inner\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n" + html(rng, 4000) + b"--=_inner--\r\n")
    data = bytearray(rng.randbytes((size - len(texts) - 1200) * 57 // 78 // 3 * 3))
    encoded = bytearray(mails.wrap64(bytes(data)))
    for at in range(0, len(encoded) - 78, 78 * 50):       # whole groups of a line: the rest of the base64 stays what it is
        encoded[at:at + len(MARK)] = MARK
    return (head(b"multipart/mixed; boundary=\"=_outer\"") + b"\r\n" + texts +
            b"--=_outer\r\nContent-Type: application/octet-stream; name=\"report.bin\"\r\nContent-Transfer-Encoding: base64\r\n"
            b"Content-Disposition: attachment; filename=\"report.bin\"\r\n\r\n" + bytes(encoded) + b"--=_outer--\r\n")


SIZES = {"4 kB": lambda: plain(4000), "60 kB": lambda: attached(60000), "5 MB": lambda: attached(5_000_000)}


def write_messages(place):
    """{size: path}.  What the programs add to the end begins with a line end."""
    paths = {}
    for name, make in SIZES.items():
        message = make()
        assert base64.b64decode(MARK) and message.endswith(b"\r\n")
        paths[name] = place.write(name.replace(" ", "") + ".eml", message[:-2])
    return paths


# ---- databases ----

def small_database(folder):
    """Two signatures."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "demo.ndb"), "wb") as f:
        f.write(mails.signature_database() + b"Gatepost.Bench.Second:0:*:" + b"no mail of the bench holds this".hex().encode() + b"\n")


def large_database(folder, signatures):
    """So many MD5 signatures, with 300 body and 20 logical ones to a thousand; a third of the latter two look at any kind of file."""
    small_database(folder)
    rng = random.Random(signatures)
    with open(os.path.join(folder, "bench.hdb"), "w", encoding="ascii") as f:
        for i in range(signatures):
            f.write(f"{rng.getrandbits(128):032x}:{500 + i}:Bench.Md5-{i}\n")
    with open(os.path.join(folder, "bench.ndb"), "w", encoding="ascii") as f:
        for i in range(signatures * 3 // 10):
            f.write(f"Bench.Body-{i}:{(0, 1, 3)[i % 3]}:*:{rng.randbytes(16 + i % 24).hex()}\n")
    with open(os.path.join(folder, "bench.ldb"), "w", encoding="ascii") as f:
        for i in range(signatures // 50):
            parts = ";".join(rng.randbytes(10 + i % 14).hex() for _ in range(3))
            f.write(f"Bench.Logical-{i};Engine:51-255,Target:{(0, 1, 3)[i % 3]};(0&1)|2;{parts}\n")
