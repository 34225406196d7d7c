"""Messages made to tire a reader: depth, numbers, length.  None may end in a scan that did not come to its end, and none may pass as checked with a virus in it.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from . import carriers
from .hostile import Mail
from rig.mails import EICAR

# No reader opens these: nothing has to be found.
CLEAN = ("giants/no-newline", "giants/base64-letters", "giants/ber-open", "giants/one-line-100M", "giants/crs", "giants/base64-nested", "giants/base64-runs", "giants/ybegin-lines")
TOP = b"From: a@sender.example\r\nTo: b@example.com\r\nSubject: giant\r\nMIME-Version: 1.0\r\n"


def _infected(boundary=b"inf"):
    return (b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n--' + boundary + b"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            carriers.b64(EICAR).replace(b"\n", b"\r\n") + b"--" + boundary + b"--\r\n")


def _multiparts(depth, bottom):
    head = b"".join(b"%sContent-Type: multipart/mixed; boundary=\"d%d\"\r\n\r\n" % (b"--d%d\r\n" % (i - 1) if i else b"", i) for i in range(depth))
    return TOP + head + b"--d%d\r\n" % (depth - 1) + bottom + b"\r\n" + b"".join(b"--d%d--\r\n" % i for i in reversed(range(depth)))


def _rfc822(depth, bottom):
    return b"Subject: x\r\nContent-Type: message/rfc822\r\n\r\n" * depth + TOP + bottom


def _parts(n, more=b""):
    return TOP + b'Content-Type: multipart/mixed; boundary="p"\r\n\r\n' + b"--p\r\nContent-Type: text/plain\r\n\r\nx\r\n" * n + more + b"--p--\r\n"


def mails(large=False):
    """Each with a virus at its end, unless the name says clean.  large: those of tens of megabytes too."""
    table = {
        "depth-3000": lambda: _multiparts(3000, _infected()), "depth-3000-clean": lambda: _multiparts(3000, b"\r\nx\r\n"), "rfc822-400": lambda: _rfc822(400, _infected()), "rfc822-1300-short": lambda: _rfc822(1300, _infected()),
        "parts-8000": lambda: _parts(8000, b"--p\r\n" + _infected()), "parts-8000-clean": lambda: _parts(8000), "delimiters-200000": lambda: TOP + b'Content-Type: multipart/mixed; boundary="p"\r\n\r\n' + b"--p\r\n" * 200000 + _infected(),
        "begin-lines": lambda: TOP + b"\r\n" + b"begin 644 a\r\n" * 25000 + carriers.uu(EICAR).replace(b"\n", b"\r\n"), "ybegin-lines": lambda: TOP + b"\r\n" + b"=ybegin line=128 size=9 name=a\r\n" * 20000 + carriers.yenc(EICAR).replace(b"\n", b"\r\n"),
        "binhex-starts": lambda: TOP + b"\r\n" + b"(This file must be converted with BinHex 4.0)\r\n:\r\n" * 10000 + carriers.binhex(EICAR).replace(b"\n", b"\r\n"), "equals": lambda: TOP + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1000000 + b"\r\n" + carriers.qp(EICAR).replace(b"\n", b"\r\n"),
        "base64-groups": lambda: TOP + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * 150000 + b"\r\n" + carriers.b64(EICAR), "base64-runs": lambda: TOP + b"\r\n" + (b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\r\n\r\n") * 15000 + carriers.b64(EICAR).replace(b"\n", b"\r\n"),
        "fields-100000": lambda: TOP + b"X: y\r\n" * 100000 + _infected(), "content-fields": lambda: TOP + b"Content-Type: multipart/mixed; boundary=a\r\n" * 20000 + _infected(), "boundary-parameters": lambda: TOP + b"Content-Type: multipart/mixed" + b"".join(b"; boundary=b%d" % i for i in range(5000)) + b"\r\n\r\n" + b"".join(b"--b%d\r\n\r\nx\r\n" % i for i in range(5000)) + b"--b4999\r\n" + _infected(),
        "parameters": lambda: TOP + b"Content-Type: multipart/mixed" + b";x=y" * 200000 + b'; boundary="inf"' + _infected()[_infected().index(b"\r\n\r\n"):], "pieces-2231": lambda: TOP + b"Content-Type: multipart/mixed" + b"".join(b";boundary*%d=a" % i for i in range(20000)) + b"\r\n\r\n" + _infected(),
        "comments": lambda: TOP + b"Content-Type: " + b"(" * 100000 + b"multipart/mixed; boundary=inf\r\n\r\n" + _infected(), "folds": lambda: TOP + b"Content-Type: multipart/mixed;\r\n" + b" \r\n" * 100000 + b' boundary="inf"' + _infected()[_infected().index(b"\r\n\r\n"):],
        "long-boundary": lambda: TOP + b'Content-Type: multipart/mixed; boundary="' + b"b" * 500000 + b'"\r\n\r\n' + b"--" + b"b" * 500000 + b"\r\n" + _infected(), "prefix-boundaries": lambda: _multiparts(60, _infected()).replace(b'boundary="d', b'boundary="' + b"-" * 1000 + b"d").replace(b"--d", b"--" + b"-" * 1000 + b"d"),
        "blank-first": lambda: b" begins with a blank\r\n" + TOP + _infected(), "crs": lambda: TOP + b"\r\n" + b"\r" * 1000000 + b"\r\n" + carriers.b64(EICAR).replace(b"\n", b"\r\n"), "nuls": lambda: TOP + b"\r\n" + b"\0" * 1000000 + b"\r\n" + EICAR + b"\r\n",
        "cms-nested": lambda: TOP + b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" + _cms(40), "tnef-nested": lambda: TOP + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n" + _tnef(40),
        "base64-nested": lambda: TOP + b"Content-Transfer-Encoding: base64\r\n\r\n" + _base64(18), "ber-open": lambda: TOP + b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" + carriers.b64(b"\x30\x80" * 100000), "utf7-shifts": lambda: TOP + b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+AGE-" * 150000 + carriers.utf7(EICAR) + b"\r\n",
        "types-mixed": lambda: TOP + b'Content-Type: multipart/digest; boundary="p"\r\n\r\n' + b"--p\r\n\r\nContent-Type: multipart/digest; boundary=p\r\n\r\n" * 5000 + _infected(), "no-newline": lambda: TOP + b"\r\n" + b"A" * 2000000, "base64-letters": lambda: TOP + b"\r\n" + (b"QUJD" * 19 + b"\r\n") * 20000,
    }
    if large:
        table["parts-30000"] = lambda: _parts(30000, b"--p\r\n" + _infected())
        table["one-line-100M"] = lambda: TOP + b"Content-Type: text/html\r\n\r\n" + b"<p>word " * 12_500_000 + b"\r\n"
        table["base64-40M"] = lambda: TOP + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + (b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWkFCQ0RF\r\n") * 520_000 + carriers.b64(EICAR)
    for name, make in table.items():
        yield Mail("giants", f"giants/{name}", make())


def _cms(depth):
    data = EICAR
    for _ in range(depth):
        data = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + carriers.signed_data(data)
    return carriers.b64(carriers.signed_data(data)).replace(b"\n", b"\r\n")


def _tnef(depth):
    data = EICAR
    for _ in range(depth):
        data = carriers.tnef(data)
    return carriers.b64(data).replace(b"\n", b"\r\n")


def _base64(depth):
    data = EICAR
    for _ in range(depth):
        data = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + carriers.b64(data)
    return carriers.b64(data).replace(b"\n", b"\r\n")
