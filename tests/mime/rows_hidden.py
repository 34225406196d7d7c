"""Messages that carry a file in a form that some mail reader opens: one function a family, each yields (name, message).

Nothing here is a copy of anybody's test mail; the families are those that papers and test services name.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import zipfile
import io

from .rows_build import (ATTACHMENT, BASE64, HELLO, MIXED, NL, OCTETS, QP, TOP, VERSION, attached, b64, binhex, file64, fold, message, part, qp_all,
                        qp_some, signed_data, single, tnef, utf7, uu, yenc)


def line_ends(v):
    whole = message([HELLO, file64(v)])
    yield "all-lf", whole.replace(NL, b"\n")
    yield "all-cr", whole.replace(NL, b"\r")
    head, body = whole.split(NL + NL, 1)
    yield "body-lf", head + NL + NL + body.replace(NL, b"\n")
    yield "body-cr", head + NL + NL + body.replace(NL, b"\r")
    yield "header-lf", head.replace(NL, b"\n") + b"\n\n" + body
    yield "part-header-cr", whole.replace(OCTETS + BASE64, (OCTETS + BASE64).replace(NL, b"\r"))
    yield "part-header-ends-cr", whole.replace(ATTACHMENT + NL, ATTACHMENT + b"\r")
    yield "part-header-ends-crcr", whole.replace(ATTACHMENT + NL, ATTACHMENT[:-2] + b"\r\r")
    yield "top-header-ends-crcr", whole.replace(b"\"b1\"\r\n\r\n", b"\"b1\"\r\r")
    yield "delimiter-after-cr", whole.replace(b"file.\r\n--b1", b"file.\r--b1")
    yield "delimiter-after-lf", whole.replace(b"file.\r\n--b1", b"file.\n--b1")
    yield "crcrlf", whole.replace(NL, b"\r\r\n")
    yield "field-after-cr", whole.replace(b"\r\nContent-Transfer", b"\rContent-Transfer")
    yield "qp-body-cr", attached(OCTETS + QP, qp_all(v).replace(NL, b"\r"))
    yield "qp-body-lf", attached(OCTETS + QP, qp_all(v).replace(NL, b"\n"))
    yield "7bit-cr-end", attached(OCTETS, v + b"\r")
    yield "7bit-lf-end", attached(OCTETS, v + b"\n")


def header_ends(v):
    body = b64(v)
    yield "no-blank-line", message([HELLO, OCTETS + BASE64 + ATTACHMENT + body])
    yield "no-blank-line-last-is-encoding", message([HELLO, OCTETS + ATTACHMENT + BASE64 + body])
    yield "no-blank-line-id", message([HELLO, OCTETS + BASE64 + b"Content-ID: <one>\r\n" + body])
    yield "no-blank-line-7bit", message([HELLO, OCTETS + ATTACHMENT + v + NL])
    yield "no-blank-line-qp", message([HELLO, OCTETS + QP + qp_all(v)])
    yield "blanks-line", message([HELLO, OCTETS + BASE64 + ATTACHMENT + b"  \r\n" + body])
    yield "tab-line", message([HELLO, OCTETS + BASE64 + ATTACHMENT + b"\t\r\n" + body])
    yield "blanks-line-7bit", message([HELLO, OCTETS + ATTACHMENT + b" \r\n" + v + NL])
    yield "blanks-line-qp", message([HELLO, OCTETS + QP + b" \r\n" + qp_all(v)])
    yield "nul-line", message([HELLO, OCTETS + BASE64 + ATTACHMENT + b"\0\r\n" + body])
    yield "two-blank-lines", message([HELLO, OCTETS + BASE64 + ATTACHMENT + NL + NL + body])
    yield "blank-line-inside", message([HELLO, OCTETS + NL + BASE64 + ATTACHMENT + NL + body])
    yield "blank-line-first", message([HELLO, NL + OCTETS + BASE64 + ATTACHMENT + NL + body])
    yield "blank-line-inside-qp", message([HELLO, OCTETS + NL + QP + NL + qp_all(v)])
    yield "junk-line-inside", message([HELLO, OCTETS + b"this is no field\r\n" + BASE64 + ATTACHMENT + NL + body])
    yield "junk-line-inside-qp", message([HELLO, OCTETS + b"this is no field\r\n" + QP + NL + qp_all(v)])
    yield "junk-line-inside-7bit", message([HELLO, OCTETS + b"this is no field\r\n" + ATTACHMENT + NL + v + NL])
    yield "top-blanks-line", (TOP + VERSION + MIXED + b"   \r\n--b1\r\n" + file64(v) + b"--b1--\r\n")
    yield "top-no-blank-line", (TOP + VERSION + MIXED + b"--b1\r\n" + file64(v) + b"--b1--\r\n")
    yield "mbox-line", b"From alice Mon Mar  2 10:00:00 2026\r\n" + message([HELLO, file64(v)])
    yield "quoted-mbox-line", b">From alice Mon Mar  2 10:00:00 2026\r\n" + message([HELLO, file64(v)])
    yield "leading-blank-line", NL + message([HELLO, file64(v)])
    yield "leading-blanks", b" \r\n" + message([HELLO, file64(v)])
    yield "first-field-indented", b" X-Odd: 1\r\n" + message([HELLO, file64(v)])
    yield "body-only-header", message([HELLO, OCTETS + BASE64 + NL + body], top=b"")


def fields(v):
    body = b64(v)

    def p(lines, content=body):
        return message([HELLO, lines + NL + content])
    yield "blank-before-colon", p(OCTETS + b"Content-Transfer-Encoding : base64\r\n")
    yield "tab-before-colon", p(OCTETS + b"Content-Transfer-Encoding\t: base64\r\n")
    yield "nul-before-colon", p(OCTETS + b"Content-Transfer-Encoding\0: base64\r\n")
    yield "no-blank-after-colon", p(OCTETS + b"Content-Transfer-Encoding:base64\r\n")
    yield "indented", p(OCTETS + b" Content-Transfer-Encoding: base64\r\n")
    yield "tab-indented-qp", p(OCTETS + b"\tContent-Transfer-Encoding: quoted-printable\r\n", qp_all(v))
    yield "folded", p(OCTETS + b"Content-Transfer-Encoding:\r\n base64\r\n")
    yield "folded-blank-line", p(OCTETS + b"Content-Transfer-Encoding:\r\n \r\n base64\r\n")
    yield "folded-qp-blank-line", p(OCTETS + b"Content-Transfer-Encoding:\r\n \r\n quoted-printable\r\n", qp_all(v))
    yield "folded-within", p(OCTETS + b"Content-Transfer-Encoding: ba\r\n se64\r\n")
    yield "upper-case", p(b"CONTENT-TYPE: APPLICATION/OCTET-STREAM\r\nCONTENT-TRANSFER-ENCODING: BASE64\r\n")
    for first, second, content in ((b"7bit", b"base64", body), (b"base64", b"7bit", body), (b"base64", b"quoted-printable", qp_all(v)),
                                   (b"quoted-printable", b"base64", body), (b"7bit", b"quoted-printable", qp_all(v)), (b"base64", b"7bit", v + NL)):
        yield f"encoding-twice-{first.decode()}-{second.decode()}-{len(content)}", p(
            OCTETS + b"Content-Transfer-Encoding: " + first + b"\r\nContent-Transfer-Encoding: " + second + NL, content)
    yield "type-twice", p(b"Content-Type: text/plain\r\n" + OCTETS + BASE64)
    yield "type-twice-multipart-first", message([HELLO, file64(v)], headers=MIXED + b"Content-Type: text/plain\r\n")
    yield "type-twice-multipart-last", message([HELLO, file64(v)], headers=b"Content-Type: text/plain\r\n" + MIXED)
    yield "type-twice-boundaries", message([HELLO, file64(v)], headers=b"Content-Type: multipart/mixed; boundary=other\r\n" + MIXED)
    for value in (b"(comment) base64", b"base64 (comment)", b"\"base64\"", b"base64;", b"base64 junk", b"=?us-ascii?q?base64?=", b"base64;x=y", b"BaSe64",
                  b"ba(c)se64", b"base-64", b"x-base64", b"base64\0", b"base64.", b"<base64>", b"'base64'", b" , base64", b"base64,7bit", b"base64/7bit",
                  b"\\base64", b"ba\\se64", b"base 64", b"64base"):
        yield f"encoding-{value!r}", p(OCTETS + b"Content-Transfer-Encoding: " + value + NL)
    for value in (b"(comment) quoted-printable", b"quoted-printable;", b"\"quoted-printable\"", b"quoted_printable", b"x-quoted-printable", b"quoted-printable x",
                  b"=?us-ascii?q?quoted-printable?=", b"quoted-(c)printable", b"qp", b"", b"unknown"):
        yield f"encoding-{value!r}", p(OCTETS + b"Content-Transfer-Encoding: " + value + NL, qp_all(v))
    yield "encoding-missing", p(OCTETS)
    yield "encoding-missing-qp", p(OCTETS, qp_all(v))
    yield "encoding-missing-qp-some", p(OCTETS, qp_some(v))
    yield "no-header", message([HELLO, NL + body])
    yield "no-mime-version", message([HELLO, file64(v)], top=TOP)
    yield "version-2", message([HELLO, file64(v)], top=TOP + b"MIME-Version: 2.0\r\n")


def boundaries(v):
    parts = [HELLO, file64(v)]

    def m(parameter, boundary=b"b1", **more):
        return message(parts, headers=b"Content-Type: multipart/mixed; " + parameter + NL, boundary=boundary, **more)
    yield "unquoted", m(b"boundary=b1")
    yield "unquoted-equals", m(b"boundary==_b=1", b"=_b=1")
    yield "quoted-trailing-blanks", m(b"boundary=\"b1  \"")
    yield "quoted-leading-blank", m(b"boundary=\" b1\"", b" b1")
    yield "quoted-leading-blank-trimmed", m(b"boundary=\" b1\"")
    yield "trailing-blanks-in-line", m(b"boundary=b1").replace(b"--b1\r\n", b"--b1   \r\n")
    yield "unclosed-quote", m(b"boundary=\"b1")
    yield "odd-quote", m(b"boundary=b\"1", b"b\"1")
    yield "single-quotes", m(b"boundary='b1'", b"'b1'")
    yield "single-quotes-off", m(b"boundary='b1'")
    yield "escaped", m(b"boundary=\"b\\1\"")
    yield "escaped-kept", m(b"boundary=\"b\\1\"", b"b\\1")
    yield "comment", m(b"boundary=(a comment)b1")
    yield "comment-after", m(b"boundary=b1 (a comment)")
    yield "comment-literal", m(b"boundary=b(1)", b"b(1)")
    yield "encoded-word", m(b"boundary=\"=?us-ascii?q?b1?=\"")
    yield "encoded-word-literal", m(b"boundary=\"=?us-ascii?q?b1?=\"", b"=?us-ascii?q?b1?=")
    yield "rfc2231", m(b"boundary*=us-ascii''b%31")
    yield "rfc2231-pieces", m(b"boundary*0=b; boundary*1=1")
    yield "rfc2231-both", m(b"boundary=zz; boundary*=us-ascii''b%31")
    yield "blank-around-equals", m(b"boundary = b1")
    yield "no-semicolon", message(parts, headers=b"Content-Type: multipart/mixed boundary=b1\r\n")
    yield "comma", message(parts, headers=b"Content-Type: multipart/mixed, boundary=b1\r\n")
    yield "colon", message(parts, headers=b"Content-Type: multipart/mixed: boundary=b1\r\n")
    yield "double-semicolon", m(b"; boundary=b1")
    yield "upper-case-name", m(b"BOUNDARY=b1")
    yield "twice-first", m(b"boundary=b1; boundary=b2")
    yield "twice-last", m(b"boundary=b2; boundary=b1")
    yield "empty", m(b"boundary=\"\"", b"")
    yield "missing", message(parts, headers=b"Content-Type: multipart/mixed\r\n")
    yield "wrong", m(b"boundary=other")
    yield "wrong-7bit", message([HELLO, part(OCTETS + ATTACHMENT, v + NL)], headers=b"Content-Type: multipart/mixed; boundary=other\r\n")
    yield "wrong-qp", message([HELLO, part(OCTETS + QP, qp_all(v))], headers=b"Content-Type: multipart/mixed; boundary=other\r\n")
    long = b"x" * 100
    yield "long", m(b"boundary=" + long, long)
    yield "long-cut", m(b"boundary=" + long, long[:70])
    yield "very-long", m(b"boundary=" + b"y" * 900, b"y" * 900)
    yield "never-closed", message(parts, close=False)
    yield "closed-twice", message(parts).replace(b"--b1\r\n" + OCTETS, b"--b1--\r\n--b1\r\n" + OCTETS)
    yield "closed-at-once", message(parts, preamble=b"--b1--\r\n")
    yield "prefix-of-inner", message([HELLO, part(b"Content-Type: multipart/mixed; boundary=b1x\r\n", b"--b1x\r\n" + file64(v) + b"--b1x--\r\n")])
    yield "same-for-inner", message([HELLO, part(b"Content-Type: multipart/mixed; boundary=b1\r\n", b"--b1\r\n" + file64(v) + b"--b1--\r\n")])
    yield "junk-after", message(parts).replace(b"--b1\r\n" + OCTETS, b"--b1 junk\r\n" + OCTETS)
    yield "junk-glued", message(parts).replace(b"--b1\r\n" + OCTETS, b"--b1junk\r\n" + OCTETS)
    yield "blank-before", message(parts).replace(b"--b1\r\n" + OCTETS, b" --b1\r\n" + OCTETS)
    yield "blank-before-7bit", message([HELLO, part(OCTETS, v + NL)]).replace(b"--b1\r\n" + OCTETS, b" --b1\r\n" + OCTETS)
    yield "quoted-before", message(parts).replace(b"--b1\r\n" + OCTETS, b">--b1\r\n" + OCTETS)
    yield "close-junk", message(parts).replace(b"--b1--\r\n", b"--b1--junk\r\n")
    yield "case-differs", m(b"boundary=B1", b"b1")
    yield "tab-fold", message(parts, headers=b"Content-Type: multipart/mixed;\r\n\tboundary=b1\r\n")
    yield "blank-fold", message(parts, headers=b"Content-Type: multipart/mixed;\r\n \r\n boundary=b1\r\n")
    yield "fold-in-value", message(parts, headers=b"Content-Type: multipart/mixed; boundary=\"b\r\n 1\"\r\n", boundary=b"b 1")
    yield "indented-type", message(parts, headers=b" " + MIXED)
    yield "nul-in-boundary", m(b"boundary=\"b1\0x\"")
    yield "nul-in-delimiter", message(parts).replace(b"--b1\r\n" + OCTETS, b"--b1\0\r\n" + OCTETS)


def places(v):
    yield "preamble", message([HELLO], preamble=file64(v))
    yield "preamble-with-delimiter", message([HELLO], preamble=b"--b2\r\n" + file64(v))
    yield "epilogue", message([HELLO], epilogue=file64(v))
    yield "epilogue-with-delimiter", message([HELLO], epilogue=b"--b1\r\n" + file64(v) + b"--b1--\r\n")
    yield "epilogue-qp", message([HELLO], epilogue=b"--b1\r\n" + part(OCTETS + QP, qp_all(v)) + b"--b1--\r\n")
    yield "epilogue-7bit", message([HELLO], epilogue=b"--b1\r\n" + part(OCTETS + ATTACHMENT, v + NL) + b"--b1--\r\n")
    yield "only-part", message([file64(v)])
    yield "single", single(OCTETS + BASE64 + ATTACHMENT, b64(v))
    yield "single-qp", single(OCTETS + QP, qp_all(v))
    yield "single-7bit", single(OCTETS + ATTACHMENT, v + NL)
    yield "single-text", single(b"Content-Type: text/plain\r\n", v + NL)
    yield "single-text-no-line-end", single(b"Content-Type: text/plain\r\n", v)
    yield "no-type", single(b"", v + NL)
    yield "no-type-base64", single(b"", b64(v))


def types(v):
    inner = message([HELLO, file64(v)])
    yield "rfc822", message([HELLO, part(b"Content-Type: message/rfc822\r\n", inner)])
    yield "rfc822-base64", message([HELLO, part(b"Content-Type: message/rfc822\r\n" + BASE64, b64(inner))])
    yield "rfc822-qp", message([HELLO, part(b"Content-Type: message/rfc822\r\n" + QP, qp_all(inner))])
    yield "rfc822-twice", message([part(b"Content-Type: message/rfc822\r\n", message([part(b"Content-Type: message/rfc822\r\n", inner)], headers=MIXED.replace(b"b1", b"b2"), boundary=b"b2"))])
    yield "rfc822-single", single(b"Content-Type: message/rfc822\r\n", inner)
    yield "text-rfc822", message([HELLO, part(b"Content-Type: text/rfc822-headers\r\n", inner)])
    yield "octets-rfc822", message([HELLO, part(OCTETS + BASE64, b64(inner))])
    yield "digest", message([part(b"", inner)], headers=b"Content-Type: multipart/digest; boundary=b1\r\n")
    yield "digest-qp", message([part(b"", message([HELLO, part(OCTETS + QP, qp_all(v))], headers=MIXED.replace(b"b1", b"b2"), boundary=b"b2"))], headers=b"Content-Type: multipart/digest; boundary=b1\r\n")
    yield "partial", single(b"Content-Type: message/partial; id=x; number=1; total=1\r\n", inner)
    yield "partial-base64-piece", single(b"Content-Type: message/partial; id=x; number=2; total=2\r\n", b64(v))
    yield "external-body", message([part(b"Content-Type: message/external-body; access-type=local-file; name=x\r\n", OCTETS + BASE64 + NL + b64(v))])
    yield "multipart-as-text", message([HELLO, file64(v)], headers=b"Content-Type: text/plain; boundary=b1\r\n")
    yield "multipart-as-text-no-boundary", message([HELLO, file64(v)], headers=b"Content-Type: text/plain\r\n")
    yield "multipart-unknown", message([HELLO, file64(v)], headers=b"Content-Type: multipart/x-odd; boundary=b1\r\n")
    yield "multipart-bare", message([HELLO, file64(v)], headers=b"Content-Type: multipart; boundary=b1\r\n")
    yield "type-quoted", message([HELLO, file64(v)], headers=b"Content-Type: \"multipart/mixed\"; boundary=b1\r\n")
    yield "type-comment", message([HELLO, file64(v)], headers=b"Content-Type: multipart(x)/(y)mixed; boundary=b1\r\n")
    yield "type-encoded-word", message([HELLO, file64(v)], headers=b"Content-Type: =?us-ascii?q?multipart/mixed?=; boundary=b1\r\n")
    yield "type-blank", message([HELLO, file64(v)], headers=b"Content-Type: multipart / mixed; boundary=b1\r\n")
    body = b"--b1\r\n" + HELLO + b"--b1\r\n" + file64(v) + b"--b1--\r\n"
    yield "multipart-base64", single(MIXED + BASE64, b64(body))
    yield "multipart-qp", single(MIXED + QP, qp_all(body))
    yield "multipart-base64-inner", message([HELLO, part(b"Content-Type: multipart/mixed; boundary=b2\r\n" + BASE64, b64(body.replace(b"--b1", b"--b2")))])
    seven = b"--b1\r\n" + part(OCTETS + ATTACHMENT, v + NL) + b"--b1--\r\n"
    yield "multipart-base64-7bit", single(MIXED + BASE64, b64(seven))
    yield "multipart-qp-7bit", single(MIXED + QP, qp_all(seven))
    yield "multipart-declared-qp", message([HELLO, file64(v)], headers=MIXED + QP)
    yield "multipart-declared-base64", message([HELLO, file64(v)], headers=MIXED + BASE64)
    deep = file64(v)
    for i in range(20):
        deep = part(b"Content-Type: multipart/mixed; boundary=\"n%d\"\r\n" % i, b"--n%d\r\n" % i + deep + b"--n%d--\r\n" % i)
    yield "nested-20", message([deep])
    deep = inner
    for i in range(40):
        deep = TOP + b"Content-Type: message/rfc822\r\n\r\n" + deep
    yield "nested-rfc822-40", deep
    deep = part(OCTETS + QP, qp_all(v))
    for i in range(60):
        deep = part(b"Content-Type: multipart/mixed; boundary=\"n%d\"\r\n" % i, b"--n%d\r\n" % i + deep + b"--n%d--\r\n" % i)
    yield "nested-60-qp", message([deep])


def base64_odd(v):
    text = base64.b64encode(v)

    def p(body, headers=OCTETS + BASE64):
        return attached(headers, body)
    yield "one-line", p(text + NL)
    for width in (1, 2, 3, 4, 5, 7, 60, 77, 80):
        yield f"width-{width}", p(fold(text, width))
    yield "no-padding", p(text.rstrip(b"=") + NL)
    yield "more-padding", p(text + b"==" + NL)
    yield "padding-own-line", p(text.rstrip(b"=") + NL + b"=" * (len(text) - len(text.rstrip(b"="))) + NL)
    yield "early-padding", p(b64(v[:20]) + b64(v[20:]))
    yield "runs", p(b"".join(b64(v[i:i + 10]) for i in range(0, len(v), 10)))
    yield "runs-blank-lines", p(NL.join(b64(v[i:i + 10]) for i in range(0, len(v), 10)))
    for junk in (b".", b"!", b"*", b"-", b"_", b"\0", b" ", b"\t", b"\x80", b"\xff", b":", b",", b"@", b"&"):
        yield f"junk-{junk!r}", p(fold(junk.join(text[i:i + 5] for i in range(0, len(text), 5))))
    yield "junk-first-line", p(b"this is junk!\r\n" + fold(text))
    yield "junk-first-char", p(b"!" + fold(text))
    yield "equals-inside", p(fold(text[:8] + b"=" + text[8:]))
    yield "equals-ignored", p(fold(b"=".join(text[i:i + 4] for i in range(0, len(text), 4))))
    yield "equals-first", p(b"=" + fold(text))
    yield "footer", p(fold(text) + b"\r\n_____________\r\nlist footer http://lists.example/\r\n")
    yield "text-before", p(b"\r\n\r\n" + fold(text))
    yield "dashes-inside", p(text[:40] + b"\r\n--\r\n" + text[40:] + NL)
    yield "other-delimiter-inside", p(text[:40] + b"\r\n--zz\r\n" + text[40:] + NL)
    yield "url-alphabet", p(fold(base64.urlsafe_b64encode(v)))
    yield "lf-lines", p(fold(text, end=b"\n"))
    yield "indented", p(b"".join(b"   " + text[i:i + 60] + NL for i in range(0, len(text), 60)))
    yield "trailing-blanks", p(b"".join(text[i:i + 60] + b"  \r\n" for i in range(0, len(text), 60)))
    yield "twice-encoded", p(b64(b64(v)))
    yield "twice-encoded-declared", p(b64(part(OCTETS + BASE64, b64(v))))
    yield "extra-char", p(text + b"A\r\n")
    yield "short-last-group", p(text + NL + b"Q\r\n")


def qp_odd(v):
    def p(body, headers=OCTETS + QP):
        return attached(headers, body)
    esc = [b"=%02X" % c for c in v]
    yield "all", p(qp_all(v))
    yield "some", p(qp_some(v))
    yield "lower", p(qp_all(v).lower())
    yield "mixed-case", p(b"".join(b"=%02x" % c if i % 2 else b"=%02X" % c for i, c in enumerate(v)) + NL)
    yield "none", p(v + NL)
    yield "soft-every-char", p(b"=\r\n".join(bytes([c]) if c != 0x3d else b"=3D" for c in v) + NL)
    yield "soft-blanks", p(b"= \t\r\n".join(v[i:i + 10] for i in range(0, len(v), 10)) + NL)
    yield "soft-lf", p(b"=\n".join(v[i:i + 10] for i in range(0, len(v), 10)) + NL)
    yield "soft-cr", p(b"=\r".join(v[i:i + 10] for i in range(0, len(v), 10)) + NL)
    yield "soft-in-escape", p(b"=\r\n".join(e[:2] + b"=\r\n" + e[2:] for e in esc) + NL)
    yield "stray-equals-end", p(v + b"=\r\n")
    yield "stray-equals-very-end", p(v + b"=")
    yield "stray-equals-before", p(b"=\r\n" + v + NL)
    yield "bad-escape-dropped", p(v[:10] + b"=" + v[10:] + NL)
    yield "bad-escape-dropped-zz", p(v[:10] + b"=ZZ" + v[10:] + NL)
    yield "trailing-blanks", p(v + b"   \r\n")
    yield "soft-then-blank-line", p(v[:10] + b"=\r\n" + v[10:20] + b"=\r\n" + v[20:] + NL)
    yield "eight-bit", p(qp_all(v), OCTETS + QP.replace(b"quoted-printable", b"8bit"))
    yield "in-text", p(qp_all(v), b"Content-Type: text/plain\r\n" + QP)
    yield "in-html", p(qp_all(v), b"Content-Type: text/html\r\n" + QP)
    yield "undeclared", p(qp_all(v), OCTETS)
    yield "declared-base64", p(qp_all(v), OCTETS + BASE64)
    yield "base64-declared-qp", p(b64(v), OCTETS + QP)
    yield "qp-of-base64", p(qp_all(b64(v)), OCTETS + QP)
    yield "long-line", p(b"".join(esc) + NL)
    yield "nul-inside", p(b"".join(e + (b"\0" if i == 5 else b"") for i, e in enumerate(esc)) + NL)


def other_encodings(v):
    t = b"Content-Type: text/plain\r\n"
    for name, body in (("uu", uu(v)), ("uu-spaces", uu(v).replace(b"`", b" ")), ("uu-no-end", uu(v, end=b"")), ("uu-mode", uu(v, begin=b"begin 0755 ")),
                       ("uu-no-mode", uu(v, begin=b"begin ")), ("uu-name-blanks", uu(v, name=b"a file.com")), ("yenc", yenc(v)), ("binhex", binhex(v)),
                       ("begin-base64", b"begin-base64 644 file.com\r\n" + b64(v) + b"====\r\n")):
        yield f"{name}-in-text", single(t, b"Hello,\r\n\r\n" + body + b"\r\nBye\r\n")
        yield f"{name}-in-part", attached(OCTETS, body)
        yield f"{name}-in-html", attached(b"Content-Type: text/html\r\n", b"<html><pre>\r\n" + body + b"</pre></html>\r\n")
        yield f"{name}-base64", attached(t + BASE64, b64(body))
    yield "uu-declared", attached(OCTETS + b"Content-Transfer-Encoding: x-uuencode\r\n", uu(v))
    yield "uu-declared-uu", attached(OCTETS + b"Content-Transfer-Encoding: uuencode\r\n", uu(v))
    yield "uu-declared-bare", attached(OCTETS + b"Content-Transfer-Encoding: x-uuencode\r\n", b"".join(uu(v).split(NL, 1)[1:]))
    yield "binhex-declared", attached(b"Content-Type: application/mac-binhex40\r\n", binhex(v))
    yield "yenc-declared", attached(OCTETS + b"Content-Transfer-Encoding: x-yencode\r\n", yenc(v))
    yield "tnef", attached(b"Content-Type: application/ms-tnef; name=winmail.dat\r\n" + BASE64, b64(tnef(v)))
    yield "tnef-octets", attached(OCTETS + BASE64, b64(tnef(v)))
    yield "tnef-qp", attached(b"Content-Type: application/ms-tnef\r\n" + QP, qp_all(tnef(v)))
    smime = b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"
    entity = b"Content-Type: multipart/mixed; boundary=s1\r\n\r\n--s1\r\n" + HELLO + b"--s1\r\n" + file64(v) + b"--s1--\r\n"
    yield "smime", single(smime + BASE64, b64(signed_data(entity)))
    yield "smime-qp-inside", single(smime + BASE64, b64(signed_data(part(OCTETS + QP, qp_all(v)))))
    yield "smime-7bit-inside", single(smime + BASE64, b64(signed_data(part(OCTETS, v))))
    yield "smime-octets", attached(OCTETS + BASE64, b64(signed_data(entity)))
    yield "smime-twice", single(smime + BASE64, b64(signed_data(smime + BASE64 + NL + b64(signed_data(entity)))))
    yield "smime-pem", single(b"Content-Type: text/plain\r\n", b"-----BEGIN PKCS7-----\r\n" + b64(signed_data(entity), 64) + b"-----END PKCS7-----\r\n")


def charsets(v):
    text = v.decode("ascii")

    def p(charset, data, encoding=BASE64, kind=b"text/plain"):
        return attached(b"Content-Type: " + kind + b"; charset=" + charset + NL + encoding, b64(data) if encoding == BASE64 else data + NL)
    for name in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be", "utf-32"):
        yield f"{name}", p(name.encode(), text.encode(name))
        yield f"{name}-undeclared", p(b"us-ascii", text.encode(name))
        yield f"{name}-qp", attached(b"Content-Type: text/plain; charset=" + name.encode() + NL + QP, qp_all(text.encode(name)))
    yield "utf-16-raw", attached(b"Content-Type: text/plain; charset=utf-16le\r\n", text.encode("utf-16-le") + b"\r\0\n\0")
    yield "utf-8-bom", p(b"utf-8", b"\xef\xbb\xbf" + v)
    yield "utf-7", p(b"utf-7", utf7(v), b"")
    yield "utf-7-base64", p(b"utf-7", utf7(v))
    yield "utf-7-undeclared", p(b"us-ascii", utf7(v), b"")
    yield "utf-7-some", p(b"utf-7", v[:10] + utf7(v[10:11]) + v[11:], b"")
    for name in ("cp037", "cp500"):
        yield f"ebcdic-{name}", p(name.encode().replace(b"cp", b"ibm"), text.encode(name))
    yield "ebcdic-undeclared", p(b"us-ascii", text.encode("cp037"))


def embedded(v):
    html = b"Content-Type: text/html\r\n"
    uri = b"data:application/octet-stream;base64," + base64.b64encode(v)
    yield "data-uri", attached(html, b"<html><a href=\"" + uri + b"\">x</a></html>\r\n")
    yield "data-uri-qp", attached(html + QP, qp_some(b"<html><a href=\"" + uri + b"\">x</a></html>"))
    yield "data-uri-base64", attached(html + BASE64, b64(b"<html><a href=\"" + uri + b"\">x</a></html>"))
    yield "data-uri-percent", attached(html, b"<html><a href=\"" + uri.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D") + b"\">x</a></html>\r\n")
    yield "header-encoded-word", single(b"X-Data: =?us-ascii?b?" + base64.b64encode(v) + b"?=\r\n", b"Hello\r\n")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("file.com", v)
    yield "zip", message([HELLO, file64(out.getvalue())])
    yield "zip-qp", attached(OCTETS + QP, qp_all(out.getvalue()))
    yield "zip-undeclared", single(b"Content-Type: text/plain\r\n", b"Hello\r\n\r\n" + b64(out.getvalue()) + b"\r\nbye\r\n")
    yield "inline-base64-in-text", single(b"Content-Type: text/plain\r\n", b"Hello,\r\n\r\n" + b64(v) + b"\r\nBye,\r\nAlice\r\n")
    yield "html-text", attached(html, v + NL)


FAMILIES = (line_ends, header_ends, fields, boundaries, places, types, base64_odd, qp_odd, other_encodings, charsets, embedded)


def all_messages(v):
    for family in FAMILIES:
        for name, data in family(v):
            yield f"{family.__name__}/{name}", data
