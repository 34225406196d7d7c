"""The few forms that are refused whatever they carry, and their honest neighbours, which are not: a message that is attached or bounced may be as odd as it likes.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from collections import namedtuple

Shape = namedtuple("Shape", "wanted name data")       # wanted: the name of the shape; None: must pass
TOP = b"From: Alice <alice@sender.example>\r\nTo: <bob@example.com>\r\nSubject: shapes\r\nMIME-Version: 1.0\r\n"
TEXT = b"Nothing but text.\r\n"


def _top(*lines, body=TEXT):
    return TOP + b"".join(x + b"\r\n" for x in lines) + b"\r\n" + body


def _part(*lines, body=TEXT, kind=b'multipart/mixed; boundary="b7"'):
    return _top(b"Content-Type: " + kind, body=b"--b7\r\n" + b"".join(x + b"\r\n" for x in lines) + b"\r\n" + body + b"--b7--\r\n")


def _nested(message):
    return _part(b"Content-Type: message/rfc822", body=message)


PARTIAL = b'message/partial; id="a@sender.example"; number=1; total=2'
_ROWS = [
    ("partial", "top", _top(b"Content-Type: " + PARTIAL)), ("partial", "upper", _top(b"Content-Type: MESSAGE/PARTIAL; id=x; number=2; total=2")), ("partial", "one-of-one", _top(b"Content-Type: message/partial; id=x; number=1; total=1")),
    ("partial", "part", _part(b"Content-Type: " + PARTIAL)), ("partial", "folded", _top(b"Content-Type:\r\n message/partial;\r\n id=x;\r\n number=3")), ("partial", "comment", _top(b"Content-Type: message/(c)partial; id=x; number=1")),
    (None, "partial-nested", _nested(_top(b"Content-Type: " + PARTIAL))), ("partial", "blanks", _top(b"Content-Type: message / partial; id=x; number=1; total=3")), ("partial", "no-version", _top(b"Content-Type: " + PARTIAL).replace(b"MIME-Version: 1.0\r\n", b"")),
    (None, "partial-in-text", _top(b"Content-Type: text/plain", body=b"Content-Type: message/partial; id=x; number=1\r\n\r\nis what RFC 2046 says.\r\n")), (None, "partial-parameter", _top(b'Content-Type: text/plain; name="message/partial"')),
    (None, "partial-x", _top(b"Content-Type: message/x-partial")), (None, "partial-subject", _top(b"X-About: message/partial", b"Content-Type: text/plain")),

    ("transfer-encoding-twice", "top", _top(b"Content-Type: text/plain", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: 7bit")),
    ("transfer-encoding-twice", "part", _part(b"Content-Type: text/plain", b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: base64")),
    ("transfer-encoding-twice", "apart", _top(b"Content-Transfer-Encoding: 7bit", b"Content-Type: text/plain", b"X-Other: y", b"content-transfer-encoding: quoted-printable")),
    (None, "transfer-encoding-twice-nested", _nested(_top(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable"))),
    ("transfer-encoding-twice", "multipart", _top(b'Content-Type: multipart/mixed; boundary="b7"', b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", body=b"--b7\r\n\r\nx\r\n--b7--\r\n")),
    (None, "encoding-same", _top(b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: 8bit")), (None, "encoding-same-case", _top(b"Content-Transfer-Encoding: 7BIT", b"Content-transfer-encoding:  7bit")),
    (None, "encoding-of-parts", _part(b"Content-Transfer-Encoding: 7bit", body=b"x\r\n--b7\r\nContent-Transfer-Encoding: 8bit\r\n\r\ny\r\n")), (None, "encoding-in-text", _top(b"Content-Transfer-Encoding: 7bit", body=b"Content-Transfer-Encoding: base64\r\n")),

    ("boundary-twice", "top", _top(b'Content-Type: multipart/mixed; boundary="b7"; boundary="b8"', body=b"--b7\r\n\r\nx\r\n--b7--\r\n--b8\r\n\r\ny\r\n--b8--\r\n")),
    ("boundary-twice", "part", _part(b"Content-Type: multipart/mixed; boundary=c1; boundary=c2", body=b"--c1\r\n\r\nx\r\n--c1--\r\n")), ("boundary-twice", "case", _top(b'Content-Type: multipart/mixed; Boundary="b7";\r\n BOUNDARY=b8', body=b"--b8\r\n\r\nx\r\n--b8--\r\n")),
    (None, "boundary-twice-nested", _nested(_top(b'Content-Type: multipart/mixed; boundary="c1"; boundary="c2"', body=b"--c1\r\n\r\nx\r\n--c1--\r\n"))),
    (None, "boundary-same", _top(b'Content-Type: multipart/mixed; boundary="b7"; boundary="b7"', body=b"--b7\r\n\r\nx\r\n--b7--\r\n")), (None, "boundary-in-quotes", _top(b'Content-Type: multipart/mixed; x="boundary=b8"; boundary="b7"', body=b"--b7\r\n\r\nx\r\n--b7--\r\n")),
    (None, "boundary-nested", _part(b'Content-Type: multipart/mixed; boundary="c1"', body=b"--c1\r\n\r\nx\r\n--c1--\r\n")),

    ("nul-in-field", "type", _top(b"Content-Type: text/pl\0ain")), ("nul-in-field", "encoding", _top(b"Content-Transfer-Encoding: base64\0")), ("nul-in-field", "disposition", _part(b"Content-Disposition: attachment; filename=a\0.txt")),
    ("nul-in-field", "part", _part(b"Content-Type: text/plain\0")), (None, "nul-in-field-nested", _nested(_top(b"Content-Type: \0text/plain"))),
    (None, "nul-in-subject", _top(b"X-Title: a\0b")), (None, "nul-in-text", _top(b"Content-Type: text/plain", body=b"a\0b\r\nContent-Type: a\0b\r\n")),

    ("cr-in-field", "type", _top(b"Content-Type: text/plain;\r charset=utf-8")), ("cr-in-field", "encoding", _top(b"Content-Transfer-Encoding: base64\rx")), ("cr-in-field", "part", _part(b"Content-Type: text/plain; name=a\rb")),
    (None, "cr-in-subject", _top(b"X-Title: a\rb")), (None, "cr-in-text", _top(b"Content-Type: text/plain", body=b"10%\r20%\r30%\r\nContent-Type: x\ry\r\n")),

    ("lone-cr", "header", _top(b"X-Any: thing\rContent-Type: text/html")), ("lone-cr", "encoding", _part(b"X-Any: thing\rContent-Transfer-Encoding: base64")),
    ("lone-cr", "delimiter", _top(b'Content-Type: multipart/mixed; boundary="b7"', body=b"--b7\r\n\r\nx\r--b7\r\nContent-Type: text/html\r\n\r\ny\r\n--b7--\r\n")),
    ("cr-in-field", "before-end", TOP + b"Content-Type: text/plain\r\rtext after a lone CR\r\n"),
    (None, "cr-progress", _top(b"Content-Type: text/plain", body=b"File: 1%\rFile: 2%\rSize: 3\r--\r-\r\r\n")), (None, "cr-progress-part", _part(b"Content-Type: text/plain", body=b"a: 1%\ra: 2%\r--b\r--c7\r----\r\n")),
    (None, "cr-crlf-text", _top(b"Content-Type: text/plain", body=b"line\r\r\nline\r\r\n")),
]


def mails():
    return [Shape(wanted, f"{wanted or 'neighbour'}/{name}", data) for wanted, name, data in _ROWS]
