"""Clean messages that only look as if they hid something: each must pass.  Each function yields (name, message).

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import random

from .rows_build import (ATTACHMENT, BASE64, HELLO, MIXED, NL, OCTETS, QP, TOP, VERSION, attached, b64, file64, message, part, signed_data, single, uu)

TEXT = (b"Dear Bob,\r\n\r\nthe minutes of the meeting are below. Costs went up by 3 % = 20 euros;\r\nsee http://www.example.com/?id=20&page=3D and "
        b"https://example.org/a/very/long/path/that/never/ends/0123456789abcdef0123456789abcdef\r\n\r\nYours,\r\nAlice\r\n-- \r\nAlice Example\r\n")
DATA = random.Random(5).randbytes(3000)
PLAIN = b"Content-Type: text/plain\r\n"
FOOTER = b"_______________________________________________\r\nlist mailing list\r\nlist@lists.example.com\r\nhttp://lists.example.com/mailman/listinfo/list\r\n"


def lists(_):
    yield "footer-after-close", message([HELLO, file64(DATA)], epilogue=NL + FOOTER)
    yield "footer-after-base64", single(PLAIN + BASE64, b64(TEXT) + NL + FOOTER)
    yield "footer-after-base64-padded", single(PLAIN + BASE64, b64(TEXT + b"xy") + FOOTER)
    yield "footer-in-qp", single(PLAIN + QP, TEXT.replace(b"=", b"=3D") + FOOTER)
    yield "digest", message([part(b"", TOP + b"Content-Type: text/plain\r\n\r\n" + TEXT) for _ in range(5)],
                            headers=b"Content-Type: multipart/digest; boundary=b1\r\n", preamble=b"Send list submissions to x\r\n", epilogue=FOOTER)


def bounces(_):
    report = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; bob@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    whole = message([HELLO, file64(DATA)], headers=MIXED.replace(b"b1", b"b2"), boundary=b"b2")
    head = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n"
    yield "whole", message([HELLO, report, part(b"Content-Type: message/rfc822\r\n", whole)], headers=head)
    yield "truncated", message([HELLO, report, part(b"Content-Type: message/rfc822\r\n", whole[:900])], headers=head)
    yield "headers", message([HELLO, report, part(b"Content-Type: text/rfc822-headers\r\n", TOP + VERSION + MIXED)], headers=head)
    yield "in-text", single(PLAIN, b"Your message could not be delivered.\r\n\r\n------ This is a copy of your message ------\r\n\r\n" + whole)
    yield "in-text-cut", single(PLAIN, b"Your message could not be delivered.\r\n\r\n------ This is a copy of your message ------\r\n\r\n" + whole[:1200])
    yield "in-text-quoted", single(PLAIN, b"".join(b"> " + line + NL for line in whole.split(NL)))


def encodings(_):
    for name in (b"utf-8", b"8-bit", b"none", b"7-bit", b"8BIT", b"us-ascii", b"iso-8859-1", b"", b"plain", b"7bit;"):
        yield f"named-{name!r}", single(PLAIN + b"Content-Transfer-Encoding: " + name + NL, TEXT)
    yield "same-twice", single(PLAIN + QP + QP, TEXT.replace(b"=", b"=3D"))
    yield "same-twice-case", single(PLAIN + BASE64 + BASE64.upper(), b64(TEXT))
    yield "type-twice", single(b"Content-Type: text/plain; charset=utf-8\r\nContent-Type: text/html; charset=utf-8\r\n", TEXT)
    yield "type-same-twice", single(PLAIN + PLAIN, TEXT)
    yield "sloppy-qp", single(PLAIN + QP, TEXT + b"a = b, c=d, 100%=all, =zz, ==, =\r\n")
    yield "sloppy-qp-html", single(b"Content-Type: text/html\r\n" + QP, b"<html><table width=100 height=30><tr><td color=red>x=1</td></table> \t\r\n</html>\r\n")
    yield "qp-on-multipart", message([HELLO, part(PLAIN + QP, TEXT.replace(b"=", b"=3D"))], headers=MIXED + QP)
    yield "7bit-on-multipart", message([HELLO], headers=MIXED + b"Content-Transfer-Encoding: 7bit\r\n")
    yield "base64-text", single(PLAIN + BASE64, b64(TEXT * 20))
    yield "base64-declared-plain", single(PLAIN + BASE64, TEXT)
    yield "eight-bit-no-declaration", single(PLAIN, "Grüße aus München, naïve café\r\n".encode() * 10)
    yield "eight-bit-headers", single(PLAIN, TEXT, top=TOP + "X-Name: Jörg Müller\r\nComments: Ünï\r\n".encode("latin-1") + VERSION)
    yield "no-mime-version", message([HELLO, file64(DATA)], top=TOP)
    yield "no-mime-at-all", single(b"", TEXT, top=TOP)


def boundaries(_):
    parts = [HELLO, file64(DATA)]
    yield "trailing-blanks", message(parts, headers=b"Content-Type: multipart/mixed; boundary=\"b1 \"\r\n")
    yield "blanks-in-line", message(parts).replace(b"--b1\r\n", b"--b1 \r\n")
    yield "unquoted-equals", message(parts, headers=b"Content-Type: multipart/mixed; boundary=----=_Part_1.2=3\r\n", boundary=b"----=_Part_1.2=3")
    inner = part(b"Content-Type: multipart/alternative; boundary=\"----=_Part_1_1\"\r\n", b"------=_Part_1_1\r\n" + HELLO + b"------=_Part_1_1\r\n"
                 b"Content-Type: text/html\r\n\r\n<p>Hello</p>\r\n------=_Part_1_1--\r\n")
    yield "prefix-of-inner", message([inner, file64(DATA)], headers=b"Content-Type: multipart/mixed; boundary=\"----=_Part_1\"\r\n", boundary=b"----=_Part_1")
    yield "missing-close", message(parts, close=False)
    yield "empty-lines", message(parts).replace(b"--b1\r\n", b"\r\n\r\n--b1\r\n")
    yield "missing-parameter", single(b"Content-Type: multipart/mixed\r\n", TEXT)
    yield "empty-multipart", message([])
    yield "dashes-in-text", message([part(PLAIN, TEXT + b"--\r\n--b\r\n-- \r\n--b11\r\n---------\r\n" + TEXT)])
    yield "preamble", message(parts, preamble=b"This is a multi-part message in MIME format.\r\n\r\n")


def types(_):
    draft = (b"Content-Type: Message/External-body; access-type=\"anon-ftp\"; site=\"ftp.example.org\"; directory=\"drafts\"; name=\"draft-x-00.txt\"\r\n",
             b"Content-Type: text/plain\r\nContent-ID: <2026@example.org>\r\n\r\n")
    mail = (b"Content-Type: Message/External-body; access-type=\"mail-server\"; server=\"mailserv@example.org\"\r\n",
            b"Content-Type: text/plain\r\nContent-ID: <2026@example.org>\r\n\r\nENCODING mime\r\nFILE /drafts/draft-x-00.txt\r\n")
    yield "external-body", message([HELLO, part(b"Content-Type: multipart/alternative; boundary=b2\r\n", b"--b2\r\n" + part(*mail) + b"--b2\r\n" + part(*draft) + b"--b2--\r\n")])
    armour = b"-----BEGIN PGP MESSAGE-----\r\nVersion: GnuPG v1\r\n\r\n" + b64(DATA, 64) + b"=aB3d\r\n-----END PGP MESSAGE-----\r\n"
    yield "inline-pgp", single(PLAIN, armour)
    yield "inline-pgp-signed", single(PLAIN, b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA1\r\n\r\n" + TEXT + b"-----BEGIN PGP SIGNATURE-----\r\n\r\n" + b64(DATA[:65], 64) + b"=Ab12\r\n-----END PGP SIGNATURE-----\r\n")
    yield "pgp-mime", message([part(b"Content-Type: application/pgp-encrypted\r\n", b"Version: 1\r\n"), part(OCTETS, armour)], headers=b"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b1\r\n")
    yield "smime-opaque", single(b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n" + BASE64, b64(signed_data(HELLO)))
    yield "forwarded", message([HELLO, part(b"Content-Type: message/rfc822\r\n", message([HELLO, file64(DATA)], headers=MIXED.replace(b"b1", b"b2"), boundary=b"b2"))])
    yield "uuencoded", single(PLAIN, TEXT + uu(DATA) + TEXT)
    yield "begin-in-text", single(PLAIN, b"begin with the end in mind\r\nbegin 644 reading\r\n\r\nend\r\n" + TEXT)
    yield "plus-signs", single(PLAIN, b"C++ and 1+1-2 and +49-89-1234, a+b-c\r\n" + TEXT)


def odd_bytes(_):
    yield "cr-progress", single(PLAIN, b"".join(b"\r%3d %% done" % i for i in range(0, 101, 5)) + NL + TEXT)
    yield "cr-progress-part", message([part(PLAIN, b"".join(b"\r%3d %% done" % i for i in range(0, 101, 5)) + NL + TEXT)])
    yield "nul-in-body", single(PLAIN, TEXT[:50] + b"\0" + TEXT[50:])
    yield "nul-in-part", message([part(PLAIN, TEXT[:50] + b"\0\0\0" + TEXT[50:]), file64(DATA)])
    yield "utf-16-log", attached(b"Content-Type: text/plain; charset=utf-16; name=x.log\r\n" + BASE64, b64(TEXT.decode().encode("utf-16")))
    yield "utf-16-log-raw", attached(b"Content-Type: text/plain; charset=utf-16; name=x.log\r\n", TEXT.decode().encode("utf-16-le"))
    yield "blank-before-colon", single(b"", TEXT, top=TOP.replace(b"Subject:", b"Subject :") + b"X-Mailer : homemade\r\nMIME-Version : 1.0\r\nContent-Type : text/plain\r\n")
    yield "form-feed", single(PLAIN, TEXT + b"\f\r\n" + TEXT)
    yield "long-line", single(PLAIN, b"word " * 5000 + NL)
    yield "crcrlf", message([HELLO, part(PLAIN, TEXT)]).replace(NL, b"\r\r\n")
    yield "bare-lf-in-body", message([part(PLAIN, TEXT.replace(NL, b"\n")), file64(DATA)])


FAMILIES = (lists, bounces, encodings, boundaries, types, odd_bytes)


def all_messages():
    for family in FAMILIES:
        for name, data in family(None):
            yield f"{family.__name__}/{name}", data
