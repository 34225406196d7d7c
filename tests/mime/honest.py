"""Clean mail that a careless rule refuses: what real senders, lists, robots and broken programs send.  All of it must pass.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import random
import zlib

from . import carriers
from .hostile import Mail

MAKERS = []
# libclamav's own limits and an archive that is really encrypted: told, not refused.
MAY_BE_TAGGED = {"list/digest-mime", "list/digest-plain", "modern/encrypted-zip", "modern/forward-8"}
WORDS = ("the meeting budget report week please find attached question about delivery order number customer thanks regards list archive patch server "
         "update invoice room train tomorrow monday agreed draft version review comment figure table contract garden summer holiday").split()


def honest(family, *variants):
    """Adds a maker; it is called once for each variant (or once with None)."""
    def add(make):
        MAKERS.extend((family, make, v) for v in variants or (None,))
        return make
    return add


def prose(rng, words=60, width=72):
    out, line = [], ""
    for _ in range(words):
        w = rng.choice(WORDS)
        if len(line) + len(w) > width:
            out.append(line)
            line = ""
        line = (line + " " + w).strip()
    return "\r\n".join(out + [line]).encode() + b"\r\n"


def crlf(text):
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def head(rng, subject=b"Our meeting", *more, mime=True, sender=b"alice@sender.example"):
    lines = [b"Received: from out.sender.example (out.sender.example [192.0.2.7]) by mx.example.com with ESMTPS; Mon, 02 Mar 2026 10:00:01 +0000",
             b"From: Alice Example <" + sender + b">", b"To: Bob <bob@example.com>", b"Subject: " + subject, b"Date: Mon, 02 Mar 2026 10:00:00 +0000",
             b"Message-ID: <%d@sender.example>" % rng.randrange(10 ** 12)]
    return b"\r\n".join(lines + ([b"MIME-Version: 1.0"] if mime else []) + list(more)) + b"\r\n\r\n"


def multipart(boundary, *parts, preamble=b"This is a multi-part message in MIME format.\r\n", end=True):
    out = preamble
    for p in parts:
        out += b"--" + boundary + b"\r\n" + p + (b"" if p.endswith(b"\r\n") else b"\r\n")
    return out + (b"--" + boundary + b"--\r\n" if end else b"")


def text_part(rng, more=b""):
    return b"Content-Type: text/plain; charset=utf-8\r\n" + more + b"\r\n" + prose(rng)


def file_part(rng, data, kind=b"application/pdf", name=b"report.pdf"):
    return (b"Content-Type: " + kind + b'; name="' + name + b'"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="' + name + b'"\r\n\r\n' +
            crlf(carriers.b64(data)))


def pdf(rng, size=4000):
    return b"%PDF-1.4\n1 0 obj\n<< /Length 12 >>\nstream\n" + zlib.compress(prose(rng, size // 6)) + rng.randbytes(size // 4) + b"\nendstream\nendobj\ntrailer\n<< >>\n%%EOF\n"


def png(rng, size=3000):
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    side = 20
    rows = b"".join(b"\0" + rng.randbytes(side * 3) for _ in range(side))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", side.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0") + chunk(b"tEXt", b"Comment\0" + rng.randbytes(size // 3).hex().encode()) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def html(rng, paragraphs=20):
    out = b"<!DOCTYPE html><html><head><style>p{color:#333;margin:0 0 1em}</style></head><body>"
    for i in range(paragraphs):
        out += b'<p style="font-family:Arial">' + prose(rng, 40).replace(b"\r\n", b" ") + b'<a href="https://news.sender.example/c/?u=%d&amp;k=%s">more</a></p>' % (i, rng.randbytes(20).hex().encode())
    return out + b"</body></html>\r\n"


# --- lists and footers --------------------------------------------------------------------------------------------------------
FOOTER = b"_______________________________________________\r\nOur-List mailing list\r\nOur-List@lists.sender.example\r\nhttps://lists.sender.example/our-list\r\n"


@honest("footer", "after-closing", "after-base64", "after-base64-no-blank", "after-qp", "as-part", "before-closing", "after-html")
def footer(rng, v):
    b = b"----=_Part_%d" % rng.randrange(10 ** 6)
    top = head(rng, b"[Our-List] what next", b'Content-Type: multipart/mixed; boundary="' + b + b'"')
    if v == "after-closing":
        return top + multipart(b, text_part(rng), file_part(rng, png(rng), b"image/png", b"a.png")) + b"\r\n" + FOOTER
    if v == "as-part":
        return top + multipart(b, text_part(rng), b"Content-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\n" + FOOTER)
    if v == "before-closing":
        return top + multipart(b, file_part(rng, pdf(rng)) + b"\r\n" + FOOTER)
    single = {"after-base64": (b"base64", crlf(carriers.b64(prose(rng, 200))) + b"\r\n"), "after-base64-no-blank": (b"base64", crlf(carriers.b64(prose(rng, 201)))),
              "after-qp": (b"quoted-printable", crlf(carriers.qp(prose(rng)))), "after-html": (b"base64", crlf(carriers.b64(html(rng))))}[v]
    kind = b"text/html; charset=utf-8" if v == "after-html" else b"text/plain; charset=utf-8"
    return head(rng, b"[Our-List] what next", b"Content-Type: " + kind, b"Content-Transfer-Encoding: " + single[0]) + single[1] + FOOTER


@honest("list", "digest-mime", "digest-plain", "from-munged", "nested-footer", "yahoo")
def mailing_list(rng, v):
    if v == "digest-mime":
        inner = [b"\r\n" + head(rng, b"Message %d" % i, b"Content-Type: text/plain") + prose(rng) for i in range(25)]
        digest = multipart(b"=_digest", *inner, preamble=b"")
        return head(rng, b"Our-List Digest, Vol 12", b'Content-Type: multipart/mixed; boundary="=_outer"') + multipart(
            b"=_outer", text_part(rng), b'Content-Type: multipart/digest; boundary="=_digest"\r\n\r\n' + digest, b"Content-Type: text/plain\r\n\r\n" + FOOTER)
    if v == "digest-plain":
        out = b"Send Our-List mailing list submissions to\r\n\tour-list@lists.sender.example\r\n\r\nToday's Topics:\r\n\r\n   1. a (Alice)\r\n\r\n" + b"-" * 70 + b"\r\n\r\n"
        for i in range(12):
            out += b"Message: %d\r\nDate: Mon, 2 Mar 2026\r\nFrom: Alice <alice@sender.example>\r\nSubject: a\r\nTo: our-list\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" % i + prose(rng) + b"\r\n" + b"-" * 30 + b"\r\n\r\n"
        return head(rng, b"Our-List Digest", b"Content-Type: text/plain") + out + b"Subject: Digest Footer\r\n\r\n" + FOOTER
    if v == "from-munged":
        return head(rng, b"Re: [Our-List] patch", b"Content-Type: multipart/signed; micalg=pgp-sha256;\r\n\tprotocol=\"application/pgp-signature\"; boundary=\"sig\"", b"X-Mailman-Version: 2.1.39") + multipart(
            b"sig", text_part(rng), PGP_SIGNATURE)
    if v == "nested-footer":
        return head(rng, b"Re: nested", b'Content-Type: multipart/mixed; boundary="===============123=="') + multipart(
            b"===============123==", b'Content-Type: multipart/alternative; boundary="000000abc"\r\n\r\n' + multipart(b"000000abc", text_part(rng), b"Content-Type: text/html\r\n\r\n" + html(rng), preamble=b""),
            b'Content-Type: text/plain; charset="us-ascii"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\n\r\n' + FOOTER, preamble=b"")
    return head(rng, b"[group] yahoo", b'Content-Type: multipart/alternative; boundary="0-1-2=:3"') + multipart(b"0-1-2=:3", text_part(rng), b"Content-Type: text/html\r\n\r\n" + html(rng)) + b"\r\n" + FOOTER


PGP_SIGNATURE = (b'Content-Type: application/pgp-signature; name="signature.asc"\r\nContent-Description: OpenPGP digital signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\n'
                 b"wsB5BAABCAAjFiEEabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV\r\nWXYZ0123456789+/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV\r\n=ab12\r\n-----END PGP SIGNATURE-----\r\n")


# --- bounces and reports ------------------------------------------------------------------------------------------------------
@honest("bounce", "postfix", "truncated-multipart", "truncated-base64", "truncated-qp", "headers-only", "exim-text", "qmail", "exchange", "mdn", "arf", "dmarc-zip", "inner-open")
def bounce(rng, v):
    inner = head(rng, b"What bounced", b'Content-Type: multipart/mixed; boundary="inner_b"') + multipart(b"inner_b", text_part(rng), file_part(rng, pdf(rng)))
    status = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.sender.example\r\nArrival-Date: Mon, 2 Mar 2026 10:00:00 +0000\r\n\r\nFinal-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    report = b'Content-Type: multipart/report; report-type=delivery-status; boundary="4X9bq"'
    if v in ("exim-text", "qmail"):
        words = b"This message was created automatically by mail delivery software.\r\n\r\n  x@y.example\r\n    Unrouteable address\r\n\r\n------ This is a copy of the message, including all the headers. ------\r\n\r\n" if v == "exim-text" else (
            b"Hi. This is the qmail-send program at sender.example.\r\n\r\n<x@y.example>:\r\nSorry, no mailbox here by that name.\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <bob@example.com>\r\n")
        return head(rng, b"failure notice", mime=False) + words + inner[:1500]
    if v == "mdn":
        return head(rng, b"Read: question", b'Content-Type: multipart/report; report-type=disposition-notification; boundary="m"') + multipart(
            b"m", text_part(rng), b"Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;bob@example.com\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n", b"Content-Type: text/rfc822-headers\r\n\r\n" + inner[:300] + b"\r\n")
    if v == "arf":
        return head(rng, b"complaint", b'Content-Type: multipart/report; report-type=feedback-report; boundary="m"') + multipart(
            b"m", text_part(rng), b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n", b"Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n" + inner)
    if v == "dmarc-zip":
        return head(rng, b"Report domain: example.com", b'Content-Type: application/zip; name="r!example.com!1.zip"', b"Content-Transfer-Encoding: base64") + crlf(carriers.b64(carriers.zipped(b"<feedback></feedback>", "r.xml")))
    part = {"postfix": b"Content-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n" + inner, "truncated-multipart": b"Content-Type: message/rfc822\r\n\r\n" + inner[:inner.rindex(b"--inner_b--")],
            "truncated-base64": b"Content-Type: message/rfc822\r\n\r\n" + inner[:-700], "truncated-qp": b"Content-Type: message/rfc822\r\n\r\n" + head(rng, b"q", b"Content-Transfer-Encoding: quoted-printable") + b"half an escape =\r\nand the end =4",
            "headers-only": b"Content-Type: text/rfc822-headers\r\n\r\n" + inner[:400] + b"\r\n", "exchange": b"Content-Type: message/rfc822\r\n\r\n" + inner[:inner.index(b"\r\n\r\n") + 4], "inner-open": b"Content-Type: message/rfc822\r\n\r\n" + inner[:-20]}[v]
    return head(rng, b"Undelivered Mail Returned to Sender", report, b"Auto-Submitted: auto-replied") + multipart(b"4X9bq", b"Content-Description: Notification\r\n" + text_part(rng), status, part)


# --- odd names of encodings, types, charsets ----------------------------------------------------------------------------------
@honest("encoding-name", b"utf-8", b"8-bit", b"none", b"7 bit", b"8bits", b"UTF8", b"plain", b"", b"iso-8859-1", b"7-bit", b"us-ascii", b"8bit;", b'"7bit"', b"quoted-printable; charset=utf-8", b"text", b"base-64", b"quote-printable", b"(none) 8bit", b"binary")
def encoding_name(rng, v):
    body = crlf(carriers.qp(prose(rng))) if v.startswith(b"quote") else prose(rng)
    return head(rng, b"Hello", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: " + v) + body


@honest("type-name", b"text", b"text/plain; charset", b"text/plain; charset=", b"text/plain; charset=unknown-8bit", b"text/plain;charset=\"utf-8", b"TEXT/PLAIN; CHARSET=US-ASCII;;", b"text/plain charset=utf-8", b"plain/text", b"text/html; charset=utf-8; format=flowed",
        b"text/plain; charset=\"_iso-2022-jp$ESC\"", b"text/plain; charset=x-user-defined", b"html", b"text/plain; charset==?utf-8?q?utf-8?=", b"text/plain; =", b"application/text", b"text/plain; charset=iso-8859-1 (Latin 1)", b"text/plain; name=\xe4\xf6.txt",
        b"multipart/alternative", b"text/html;\r\n charset=3D\"utf-8\"", b"text/plain; charset=utf-8, text/html", b"text/plain; boundary=none", b"message", b"application/octet-stream; name=\"a;b.txt\"")
def type_name(rng, v):
    return head(rng, b"Hello", b"Content-Type: " + v) + prose(rng)


@honest("twice", "php-html-plain", "php-plain-html", "same-type", "charset", "same-encoding", "same-boundary", "version", "disposition", "subject", "type-in-part")
def twice(rng, v):
    """Fields given twice; among text types it is what PHP mailers do."""
    lines = {"php-html-plain": (b"Content-Type: text/html; charset=utf-8", b"Content-Type: text/plain; charset=utf-8"), "php-plain-html": (b"Content-type: text/plain", b"Content-Type: text/html; charset=iso-8859-1"),
             "same-type": (b"Content-Type: text/plain", b"Content-Type: text/plain"), "charset": (b"Content-Type: text/html; charset=utf-8", b"Content-Type: text/html; charset=iso-8859-1"),
             "same-encoding": (b"Content-Type: text/plain", b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: 8bit"), "same-boundary": (b'Content-Type: multipart/mixed; boundary="b1"; boundary="b1"',),
             "version": (b"MIME-Version: 1.0", b"Content-Type: text/plain"), "disposition": (b"Content-Type: text/plain", b"Content-Disposition: inline", b"Content-Disposition: inline; filename=a.txt"),
             "subject": (b"Subject: again", b"Content-Type: text/plain"), "type-in-part": (b'Content-Type: multipart/mixed; boundary="b1"',)}[v]
    if v in ("same-boundary", "type-in-part"):
        return head(rng, b"Shop", *lines) + multipart(b"b1", b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n" + html(rng), text_part(rng))
    return head(rng, b"Shop", *lines) + (html(rng) if b"html" in lines[0] else prose(rng))


# --- boundaries ---------------------------------------------------------------------------------------------------------------
@honest("boundary", b"----=_NextPart_000_0001_01DA.ABCD", b"=_a=b=c", b"a b c", b"trailing  ", b"0016e6d7_x:y", b"_----------=_1167(8)'+_,-./:=?", b"x" * 70, b"x" * 90, b"--", b"-", b"==", b"NextPart", b"Boundary_(ID_x)", b"Apple-Mail=_1-2-3", b"b1_0aeaf5", b"simple boundary", b"\xe4\xf6")
def boundary(rng, v):
    return head(rng, b"With a picture", b'Content-Type: multipart/mixed; boundary="' + v + b'"') + multipart(v.rstrip(b" "), text_part(rng), file_part(rng, png(rng), b"image/png", b"a.png"))


@honest("boundary-odd", "unquoted-equals", "unquoted-colon", "prefix-javamail", "prefix-reverse", "blank-after-lines", "no-closing", "no-closing-nested", "empty-lines", "wrong-closing", "single-quotes", "missing", "lower-upper", "closing-blank", "not-used",
        "type-before", "dashes-in-text", "signature-dashes", "in-quoted-reply", "empty-part", "only-closing", "preamble-long", "epilogue-long", "same-nested", "folded", "semicolon-end", "mentioned-in-text", "no-blank-in-part")
def boundary_odd(rng, v):
    b, quoted, after = b"=_next_%d" % rng.randrange(10 ** 6), True, b""
    parts = [text_part(rng), file_part(rng, pdf(rng))]
    field, preamble, end = None, b"This is a multi-part message in MIME format.\r\n", True
    if v == "unquoted-equals":
        quoted, b = False, b"=_a=b"
    elif v == "unquoted-colon":
        quoted, b = False, b"0-1=:23"
    elif v in ("prefix-javamail", "prefix-reverse"):
        b, inner = (b"----=_Part_1", b"----=_Part_12") if v == "prefix-javamail" else (b"----=_Part_12", b"----=_Part_1")
        parts[0] = b'Content-Type: multipart/alternative; boundary="' + inner + b'"\r\n\r\n' + multipart(inner, text_part(rng), b"Content-Type: text/html\r\n\r\n" + html(rng), preamble=b"")
    elif v == "blank-after-lines":
        return head(rng, b"x", b'Content-Type: multipart/mixed; boundary="' + b + b'"') + multipart(b, *parts).replace(b"--" + b + b"\r\n", b"--" + b + b"  \r\n")
    elif v in ("no-closing", "no-closing-nested"):
        end = False
        if v == "no-closing-nested":
            parts[0] = b'Content-Type: multipart/alternative; boundary="in"\r\n\r\n' + multipart(b"in", text_part(rng), end=False)
    elif v == "empty-lines":
        parts = [p + b"\r\n\r\n\r\n" for p in parts]
    elif v == "wrong-closing":
        return head(rng, b"x", b'Content-Type: multipart/mixed; boundary="' + b + b'"') + multipart(b, *parts, end=False) + b"--" + b[:-1] + b"--\r\n"
    elif v == "single-quotes":
        field = b"Content-Type: multipart/mixed; boundary='" + b + b"'"
        b = b"'" + b + b"'"
    elif v == "missing":
        field = b"Content-Type: multipart/mixed"
    elif v == "lower-upper":
        field = b'Content-Type: Multipart/Mixed; Boundary="' + b + b'"'
    elif v == "closing-blank":
        return head(rng, b"x", b'Content-Type: multipart/mixed; boundary="' + b + b'"') + multipart(b, *parts, end=False) + b"--" + b + b"-- \r\n\r\n\r\n"
    elif v == "not-used":
        return head(rng, b"x", b'Content-Type: multipart/mixed; boundary="' + b + b'"') + prose(rng)
    elif v == "type-before":
        field = b'Content-Type: multipart/related; type="multipart/alternative";\r\n\tboundary="' + b + b'"; start="<a@b>"'
    elif v == "dashes-in-text":
        parts[0] = b"Content-Type: text/plain\r\n\r\n-- \r\n--\r\n---\r\n" + b"-" * 70 + b"\r\n--" + b[:-3] + b"\r\n-----Original Message-----\r\n" + prose(rng)
    elif v == "signature-dashes":
        parts[0] += b"-- \r\nAlice\r\n--\r\n"
    elif v == "in-quoted-reply":
        parts[0] += b"> --" + b + b"\r\n> Content-Type: text/plain\r\n> \r\n> text\r\n"
    elif v == "empty-part":
        parts = [b"\r\n"] + parts + [b"Content-Type: text/plain\r\n\r\n"]
    elif v == "only-closing":
        parts = []
    elif v == "preamble-long":
        preamble = prose(rng, 2000)
    elif v == "epilogue-long":
        after = prose(rng, 2000)
    elif v == "same-nested":
        parts[0] = b'Content-Type: multipart/alternative; boundary="' + b + b'"\r\n\r\n' + multipart(b, text_part(rng), preamble=b"")
    elif v == "folded":
        field = b'Content-Type: multipart/mixed;\r\n\tcharset="utf-8";\r\n \r\n boundary="' + b + b'"'
    elif v == "semicolon-end":
        field = b'Content-Type: multipart/mixed; boundary="' + b + b'";'
    elif v == "mentioned-in-text":
        parts[0] = b"Content-Type: text/plain\r\n\r\nThe boundary=" + b + b" is given in Content-Type: multipart/mixed; boundary=\"x\"\r\n"
    elif v == "no-blank-in-part":
        parts[0] = b"\r\n" + prose(rng)
    return head(rng, b"x", field or b"Content-Type: multipart/mixed; boundary=" + (b'"' + b + b'"' if quoted else b)) + multipart(b, *parts, preamble=preamble, end=end) + after


# --- external bodies, PGP, S/MIME ---------------------------------------------------------------------------------------------
@honest("external-body", "mail-server", "ftp", "both", "local")
def external(rng, v):
    mail = b'Content-Type: Message/External-body;\r\n\taccess-type="mail-server";\r\n\tserver="mailserv@ietf.example"\r\n\r\nContent-Type: text/plain\r\nContent-ID: <2026@ietf.example>\r\n\r\nENCODING mime\r\nFILE /internet-drafts/draft-a-00.txt\r\n'
    ftp = b'Content-Type: Message/External-body;\r\n\tname="draft-a-00.txt";\r\n\tsite="ftp.ietf.example";\r\n\taccess-type="anon-ftp";\r\n\tdirectory="internet-drafts"\r\n\r\nContent-Type: text/plain\r\nContent-ID: <2026@ietf.example>\r\n\r\n'
    parts = {"mail-server": [mail], "ftp": [ftp], "both": [mail, ftp], "local": [b"Content-Type: message/external-body; access-type=local-file; name=/tmp/x\r\n\r\nContent-Type: text/plain\r\n\r\n"]}[v]
    inner = multipart(b"OtherAccess", *parts, preamble=b"")
    return head(rng, b"I-D ACTION:draft-a-00.txt", b'Content-Type: Multipart/Mixed; Boundary="NextPart"') + multipart(
        b"NextPart", text_part(rng), b'Content-Type: Multipart/Alternative; Boundary="OtherAccess"\r\n\r\n' + inner)


def armour(rng, kind, n=12):
    return b"-----BEGIN PGP " + kind + b"-----\r\nVersion: GnuPG v2\r\nComment: made up\r\n\r\n" + crlf(carriers.lines_of(base64.b64encode(rng.randbytes(48 * n)), 64)) + b"=aB3d\r\n-----END PGP " + kind + b"-----\r\n"


@honest("pgp", "inline-signed", "inline-encrypted", "key", "mime-signed", "mime-encrypted", "inline-dashes", "quoted", "key-attached", "in-qp")
def pgp(rng, v):
    if v == "inline-signed":
        return head(rng, b"signed") + b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n" + prose(rng) + b"- -- \r\nAlice\r\n" + armour(rng, b"SIGNATURE", 4)
    if v == "inline-dashes":
        return head(rng, b"signed") + b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA1\r\n\r\n- --boundary\r\n- -----Original Message-----\r\n" + prose(rng) + armour(rng, b"SIGNATURE", 4)
    if v == "mime-signed":
        return head(rng, b"signed", b'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"') + multipart(b"s", text_part(rng), PGP_SIGNATURE)
    if v == "mime-encrypted":
        return head(rng, b"...", b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="s"') + multipart(
            b"s", b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n", b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n' + armour(rng, b"MESSAGE", 40))
    if v == "key-attached":
        return head(rng, b"key", b'Content-Type: multipart/mixed; boundary="s"') + multipart(b"s", text_part(rng), b'Content-Type: application/pgp-keys; name="k.asc"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n' + crlf(carriers.qp(armour(rng, b"PUBLIC KEY BLOCK"))))
    text = armour(rng, b"PUBLIC KEY BLOCK" if v == "key" else b"MESSAGE", 30)
    if v == "quoted":
        text = b"".join(b"> " + x + b"\r\n" for x in text.split(b"\r\n"))
    if v == "in-qp":
        return head(rng, b"q", b"Content-Transfer-Encoding: quoted-printable") + crlf(carriers.qp(text))
    return head(rng, b"pgp", b"Content-Type: text/plain") + text


@honest("smime", "opaque", "opaque-streamed", "opaque-x", "detached", "enveloped", "certificate", "signed-receipt", "opaque-html", "opaque-in-part")
def smime(rng, v):
    inner = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + prose(rng)
    if v == "opaque-html":
        inner = b'Content-Type: multipart/alternative; boundary="in"\r\n\r\n' + multipart(b"in", text_part(rng), b"Content-Type: text/html\r\n\r\n" + html(rng))
    if v == "detached":
        return head(rng, b"signed", b'Content-Type: multipart/signed; protocol="application/x-pkcs7-signature"; micalg=sha-256; boundary="----D"') + multipart(
            b"----D", inner, b'Content-Type: application/x-pkcs7-signature; name="smime.p7s"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + crlf(carriers.b64(carriers.signed_data(b"", True) + rng.randbytes(900))), preamble=b"This is an S/MIME signed message\r\n\r\n")
    if v == "enveloped":
        oid = bytes.fromhex("06092a864886f70d010703")
        data = carriers.der(0x30, oid, carriers.der(0xa0, carriers.der(0x30, b"\x02\x01\0", carriers.der(0x31, rng.randbytes(300)), rng.randbytes(800))))
        return head(rng, b"secret", b'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"', b"Content-Transfer-Encoding: base64") + crlf(carriers.b64(data))
    if v == "certificate":
        return head(rng, b"cert", b'Content-Type: multipart/mixed; boundary="c"') + multipart(b"c", text_part(rng), b'Content-Type: application/x-x509-ca-cert; name="ca.crt"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + crlf(carriers.b64(carriers.der(0x30, rng.randbytes(700)))))
    kind = b"application/x-pkcs7-mime" if v == "opaque-x" else b"application/pkcs7-mime"
    data = crlf(carriers.b64(carriers.signed_data(inner, v == "opaque-streamed")))
    if v == "opaque-in-part":
        return head(rng, b"fwd", b'Content-Type: multipart/mixed; boundary="c"') + multipart(b"c", text_part(rng), b'Content-Type: application/pkcs7-mime; name="smime.p7m"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + data)
    return head(rng, b"signed", b"Content-Type: " + kind + b'; smime-type=signed-data; name="smime.p7m"', b"Content-Transfer-Encoding: base64", b'Content-Disposition: attachment; filename="smime.p7m"') + data


# --- sloppy encodings ---------------------------------------------------------------------------------------------------------
@honest("sloppy-qp", b"a = b and c=d\r\nurl?x=1&y=2\r\n", b"100=% sure =\r\n\r\n=\r\n", b"end with =", b"=zz =0g =G0 =\r\n", b"caf=e9 =E9\r\n  trailing   \r\n", b"=3d=3D=0D=0A\r\n", b"soft =  \r\nbreak\r\n", b"=\tx\r\n", b"=?utf-8?q?hello?= world\r\n",
        b"\xe4\xf6 raw 8bit =E4\r\n", b"if (a==b) x=\"1\";\r\n" * 40, b"=" * 76 + b"\r\n" + b"=" * 20 + b"\r\n", b"=\r\n" * 100, b"x=\r\r\ny\r\n")
def sloppy_qp(rng, v):
    return head(rng, b"qp", b"Content-Type: text/plain; charset=iso-8859-1", b"Content-Transfer-Encoding: quoted-printable") + v + prose(rng)


@honest("sloppy-base64", "no-padding", "one-line", "blank-lines", "text-after", "text-before", "long-lines", "odd-width", "spaces", "empty", "cut", "two-runs", "not-base64", "url", "no-final-newline", "dots", "exclamation")
def sloppy_base64(rng, v):
    data = prose(rng, 150)
    text = {"no-padding": carriers.b64(data).replace(b"=", b""), "one-line": carriers.b64(data, 10 ** 6), "blank-lines": carriers.b64(data).replace(b"\n", b"\n\n"), "text-after": carriers.b64(data) + b"\n-- \nsent by nobody\n", "text-before": b"\n \n" + carriers.b64(data),
            "long-lines": carriers.b64(data, 990), "odd-width": carriers.b64(data, 61), "spaces": carriers.b64(data).replace(b"\n", b" \n"), "empty": b"", "cut": carriers.b64(data)[:-30], "two-runs": carriers.b64(data) + carriers.b64(data), "not-base64": data,
            "url": carriers.b64(data).replace(b"+", b"-"), "no-final-newline": carriers.b64(data).rstrip(b"\n"), "dots": carriers.b64(data) + b".\n", "exclamation": carriers.b64(data, 70).replace(b"\n", b"!\n ")}[v]
    return head(rng, b"b64", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: base64") + crlf(text)


# --- robots and homemade mail -------------------------------------------------------------------------------------------------
@honest("cron", "progress", "progress-part", "spinner", "rsync", "dos-lines", "nul", "escape", "lone-cr-lines", "backspace", "colon-progress", "wget")
def cron(rng, v):
    text = {"progress": b"".join(b"%3d%%\r" % i for i in range(100)) + b"\r\ndone\r\n", "progress-part": b"".join(b"[%s]\r" % (b"#" * i) for i in range(60)) + b"\r\n", "spinner": b"".join(b"-\r\\\r|\r/\r" for _ in range(50)) + b"\r\n",
            "rsync": b"".join(b"  1,234,567 %d%%  1.2MB/s  0:00:0%d\r" % (i, i % 10) for i in range(0, 100, 7)) + b"\r\n", "dos-lines": b"line one\r\r\nline two\r\r\n" * 20, "nul": b"a\0b\0\0\r\n" * 5, "escape": b"\x1b[31mred\x1b[0m\x1b[2K\r\n" * 10,
            "lone-cr-lines": b"\r".join([b"record one", b"record two", b"", b"record three"] * 10) + b"\r\n", "backspace": b"b\bbo\bol\bld\bd\r\n", "colon-progress": b"".join(b"Progress: %d%%\rFile: x%d\r" % (i, i) for i in range(50)) + b"\r\n",
            "wget": b"\r\n".join(b"%6dK .......... .......... .......... .......... .......... %d%% 1.2M 1s" % (i * 50, i) for i in range(50)) + b"\r\n"}[v]
    if v == "progress-part":
        return head(rng, b"Cron", b'Content-Type: multipart/mixed; boundary="cr"') + multipart(b"cr", text_part(rng), b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text)
    return head(rng, b"Cron <root@host> /usr/local/bin/backup", b"Content-Type: text/plain; charset=UTF-8", b"X-Cron-Env: <SHELL=/bin/sh>", b"Auto-Submitted: auto-generated", mime=False) + text


@honest("homemade", "blank-before-colon", "no-version", "no-type", "8bit-header", "8bit-name", "no-colon-line", "empty-fields", "tabs", "lower", "no-blank-after-colon", "long-subject", "many-received", "no-header-end", "only-header", "empty", "cr-in-subject", "nul-in-subject",
        "mbox-line", "quoted-from", "blank-first-body", "many-recipients", "huge-references", "folded-blank", "x-lines-long", "php-injected", "no-newline", "dkim", "arc", "space-line-header", "content-length", "unicode-subject", "html-only")
def homemade(rng, v):
    plain = b"Content-Type: text/plain; charset=utf-8"
    special = {
        "blank-before-colon": (b"X-Mailer : homemade 1.0", b"Content-Type : text/plain", b"Content-Transfer-Encoding : 8bit"), "no-version": (plain,), "no-type": (), "8bit-header": (b"X-Name: \xe4\xf6\xfc", plain, b"Content-Description: \xfcber"), "8bit-name": (b"X-\xe4: y", plain),
        "no-colon-line": (b"this is no field", plain), "empty-fields": (b"X-Empty:", b"Content-Description:", b"Content-Disposition:", plain), "tabs": (b"Content-Type:\ttext/plain;\tcharset=utf-8",), "lower": (b"content-type: text/plain", b"content-transfer-encoding: 8bit"),
        "no-blank-after-colon": (b"Content-Type:text/plain", b"Content-Transfer-Encoding:7bit"), "long-subject": (b"X-Subject: " + b"long " * 3000, plain), "many-received": tuple(b"Received: from a%d by b%d; Mon, 2 Mar 2026 10:00:00 +0000" % (i, i) for i in range(60)),
        "cr-in-subject": (b"X-Title: a\rb", plain), "nul-in-subject": (b"X-Title: a\0b", plain), "many-recipients": (b"Cc: " + b",\r\n ".join(b"user%d@example.com" % i for i in range(400)), plain), "huge-references": (b"References: " + b"\r\n ".join(b"<%d@x.example>" % i for i in range(800)), plain),
        "folded-blank": (b"X-Folded: a\r\n \r\n b", plain), "x-lines-long": (b"X-Data: " + base64.b64encode(rng.randbytes(9000)), plain), "php-injected": (plain, b"X-PHP-Originating-Script: 0:mail.php", b"Content-type: text/html"), "dkim": (b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s;\r\n\tb=" + base64.b64encode(rng.randbytes(128)), plain),
        "arc": (b"ARC-Seal: i=1; a=rsa-sha256; cv=none; b=" + base64.b64encode(rng.randbytes(128)), b"ARC-Message-Signature: i=1; b=" + base64.b64encode(rng.randbytes(128)), plain), "content-length": (b"Content-Length: 1234", b"Lines: 5", b"Status: RO", plain),
        "unicode-subject": (b"Subject: =?utf-8?B?" + base64.b64encode("ünïcödé".encode()) + b"?= =?utf-8?q?_=C3=A4?=", plain),
    }
    if v == "no-header-end":
        return b"From: a@sender.example\r\nSubject: no body at all\r\n"
    if v == "only-header":
        return head(rng, b"nothing")
    if v == "empty":
        return b"\r\n"
    if v == "mbox-line":
        return b"From alice@sender.example Mon Mar  2 10:00:00 2026\r\n" + head(rng, b"mbox", plain) + prose(rng)
    if v == "quoted-from":
        return head(rng, b"x", plain) + b">From here to there\r\nFrom now on\r\n" + prose(rng)
    if v == "blank-first-body":
        return head(rng, b"x", plain) + b"\r\n\r\n   \r\n" + prose(rng)
    if v == "no-newline":
        return head(rng, b"x", plain) + b"no line end at the end"
    if v == "space-line-header":
        return head(rng, b"x", plain)[:-2] + b" \r\n\r\n" + prose(rng)
    if v == "html-only":
        return head(rng, b"x", b"Content-Type: text/html", mime=False) + html(rng)
    return head(rng, b"x", *special[v], mime=v != "no-version") + prose(rng)


@honest("charset", "utf-16-log", "utf-16be-log", "utf-16-attached", "utf-16-nobom", "utf-8-bom", "iso-2022-jp", "koi8", "utf-7", "gb2312", "wrong", "windows-1252", "utf-32", "ebcdic-log", "shift-jis", "big5", "emoji")
def charset(rng, v):
    log = "".join(f"2026-03-02 10:00:{i:02d} service started, state {i}\r\n" for i in range(60))
    data, name = {"utf-16-log": (log.encode("utf-16"), b"utf-16"), "utf-16be-log": (log.encode("utf-16-be"), b"utf-16be"), "utf-16-attached": (log.encode("utf-16"), b""), "utf-16-nobom": (log.encode("utf-16-le"), b"utf-16"), "utf-8-bom": (b"\xef\xbb\xbf" + log.encode(), b"utf-8"),
                  "iso-2022-jp": ("こんにちは、会議の件です。".encode("iso-2022-jp"), b"iso-2022-jp"), "koi8": ("Привет, это письмо".encode("koi8-r"), b"koi8-r"), "utf-7": ("Grüße aus Köln + mehr".encode("utf-7"), b"utf-7"), "gb2312": ("你好，会议".encode("gb2312"), b"gb2312"), "wrong": ("Grüße".encode("latin-1"), b"utf-8"),
                  "windows-1252": ("“quoted” – dash".encode("cp1252"), b"windows-1252"), "utf-32": (log.encode("utf-32"), b"utf-32"), "ebcdic-log": (log.encode("cp500"), b"ibm500"), "shift-jis": ("会議".encode("shift_jis"), b"shift_jis"), "big5": ("會議".encode("big5"), b"big5"), "emoji": ("😀👍 ok".encode(), b"utf-8")}[v]
    if v in ("utf-16-attached", "utf-16-log", "utf-16be-log", "utf-16-nobom", "utf-32", "ebcdic-log"):
        return head(rng, b"log", b'Content-Type: multipart/mixed; boundary="l"') + multipart(b"l", text_part(rng), b"Content-Type: text/plain" + (b"; charset=" + name if name else b"; name=log.txt") + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + crlf(carriers.b64(data)))
    return head(rng, b"text", b"Content-Type: text/plain; charset=" + name, b"Content-Transfer-Encoding: 8bit") + data + b"\r\n"


# --- the big senders' shapes --------------------------------------------------------------------------------------------------
def alternative(rng, b, cte=b"quoted-printable"):
    enc = carriers.qp if cte == b"quoted-printable" else carriers.b64
    return multipart(b, b'Content-Type: text/plain; charset="UTF-8"\r\nContent-Transfer-Encoding: ' + cte + b"\r\n\r\n" + crlf(enc(prose(rng))), b'Content-Type: text/html; charset="UTF-8"\r\nContent-Transfer-Encoding: ' + cte + b"\r\n\r\n" + crlf(enc(html(rng))), preamble=b"")


@honest("modern", "outlook", "outlook-tnef", "gmail", "apple", "apple-double", "thunderbird", "calendar", "calendar-attached", "ticket", "phpmailer", "newsletter", "newsletter-large", "ios-photo", "docusign", "bounce-address", "voicemail", "scanner", "teams", "github", "invoice-pdf", "zip", "encrypted-zip", "docx",
        "sixty-attachments", "forward-8", "inline-images", "amp", "related-nested", "fax-tiff", "gz-logs", "vcard", "eml-attached", "large-text", "one-line-html", "xml-attached", "csv", "patch", "uu-file", "yenc-file", "binhex-file", "rtf", "script", "exe-like")
def modern(rng, v):
    def mixed(*parts, b=b"_004_AM0PR04MB1234_", **more):
        return head(rng, b"Fwd: " + v.encode(), b'Content-Type: multipart/mixed;\r\n\tboundary="' + b + b'"') + multipart(b, *parts, preamble=b"", **more)
    alt = b'Content-Type: multipart/alternative; boundary="_000_alt_"\r\n\r\n' + alternative(rng, b"_000_alt_")
    image = b'Content-Type: image/png; name="image001.png"\r\nContent-Description: image001.png\r\nContent-Disposition: inline; filename="image001.png"; size=1234\r\nContent-ID: <image001.png@01DA>\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    related = b'Content-Type: multipart/related; boundary="_003_rel_"; type="multipart/alternative"\r\n\r\n' + multipart(b"_003_rel_", alt, image + crlf(carriers.b64(png(rng))), preamble=b"")
    ics = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nDTSTART:20260302T100000Z\r\nSUMMARY:Meeting\r\nDESCRIPTION:long text\\n that\r\n  is folded\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    if v in ("outlook", "related-nested"):
        return mixed(related, file_part(rng, pdf(rng)))
    if v == "outlook-tnef":
        return mixed(text_part(rng), b'Content-Type: application/ms-tnef; name="winmail.dat"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + crlf(carriers.b64(carriers.tnef(pdf(rng), b"a.pdf"))))
    if v == "gmail":
        return head(rng, b"hello", b'Content-Type: multipart/alternative; boundary="000000000000abcdef061"') + alternative(rng, b"000000000000abcdef061")
    if v == "apple":
        return mixed(b"Content-Transfer-Encoding: 7bit\r\nContent-Type: text/plain;\r\n\tcharset=us-ascii\r\n\r\n" + prose(rng), b"Content-Disposition: inline;\r\n\tfilename=\"My File.pdf\"\r\nContent-Type: application/pdf;\r\n\tx-unix-mode=0644;\r\n\tname=\"My File.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + crlf(carriers.b64(pdf(rng))), b"Content-Transfer-Encoding: 7bit\r\nContent-Type: text/plain;\r\n\tcharset=us-ascii\r\n\r\n\r\n\r\n", b=b"Apple-Mail=_ABC-1")
    if v == "apple-double":
        return mixed(text_part(rng), b'Content-Type: multipart/appledouble; boundary="AD"\r\n\r\n' + multipart(b"AD", b"Content-Type: application/applefile; name=x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + crlf(carriers.b64(b"\0\5\x16\7" + rng.randbytes(80))), file_part(rng, pdf(rng)), preamble=b""))
    if v == "thunderbird":
        return head(rng, b"Re: x", b"Content-Type: text/plain; charset=UTF-8; format=flowed", b"Content-Transfer-Encoding: 8bit", b"Content-Language: de-DE") + prose(rng).replace(b"\r\n", b" \r\n") + b"\r\n-- \r\nBob\r\n"
    if v == "calendar":
        return head(rng, b"Invitation", b'Content-Type: multipart/mixed; boundary="cal"') + multipart(b"cal", b'Content-Type: multipart/alternative; boundary="c2"\r\n\r\n' + multipart(b"c2", text_part(rng), b"Content-Type: text/html\r\n\r\n" + html(rng, 3), b'Content-Type: text/calendar; charset="utf-8"; method=REQUEST\r\nContent-Transfer-Encoding: 7bit\r\n\r\n' + ics, preamble=b""), file_part(rng, ics, b"application/ics", b"invite.ics"))
    if v == "calendar-attached":
        return head(rng, b"Invitation", b"Content-Type: text/calendar; method=REQUEST; charset=utf-8", b"Content-Transfer-Encoding: base64") + crlf(carriers.b64(ics))
    if v in ("ticket", "bounce-address"):
        return head(rng, b"[#12345] Printer", b'Content-type: multipart/mixed; boundary="----------=_1709-1-0"', b"X-RT-Loop-Prevention: x", b"X-Managed-BY: RT 5") + multipart(b"----------=_1709-1-0", b"Content-Disposition: inline\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset=utf-8\r\nX-RT-Original-Encoding: utf-8\r\n\r\n" + prose(rng))
    if v == "phpmailer":
        return head(rng, b"Your order", b'Content-Type: multipart/alternative;\r\n boundary="b1=_abc"', b"X-Mailer: PHPMailer 6.9") + multipart(b"b1=_abc", text_part(rng), b"Content-Type: text/html; charset=us-ascii\r\n\r\n" + html(rng) + b"\r\n\r\n")
    if v in ("newsletter", "newsletter-large", "amp", "docusign", "teams", "github"):
        n = 900 if v == "newsletter-large" else 60
        parts = [b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + crlf(carriers.qp(prose(rng, n))), b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + crlf(carriers.qp(html(rng, n)))]
        if v == "amp":
            parts.insert(1, b"Content-Type: text/x-amp-html; charset=utf-8\r\n\r\n" + html(rng, 5))
        return head(rng, b"News", b'Content-Type: multipart/alternative; boundary="_----------=_MCPart_1"', b"List-Unsubscribe: <https://n.sender.example/u?x=" + rng.randbytes(40).hex().encode() + b">", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click") + multipart(b"_----------=_MCPart_1", *parts, preamble=b"")
    if v == "ios-photo":
        return mixed(text_part(rng), b"Content-Type: image/jpeg;\r\n\tname=IMG_0001.jpeg;\r\n\tx-apple-part-url=abc\r\nContent-Disposition: inline;\r\n\tfilename=IMG_0001.jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n" + crlf(carriers.b64(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + rng.randbytes(300000))) + b"\r\n", text_part(rng))
    files = {"voicemail": (b"RIFF" + rng.randbytes(20000), b"audio/wav", b"vm.wav"), "scanner": (pdf(rng, 60000), b"application/pdf", b"scan0001.pdf"), "invoice-pdf": (pdf(rng), b"application/pdf", b"=?utf-8?q?Rechnung_=C3=BC?=.pdf"), "zip": (carriers.zipped(prose(rng), "a.txt"), b"application/x-zip-compressed", b"a.zip"),
             "docx": (carriers.zipped(b"<w:document/>", "word/document.xml"), b"application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"a.docx"), "fax-tiff": (b"II*\0\x08\0\0\0" + rng.randbytes(5000), b"image/tiff", b"fax.tif"),
             "gz-logs": (carriers.gzipped(prose(rng, 3000)), b"application/gzip", b"log.gz"), "vcard": (b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alice\r\nEND:VCARD\r\n", b"text/vcard", b"a.vcf"), "xml-attached": (b"<?xml version='1.0'?><a>" + prose(rng) + b"</a>", b"text/xml", b"a.xml"),
             "csv": (b"a;b;c\r\n" * 2000, b"text/csv", b"a.csv"), "patch": (b"--- a/x.c\n+++ b/x.c\n@@ -1,2 +1,2 @@\n-int a;\n+int b;\n-- \n2.39.2\n", b"text/x-patch", b"0001-x.patch"), "rtf": (b"{\\rtf1\\ansi " + prose(rng) + b"}", b"application/rtf", b"a.rtf"),
             "script": (b"#!/bin/sh\necho hello\n" * 50, b"application/x-sh", b"a.sh"), "exe-like": (b"MZ" + rng.randbytes(2000), b"application/octet-stream", b"data.bin")}
    if v in files:
        return mixed(text_part(rng), file_part(rng, *files[v]))
    if v == "encrypted-zip":
        z = bytearray(carriers.zipped(rng.randbytes(500), "a.bin"))
        z[6] |= 1                                       # the flag in the local header and in the directory
        z[z.index(b"PK\1\2") + 8] |= 1
        return mixed(text_part(rng), file_part(rng, bytes(z), b"application/zip", b"secret.zip"))
    if v == "sixty-attachments":
        return mixed(text_part(rng), *[file_part(rng, pdf(rng, 1500), name=b"f%d.pdf" % i) for i in range(60)])
    if v == "forward-8":
        out = head(rng, b"first", b"Content-Type: text/plain") + prose(rng)
        for i in range(8):
            b = b"fwd_%d" % i
            out = head(rng, b"Fwd: %d" % i, b'Content-Type: multipart/mixed; boundary="' + b + b'"') + multipart(b, text_part(rng), b'Content-Type: message/rfc822; name="m.eml"\r\nContent-Disposition: attachment\r\n\r\n' + out)
        return out
    if v == "inline-images":
        return head(rng, b"pictures", b'Content-Type: multipart/related; boundary="rel"') + multipart(b"rel", b"Content-Type: text/html\r\n\r\n" + html(rng), *[image.replace(b"001", b"%03d" % i) + crlf(carriers.b64(png(rng))) for i in range(20)])
    if v == "eml-attached":
        return mixed(text_part(rng), b'Content-Type: application/octet-stream; name="a.eml"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + crlf(carriers.b64(head(rng, b"inner", b"Content-Type: text/plain") + prose(rng))))
    if v == "large-text":
        return head(rng, b"long", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit") + prose(rng, 60000)
    if v == "one-line-html":
        return head(rng, b"one line", b"Content-Type: text/html; charset=utf-8", b"Content-Transfer-Encoding: 8bit") + html(rng, 800).replace(b"\r\n", b"") + b"\r\n"
    old = {"uu-file": carriers.uu(pdf(rng), b"a.pdf"), "yenc-file": carriers.yenc(png(rng), b"a.png"), "binhex-file": carriers.binhex(pdf(rng), b"a.pdf")}[v]
    return head(rng, b"old", b"Content-Type: text/plain", b"Content-Transfer-Encoding: 8bit") + prose(rng) + b"\r\n" + crlf(old) + b"\r\nBye\r\n"


# --- text that looks like something to decode ---------------------------------------------------------------------------------
@honest("looks-like", "mail-source", "mail-source-quoted", "rfc-example", "pem", "ssh-key", "hex-dump", "base64-words", "begin-word", "ybegin-word", "json", "javascript", "data-uri", "log-base64", "html-source", "long-token", "equals-lines", "xml-signature", "diff", "jwt", "plus-minus", "shell", "perl", "python-bytes",
        "binhex-talk", "uu-talk", "headers-in-body", "boundary-talk", "table", "ascii-art", "css", "windows-paths", "tex", "dkim-dump", "mbox-in-text")
def looks_like(rng, v):
    source = head(rng, b"inner", b'Content-Type: multipart/mixed; boundary="talk"') + multipart(b"talk", text_part(rng), file_part(rng, png(rng), b"image/png", b"a.png"))
    token = base64.b64encode(rng.randbytes(300))
    text = {
        "mail-source": b"Here is the source of the mail:\r\n\r\n" + source, "mail-source-quoted": b"".join(b"> " + x + b"\r\n" for x in source.split(b"\r\n")), "rfc-example": b"     From: Nathaniel\r\n     MIME-Version: 1.0\r\n     Content-type: multipart/mixed; boundary=\"simple boundary\"\r\n\r\n     --simple boundary\r\n\r\n     text\r\n     --simple boundary--\r\n" * 5,
        "pem": b"-----BEGIN CERTIFICATE-----\r\n" + crlf(carriers.b64(rng.randbytes(900), 64)) + b"-----END CERTIFICATE-----\r\n", "ssh-key": b"ssh-rsa " + base64.b64encode(rng.randbytes(279)) + b" alice@host\r\n", "hex-dump": b"\r\n".join(b"%08x  %s" % (i * 16, rng.randbytes(16).hex(" ").encode()) for i in range(200)) + b"\r\n",
        "base64-words": b"\r\n".join(b"".join(rng.choice(WORDS).encode() for _ in range(9))[:76] for _ in range(100)) + b"\r\n", "begin-word": b"begin 10 years ago\r\nbegin 644 is what uuencode writes\r\nend\r\n" + prose(rng), "ybegin-word": b"=ybegin is the first word of yEnc\r\n=yend\r\n" + prose(rng),
        "json": b'{"a": [1, 2, 3], "b": "' + token + b'"}\r\n' * 30, "javascript": b"<script>var x='" + token + b"';document.write(atob(x));</script>\r\n", "data-uri": b'<img src="data:image/png;base64,' + base64.b64encode(png(rng)) + b'">\r\n', "log-base64": b"\r\n".join(b"Mar  2 10:00:%02d host app[1]: token=%s" % (i, base64.b64encode(rng.randbytes(60))) for i in range(60)) + b"\r\n",
        "html-source": html(rng).replace(b"<", b"&lt;"), "long-token": token * 200 + b"\r\n", "equals-lines": b"Title\r\n=====\r\n\r\nText = value\r\n=====\r\n" * 20, "xml-signature": b"<ds:SignatureValue>" + token + b"</ds:SignatureValue>\r\n" * 10, "diff": b"--- a/file\r\n+++ b/file\r\n@@ -1 +1 @@\r\n-old=1\r\n+new=2\r\n--\r\n2.39\r\n" * 20,
        "jwt": b".".join(base64.urlsafe_b64encode(rng.randbytes(60)).rstrip(b"=") for _ in range(3)) + b"\r\n", "plus-minus": b"A+B- C+D- +AGE- 1+1=2 +-\r\n" * 30, "shell": b"cat <<EOF | uudecode\r\nbegin 644 x\r\n`\r\nend\r\nEOF\r\n", "perl": b"my %h = (a => 1, b => 2); print \"$_=$h{$_}\\n\" for keys %h;\r\n" * 30, "python-bytes": b"x = b'" + b"".join(b"\\x%02x" % c for c in rng.randbytes(300)) + b"'\r\n",
        "binhex-talk": b"(This file must be converted with BinHex 4.0)\r\n\r\nis what stands at the top.\r\n" + prose(rng), "uu-talk": b"M is the first letter of a full line\r\nM" + b"=" * 60 + b"\r\nend\r\n", "headers-in-body": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nand so on\r\n" + prose(rng), "boundary-talk": b"boundary=\"x\"\r\n--x\r\n--x--\r\n----x\r\n" * 20,
        "table": b"\r\n".join(b"| %-10d | %-10d | %-10d |" % (i, i * i, i ** 3) for i in range(100)) + b"\r\n", "ascii-art": b"\r\n".join(bytes(rng.choice(b" .:-=+*#%@/\\|_()") for _ in range(70)) for _ in range(40)) + b"\r\n", "css": b".a{background:url(data:;base64,)}#b:hover{x:y=z}\r\n" * 50, "windows-paths": b"C:\\Users\\bob\\x=1\\n\\r\\0\r\n" * 20,
        "tex": b"\\begin{equation} a = b \\end{equation}\r\n" * 40, "dkim-dump": b"v=DKIM1; k=rsa; p=" + base64.b64encode(rng.randbytes(294)) + b"\r\n", "mbox-in-text": b"From a@b.example Mon Mar  2 10:00:00 2026\r\n" + source + b"\r\nFrom c@d.example Mon Mar  2 10:00:00 2026\r\n" + source,
    }[v]
    kind = b"text/html" if v in ("javascript", "data-uri", "css") else b"text/plain"
    return head(rng, b"about " + v.encode(), b"Content-Type: " + kind + b"; charset=utf-8") + text


def mails(seed):
    for family, make, variant in MAKERS:
        name = variant.decode("ascii", "backslashreplace") if isinstance(variant, bytes) else variant
        name = name if len(name) < 40 else f"{name[:30]}-{len(name)}"
        rng = random.Random(f"{seed}/{family}/{name}")
        yield Mail(family, f"{family}/{name}", make(rng, variant))
