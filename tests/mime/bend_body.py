"""Ways to bend what stands in a body: base64, quoted-printable, old encodings, containers, character sets.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64

from . import carriers
from .bend import ANY, bend, several

B64, QP, ALL = ("base64",), ("quoted-printable",), ("7bit",)


def _text(m):
    return base64.b64encode(m.data)


def _body(make):
    def change(m, rng):
        m.body = make(m, rng)
    return change


def _every(text, n, piece):
    return piece.join(text[i:i + n] for i in range(0, len(text), n))


# --- base64 -------------------------------------------------------------------------------------------------------------------
_JUNK = {"dot": b".", "exclamation": b"!", "dash": b"-", "underscore": b"_", "blank": b" ", "tab": b"\t", "nul": b"\0", "8bit": b"\xe9", "star": b"*", "comma": b",",
         "colon": b":", "semicolon": b";", "angle": b"<", "quote": b'"', "hash": b"#", "percent": b"%", "at": b"@", "tilde": b"~", "backslash": b"\\", "del": b"\x7f",
         "cr": b"\r", "vt": b"\v", "formfeed": b"\f", "paren": b"(x)", "equals": b"=", "two-equals": b"==", "dollar": b"$", "gt": b">", "question": b"?", "brace": b"{}", "bom": b"\xef\xbb\xbf",
         "wide": b"\xc2\xa0", "esc": b"\x1b"}
for _n, _j in _JUNK.items():
    bend("base64-junk", "body", f"{_n}-once", B64)(_body(lambda m, rng, j=_j: carriers.lines_of(_text(m)[:30] + j + _text(m)[30:], 76)))
    bend("base64-junk", "body", f"{_n}-odd", B64)(_body(lambda m, rng, j=_j: carriers.lines_of(_text(m)[:33] + j + _text(m)[33:], 200)))
    bend("base64-junk", "body", f"{_n}-every", B64)(_body(lambda m, rng, j=_j: carriers.lines_of(_every(_text(m), 4, j), 72)))
    bend("base64-junk", "body", f"{_n}-lead", B64)(_body(lambda m, rng, j=_j: j + carriers.b64(m.data)))
    bend("base64-junk", "body", f"{_n}-ends", B64)(_body(lambda m, rng, j=_j: carriers.lines_of(_text(m), 40).replace(b"\n", j + b"\n")))

several("base64-padding", "body", {
    "none": _body(lambda m, rng: carriers.lines_of(_text(m).rstrip(b"="), 76)), "more": _body(lambda m, rng: carriers.lines_of(_text(m) + b"====", 76)),
    "one-less": _body(lambda m, rng: carriers.lines_of(_text(m)[:-1], 76)), "on-new-line": _body(lambda m, rng: _text(m).rstrip(b"=") + b"\n=\n"),
    "groups-1": _body(lambda m, rng: carriers.b64_groups(m.data, 1)), "groups-2": _body(lambda m, rng: carriers.b64_groups(m.data, 2)), "groups-4": _body(lambda m, rng: carriers.b64_groups(m.data, 4)),
    "groups-5": _body(lambda m, rng: carriers.b64_groups(m.data, 5)), "groups-10": _body(lambda m, rng: carriers.b64_groups(m.data, 10)), "groups-40": _body(lambda m, rng: carriers.b64_groups(m.data, 40)),
    "two-runs": _body(lambda m, rng: carriers.b64(m.data[:31]) + carriers.b64(m.data[31:])), "two-runs-blank": _body(lambda m, rng: carriers.b64(m.data[:31]) + b"\n" + carriers.b64(m.data[31:])),
    "three-runs": _body(lambda m, rng: b"".join(carriers.b64(m.data[i:i + 25]) for i in range(0, len(m.data), 25))),
    "early": _body(lambda m, rng: _text(m)[:40] + b"=" + _text(m)[40:] + b"\n"), "early-two": _body(lambda m, rng: _text(m)[:40] + b"==" + _text(m)[40:] + b"\n"),
    "early-line": _body(lambda m, rng: _text(m)[:40] + b"=\n" + _text(m)[40:] + b"\n"), "first": _body(lambda m, rng: b"=" + _text(m) + b"\n"), "first-line": _body(lambda m, rng: b"====\n" + _text(m) + b"\n"),
    "equals-middle-group": _body(lambda m, rng: _text(m)[:42] + b"=" + _text(m)[42:] + b"\n"), "dashes-after": _body(lambda m, rng: carriers.b64(m.data) + b"--------\n"),
    "text-after": _body(lambda m, rng: carriers.b64(m.data) + b"\nThis list is brought to you by nobody.\n"), "run-after": _body(lambda m, rng: carriers.b64(m.data) + carriers.b64(b"\r\nsome more bytes")),
    "empty-run-first": _body(lambda m, rng: b"Cg==\n" + carriers.b64(m.data)), "junk-group-first": _body(lambda m, rng: b"A===\n" + carriers.b64(m.data)),
    "half-group-end": _body(lambda m, rng: carriers.b64(m.data).rstrip(b"\n=") + b"A\n"), "url-alphabet": _body(lambda m, rng: carriers.b64(m.data).replace(b"+", b"-").replace(b"/", b"_")),
    "bits-left": _body(lambda m, rng: _text(m).rstrip(b"=")[:-1] + b"p=\n"),
}, B64)
several("base64-lines", "body", {
    "width-1": _body(lambda m, rng: carriers.b64(m.data, 1)), "width-2": _body(lambda m, rng: carriers.b64(m.data, 2)), "width-3": _body(lambda m, rng: carriers.b64(m.data, 3)),
    "width-4": _body(lambda m, rng: carriers.b64(m.data, 4)), "width-5": _body(lambda m, rng: carriers.b64(m.data, 5)), "width-17": _body(lambda m, rng: carriers.b64(m.data, 17)),
    "width-77": _body(lambda m, rng: carriers.b64(m.data, 77)), "one-line": _body(lambda m, rng: carriers.b64(m.data, 100000)), "blank-lines": _body(lambda m, rng: carriers.b64(m.data, 20).replace(b"\n", b"\n\n")),
    "blank-lines-first": _body(lambda m, rng: b"\n" * 5 + carriers.b64(m.data)), "blanks-before": _body(lambda m, rng: b"".join(b"    " + x + b"\n" for x in carriers.b64(m.data, 20).split(b"\n"))),
    "quoted": _body(lambda m, rng: b"".join(b"> " + x + b"\n" for x in carriers.b64(m.data, 20).split(b"\n"))), "header-like-first": _body(lambda m, rng: b"X-Note: nothing\n\n" + carriers.b64(m.data)),
    "text-first": _body(lambda m, rng: b"Please look at this:\n\n" + carriers.b64(m.data)), "text-between": _body(lambda m, rng: _text(m)[:40] + b"\n!! a line of junk !!\n" + _text(m)[40:] + b"\n"),
    "begin-base64": _body(lambda m, rng: b"begin-base64 644 eicar.com\n" + carriers.b64(m.data) + b"====\n"), "pem": _body(lambda m, rng: b"-----BEGIN FILE-----\n" + carriers.b64(m.data, 64) + b"-----END FILE-----\n"),
    "wide-2000": _body(lambda m, rng: b" " * 2000 + carriers.b64(m.data)), "comment": _body(lambda m, rng: b"(comment)\n" + carriers.b64(m.data)), "dot-lines": _body(lambda m, rng: carriers.b64(m.data, 20).replace(b"\n", b"\n.\n")),
    "soft-breaks": _body(lambda m, rng: carriers.b64(m.data, 20).replace(b"\n", b"=\n")), "entities": _body(lambda m, rng: carriers.b64(m.data).replace(b"=", b"=3D")), "crlf-literal": _body(lambda m, rng: carriers.b64(m.data, 20).replace(b"\n", b"\\n\n")),
}, B64)

# --- quoted-printable ---------------------------------------------------------------------------------------------------------
def _split(text, piece):
    """A break inside each third escape."""
    out, n, i = b"", 0, 0
    while i < len(text):
        if text[i:i + 1] == b"=" and i + 3 <= len(text) and text[i + 1:i + 2] != b"\n":
            n += 1
            out, i = (out + text[i:i + 2] + piece + text[i + 2:i + 3], i + 3) if n % 3 == 0 else (out + text[i:i + 3], i + 3)
        else:
            out, i = out + text[i:i + 1], i + 1
    return out


def _qp(m, **how):
    return carriers.qp(m.data, **how)


several("quoted-printable", "body", {
    "lower": _body(lambda m, rng: _qp(m, upper=False)), "every": _body(lambda m, rng: _qp(m, every=True)), "every-lower": _body(lambda m, rng: _qp(m, every=True, upper=False)),
    "narrow": _body(lambda m, rng: _qp(m, every=True, width=3)), "narrow-plain": _body(lambda m, rng: _qp(m, width=1)), "wide": _body(lambda m, rng: _qp(m, every=True, width=5000)),
    "break-blank": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"= \n")), "break-tab": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\t \n")),
    "break-lone-cr": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\r")), "break-cr-crlf": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\r\n")),
    "break-twice": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\n=\n")), "break-nul": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\0\n")),
    "break-junk": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=junk\n")), "break-x": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=x\n")),
    "break-long": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=" + b" " * 500 + b"\n")), "split-escape": _body(lambda m, rng: _split(_qp(m, every=True, width=5000), b"=\n")),
    "split-escape-bare": _body(lambda m, rng: _split(_qp(m, every=True, width=5000), b"\n")), "split-escape-blank": _body(lambda m, rng: _split(_qp(m, every=True, width=5000), b" ")),
    "stray-end": _body(lambda m, rng: _qp(m).rstrip(b"\n") + b"="), "stray-middle": _body(lambda m, rng: _qp(m)[:20] + b"=" + _qp(m)[20:]), "stray-double": _body(lambda m, rng: _qp(m)[:20] + b"==" + _qp(m)[20:]),
    "illegal-before": _body(lambda m, rng: b"=ZZ=\n" + _qp(m)), "illegal-line": _body(lambda m, rng: b"=\n=\n=\n" + _qp(m)), "cut-escape": _body(lambda m, rng: _qp(m, every=True).rstrip(b"\n") + b"=0"),
    "blank-ends": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\n") .rstrip(b"\n") + b"   \n"), "raw": _body(lambda m, rng: m.data + b"\n"), "raw-8bit-line": _body(lambda m, rng: b"\xe4\xf6=\n" + _qp(m)),
    "one-digit": _body(lambda m, rng: _qp(m, every=True, width=5000).replace(b"=0", b"=0")), "equals-escaped": _body(lambda m, rng: _qp(m, every=True, width=5000).replace(b"=", b"=3D", 1).replace(b"=3D", b"=", 1)),
    "escaped-break": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=3D\n")), "every-blank": _body(lambda m, rng: _qp(m, every=True, width=5000).replace(b"=", b" =")),
    "cr-escapes": _body(lambda m, rng: _qp(m, every=True, width=30).replace(b"=\n", b"=\r\r\n")), "soft-first": _body(lambda m, rng: b"=\n" * 50 + _qp(m)), "utf8-break": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\xa0\n")),
    "formfeed-break": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\f\n")), "lf-break": _body(lambda m, rng: _qp(m, width=20).replace(b"=\n", b"=\n\r")),
    "mixed-case": _body(lambda m, rng: bytes(c ^ 32 if i % 2 and 65 <= c <= 70 else c for i, c in enumerate(_qp(m, every=True)))), "some": _body(lambda m, rng: carriers.qp(m.data, width=9)),
}, QP)


# --- old encodings in a body --------------------------------------------------------------------------------------------------
def _old(make, cte=b"7bit", kind=b"text/plain"):
    def change(m, rng):
        m.body, m.cte, m.part_type, m.disposition = make(m), [b"Content-Transfer-Encoding: " + cte] if cte else [], [b"Content-Type: " + kind], []
    return change


several("uuencode", "body", {
    "text": _old(lambda m: carriers.uu(m.data)), "cte": _old(lambda m: carriers.uu(m.data), b"x-uuencode", b"application/octet-stream"), "cte-uuencode": _old(lambda m: carriers.uu(m.data), b"uuencode", b"application/octet-stream"),
    "cte-uue": _old(lambda m: carriers.uu(m.data), b"x-uue", b"application/octet-stream"), "cte-uue2": _old(lambda m: carriers.uu(m.data), b"uue"), "cte-uu": _old(lambda m: carriers.uu(m.data), b"x-uu"),
    "blank-zero": _old(lambda m: carriers.uu(m.data, zero=b" ")), "no-end": _old(lambda m: carriers.uu(m.data, end=False)), "no-mode": _old(lambda m: carriers.uu(m.data).replace(b"begin 644 ", b"begin ")),
    "mode-4": _old(lambda m: carriers.uu(m.data, mode=b"0755")), "mode-odd": _old(lambda m: carriers.uu(m.data, mode=b"999")), "text-before": _old(lambda m: b"Here it is:\n\n" + carriers.uu(m.data) + b"\nBye\n"),
    "no-name": _old(lambda m: carriers.uu(m.data, name=b"")), "name-blanks": _old(lambda m: carriers.uu(m.data, name=b"a b c.com")), "upper": _old(lambda m: carriers.uu(m.data).replace(b"begin", b"BEGIN").replace(b"end", b"END")),
    "two-blanks": _old(lambda m: carriers.uu(m.data).replace(b"begin ", b"begin  ")), "quoted": _old(lambda m: b"".join(b"> " + x + b"\n" for x in carriers.uu(m.data).split(b"\n"))),
    "indented": _old(lambda m: b"".join(b"  " + x + b"\n" for x in carriers.uu(m.data).split(b"\n"))), "checksum": _old(lambda m: carriers.uu(m.data).replace(b"\n", b"a\n", 2)), "stripped": _old(lambda m: carriers.uu(m.data, zero=b" ").replace(b" \n", b"\n")),
    "no-cte": _old(lambda m: carriers.uu(m.data), b""), "html": _old(lambda m: b"<html><body>\n" + carriers.uu(m.data) + b"</body></html>\n", b"7bit", b"text/html"), "octets": _old(lambda m: carriers.uu(m.data), b"7bit", b"application/octet-stream"),
    "two": _old(lambda m: carriers.uu(b"harmless", b"a.txt") + b"\n" + carriers.uu(m.data)), "blank-lines": _old(lambda m: carriers.uu(m.data).replace(b"\n", b"\n\n")), "xx": _old(lambda m: carriers.xx(m.data)),
    "x-type": _old(lambda m: carriers.uu(m.data), b"7bit", b"application/x-uuencode"), "in-base64": _old(lambda m: carriers.b64(carriers.uu(m.data)), b"base64"), "in-qp": _old(lambda m: carriers.qp(carriers.uu(m.data)), b"quoted-printable"),
    "begin-base64": _old(lambda m: b"begin-base64 644 eicar.com\n" + carriers.b64(m.data) + b"====\n"), "begin-tail": _old(lambda m: carriers.uu(m.data, name=b"eicar.com ")), "tab": _old(lambda m: carriers.uu(m.data).replace(b"begin 644 ", b"begin\t644\t")),
}, ALL)
several("yenc", "body", {
    "plain": _old(lambda m: carriers.yenc(m.data), b"8bit"), "no-crc": _old(lambda m: carriers.yenc(m.data, crc=False), b"8bit"), "no-cte": _old(lambda m: carriers.yenc(m.data), b""), "cte": _old(lambda m: carriers.yenc(m.data), b"x-yenc"),
    "text-before": _old(lambda m: b"Here:\n" + carriers.yenc(m.data), b"8bit"), "part": _old(lambda m: carriers.yenc(m.data).replace(b"=ybegin ", b"=ybegin part=1 total=1 ").replace(b"\n", b"\n=ypart begin=1 end=%d\n" % len(m.data), 1), b"8bit"),
    "octets": _old(lambda m: carriers.yenc(m.data), b"8bit", b"application/octet-stream"), "in-base64": _old(lambda m: carriers.b64(carriers.yenc(m.data)), b"base64"), "no-end": _old(lambda m: carriers.yenc(m.data).split(b"=yend")[0], b"8bit"),
}, ALL)
several("binhex", "body", {
    "type": _old(lambda m: carriers.binhex(m.data), b"7bit", b'application/mac-binhex40; name="eicar.com"'), "text": _old(lambda m: carriers.binhex(m.data)), "octets": _old(lambda m: carriers.binhex(m.data), b"7bit", b"application/octet-stream"),
    "text-before": _old(lambda m: b"Here it is:\n\n" + carriers.binhex(m.data)), "x-type": _old(lambda m: carriers.binhex(m.data), b"7bit", b"application/x-binhex40"), "cte": _old(lambda m: carriers.binhex(m.data), b"binhex"),
    "in-base64": _old(lambda m: carriers.b64(carriers.binhex(m.data)), b"base64", b"application/mac-binhex40"), "no-cte": _old(lambda m: carriers.binhex(m.data), b"", b"application/mac-binhex40"),
    "in-qp": _old(lambda m: carriers.qp(carriers.binhex(m.data)), b"quoted-printable", b"application/mac-binhex40"), "wide": _old(lambda m: carriers.binhex(m.data).replace(b"\n", b"\n\n")),
}, ALL)
_TNEF = b'application/ms-tnef; name="winmail.dat"'
several("tnef", "body", {
    "base64": _old(lambda m: carriers.b64(carriers.tnef(m.data)), b"base64", _TNEF), "vnd": _old(lambda m: carriers.b64(carriers.tnef(m.data)), b"base64", b"application/vnd.ms-tnef"),
    "octets": _old(lambda m: carriers.b64(carriers.tnef(m.data)), b"base64", b'application/octet-stream; name="winmail.dat"'), "qp": _old(lambda m: carriers.qp(carriers.tnef(m.data)), b"quoted-printable", _TNEF),
    "uu": _old(lambda m: carriers.uu(carriers.tnef(m.data), b"winmail.dat")), "zip-in-it": _old(lambda m: carriers.b64(carriers.tnef(carriers.zipped(m.data))), b"base64", _TNEF),
    "other-key": _old(lambda m: carriers.b64(carriers.tnef(m.data, key=0)), b"base64", _TNEF), "no-name": _old(lambda m: carriers.b64(carriers.tnef(m.data, b"")), b"base64", _TNEF), "text": _old(lambda m: carriers.b64(carriers.tnef(m.data)), b"base64", b"text/plain"),
    "in-zip": _old(lambda m: carriers.b64(carriers.zipped(carriers.tnef(m.data), "winmail.dat")), b"base64", b"application/zip"),
}, ALL)


def _single_container(make, kind, cte=b"base64"):
    def change(m, rng):
        _old(make, cte, kind)(m, rng)
        m.single = True
    return change


several("tnef", "place", {"whole-message": _single_container(lambda m: carriers.b64(carriers.tnef(m.data)), _TNEF)}, ALL)
several("archive", "body", {
    "zip": _old(lambda m: carriers.b64(carriers.zipped(m.data)), b"base64", b"application/zip"), "zip-stored": _old(lambda m: carriers.b64(carriers.zipped(m.data, stored=True)), b"base64", b"application/zip"),
    "zip-zip": _old(lambda m: carriers.b64(carriers.zipped(carriers.zipped(m.data), "a.zip")), b"base64", b"application/zip"), "gzip": _old(lambda m: carriers.b64(carriers.gzipped(m.data)), b"base64", b"application/gzip"),
    "zip-qp": _old(lambda m: carriers.qp(carriers.zipped(m.data)), b"quoted-printable", b"application/zip"), "zip-uu": _old(lambda m: carriers.uu(carriers.zipped(m.data), b"a.zip")), "zip-yenc": _old(lambda m: carriers.yenc(carriers.zipped(m.data), b"a.zip"), b"8bit"),
    "zip-binhex": _old(lambda m: carriers.binhex(carriers.zipped(m.data), b"a.zip"), b"7bit", b"application/mac-binhex40"), "zip-text": _old(lambda m: carriers.b64(carriers.zipped(m.data)), b"base64", b"text/plain"),
    "zip-groups": _old(lambda m: carriers.b64_groups(carriers.zipped(m.data), 2), b"base64", b"application/zip"), "zip-dots": _old(lambda m: carriers.b64(carriers.zipped(m.data)).replace(b"\n", b".\n"), b"base64", b"application/zip"),
    "zip-no-type": _old(lambda m: carriers.b64(carriers.zipped(m.data)), b"base64", b""), "zip-wrong-cte": _old(lambda m: carriers.b64(carriers.zipped(m.data)), b"7bit", b"application/zip"),
    "zip-base64-comment": _old(lambda m: carriers.b64(carriers.zipped(m.data)), b"(x) base64", b"application/zip"),
}, ALL)


# --- character sets -----------------------------------------------------------------------------------------------------------
def _charset(name, encode, how, shown):
    def change(m, rng):
        data = encode(m.data)
        m.part_type, m.disposition = [b"Content-Type: text/plain; charset=" + shown], []
        m.encoding = {"base64": "base64", "qp": "quoted-printable"}.get(how, "8bit")
        if how == "base64":
            m.body = carriers.b64(data)
        elif how == "qp":
            m.body = carriers.qp(data)
        else:
            m.raw = data
    return change


for _n, _encode in carriers.CHARSETS.items():
    for _how in ("base64", "qp", "8bit"):
        bend("charset", "body", f"{_n.decode()}-{_how}", ALL)(_charset(_n, _encode, _how, _n))
        if _n != b"utf-8":
            bend("charset", "body", f"{_n.decode()}-{_how}-single", ALL)(lambda m, rng, f=_charset(_n, _encode, _how, b'"' + _n.upper() + b'"'): (f(m, rng), setattr(m, "single", True)))
several("charset", "body", {
    "bom-utf16-unnamed": _charset(b"", lambda d: b"\xff\xfe" + d.decode().encode("utf-16-le"), "base64", b"us-ascii"), "bom-utf16be-unnamed": _charset(b"", lambda d: b"\xfe\xff" + d.decode().encode("utf-16-be"), "base64", b"utf-8"),
    "utf16-no-bom": _charset(b"", lambda d: d.decode().encode("utf-16-le"), "base64", b"utf-16"), "utf-7-html": _charset(b"", lambda d: carriers.utf7(d), "8bit", b"utf-7; format=flowed"),
    "utf-7-comment": _charset(b"", lambda d: carriers.utf7(d), "8bit", b"(c) utf-7"), "utf-7-split": _charset(b"", lambda d: carriers.utf7(d[:30]) + carriers.utf7(d[30:]), "8bit", b"utf-7"),
    "utf-7-2231": _charset(b"", lambda d: carriers.utf7(d), "8bit", b"us-ascii; charset*=us-ascii''utf-7"), "iso2022jp": _charset(b"", lambda d: b"\x1b(B" + d + b"\x1b(B", "8bit", b"iso-2022-jp"),
    "hz": _charset(b"", lambda d: d.replace(b"~", b"~~"), "8bit", b"hz-gb-2312"), "utf-16-bom-base64-octets": _charset(b"", lambda d: d.decode().encode("utf-16"), "base64", b'utf-16; name="a.txt"'),
}, ALL)


# --- S/MIME, opaque -----------------------------------------------------------------------------------------------------------
def _inner_mail(m):
    return (b"Content-Type: multipart/mixed; boundary=\"=_signed\"\r\n\r\n--=_signed\r\nContent-Type: text/plain\r\n\r\nSigned.\r\n--=_signed\r\n"
            b"Content-Type: application/octet-stream; name=\"eicar.com\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + carriers.b64(m.data).replace(b"\n", b"\r\n") + b"--=_signed--\r\n")


_P7M = b'application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"'


def _signed(m, **how):
    return carriers.signed_data(_inner_mail(m), **how)


several("smime", "body", {
    "attachment": _old(lambda m: carriers.b64(_signed(m)), b"base64", _P7M), "x-type": _old(lambda m: carriers.b64(_signed(m)), b"base64", b"application/x-pkcs7-mime; name=smime.p7m"),
    "octets": _old(lambda m: carriers.b64(_signed(m)), b"base64", b'application/octet-stream; name="smime.p7m"'), "streamed": _old(lambda m: carriers.b64(_signed(m, streamed=True)), b"base64", _P7M),
    "qp": _old(lambda m: carriers.qp(_signed(m)), b"quoted-printable", _P7M), "twice": _old(lambda m: carriers.b64(carriers.signed_data(b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n" + carriers.b64(_signed(m)).replace(b"\n", b"\r\n"))), b"base64", _P7M),
    "data": _old(lambda m: carriers.b64(carriers.signed_data(m.data)), b"base64", _P7M), "streamed-small": _old(lambda m: carriers.b64(_signed(m, streamed=True, chunk=7)), b"base64", _P7M), "pem-in-text": _old(lambda m: b"-----BEGIN PKCS7-----\n" + carriers.b64(_signed(m), 64) + b"-----END PKCS7-----\n", b"7bit", _P7M),
}, ALL)
several("smime", "place", {"whole-message": _single_container(lambda m: carriers.b64(_signed(m)), _P7M), "whole-streamed": _single_container(lambda m: carriers.b64(_signed(m, streamed=True)), _P7M),
                           "whole-x-type": _single_container(lambda m: carriers.b64(_signed(m)), b"application/x-pkcs7-mime; smime-type=signed-data"), "whole-no-smime-type": _single_container(lambda m: carriers.b64(_signed(m)), b"application/pkcs7-mime")}, ALL)

# --- encodings upon encodings -------------------------------------------------------------------------------------------------
several("layers", "body", {
    "plain": _old(lambda m: m.data, b"7bit", b"application/octet-stream"), "plain-text": _old(lambda m: m.data), "base64-of-base64": _old(lambda m: carriers.b64(carriers.b64(m.data)), b"base64"),
    "qp-of-base64": _old(lambda m: carriers.qp(carriers.b64(m.data)), b"quoted-printable", b"application/octet-stream"), "uu-of-zip": _old(lambda m: carriers.uu(carriers.zipped(carriers.zipped(m.data), "a.zip"), b"b.zip")),
    "html-before": _old(lambda m: b"<html><body>hello</body></html>\n" + m.data, b"7bit", b"text/html"), "large-before": lambda m, rng: setattr(m, "preamble", b"Some text that goes on.\n" * 20000),
}, ANY)
