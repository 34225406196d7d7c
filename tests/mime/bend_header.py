"""Ways to bend header fields that some mail reader still follows: line ends, the end of the header, names, duplicates, values.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
from .bend import bend, several

NAMES = (b"Content-Type", b"Content-Transfer-Encoding")


def _set(**values):
    def change(m, rng):
        for key, value in values.items():
            setattr(m, key, value)
    return change


def _eols(**zones):
    def change(m, rng):
        m.eols.update(zones)
    return change


# --- line ends ----------------------------------------------------------------------------------------------------------------
# A file without any CRLF is taken for one of Unix, so the first has one.
several("line-ends", "eol", {
    "lf": _set(eol=b"\n", first=b"X-First: a true line\r\n"), "cr": _set(eol=b"\r"), "crcrlf": _set(eol=b"\r\r\n"), "lfcr": _set(eol=b"\n\r"),
    "lf-head": _eols(head=b"\n"), "lf-part": _eols(part=b"\n"), "lf-body": _eols(body=b"\n"), "lf-delimiter": _eols(delimiter=b"\n"),
    "lf-all-but-head": _eols(part=b"\n", body=b"\n", delimiter=b"\n", text=b"\n"), "lf-all-but-body": _eols(head=b"\n", part=b"\n", delimiter=b"\n"),
    "cr-head": _eols(head=b"\r"), "cr-part": _eols(part=b"\r"), "cr-body": _eols(body=b"\r"), "cr-delimiter": _eols(delimiter=b"\r"),
    "cr-part-and-body": _eols(part=b"\r", body=b"\r"), "cr-all-but-head": _eols(part=b"\r", body=b"\r", delimiter=b"\r", text=b"\r"),
    "crcrlf-head": _eols(head=b"\r\r\n"), "crcrlf-part": _eols(part=b"\r\r\n"), "crcrlf-body": _eols(body=b"\r\r\n"),
    "crcrlf-delimiter": _eols(delimiter=b"\r\r\n"), "crcrcrlf-body": _eols(body=b"\r\r\r\n"),
    "nul-crlf-body": _eols(body=b"\0\r\n"), "crnullf-body": _eols(body=b"\r\0\n"), "nul-part": _eols(part=b"\0\r\n"),
    "blank-crlf-body": _eols(body=b" \r\n"), "tab-crlf-delimiter": _eols(delimiter=b"\t\r\n"), "blank-crlf-delimiter": _eols(delimiter=b" \r\n"),
    "vt-body": _eols(body=b"\v\r\n"), "ff-body": _eols(body=b"\f\r\n"), "lf-lf-body": _eols(body=b"\n\n"), "crlf-crlf-body": _eols(body=b"\r\n\r\n"),
    "lf-head-cr-part": _eols(head=b"\n", part=b"\r"), "lfcr-part": _eols(part=b"\n\r"), "lfcr-body": _eols(body=b"\n\r"),
})


@bend("line-ends", "eol", "mixed-1")
@bend("line-ends", "eol", "mixed-2")
def _mixed(m, rng):
    choice = {z: rng.choice((b"\r\n", b"\n", b"\r\n", b"\r\r\n")) for z in ("head", "part", "body", "delimiter", "text")}
    m.eols.update(choice)


# --- the end of a header ------------------------------------------------------------------------------------------------------
several("header-end", "gap", {
    "blank": _set(part_gap=b" \n"), "tab": _set(part_gap=b"\t\n"), "blanks": _set(part_gap=b"   \t \n"), "blank-then-empty": _set(part_gap=b" \n\n"),
    "none": _set(part_gap=b""), "two": _set(part_gap=b"\n\n"), "five": _set(part_gap=b"\n\n\n\n\n"), "cr": _set(part_gap=b"\r"),
    "cr-cr": _set(part_gap=b"\r\r"), "cr-crlf": _set(part_gap=b"\r\r\n"), "nul": _set(part_gap=b"\0\n"), "lone-text": _set(part_gap=b"this line has no colon\n\n"),
    "lone-text-only": _set(part_gap=b"this line has no colon\n"), "dot": _set(part_gap=b".\n"), "colon": _set(part_gap=b": x\n\n"),
    "formfeed": _set(part_gap=b"\f\n"), "nbsp": _set(part_gap=b"\xa0\n"), "equals": _set(part_gap=b"=\n\n"),
    "top-blank": _set(gap=b" \n"), "top-tab": _set(gap=b"\t\n"), "top-none": _set(gap=b"", preamble=b""), "top-two": _set(gap=b"\n\n\n"),
    "top-blank-none": _set(gap=b" \n", preamble=b""), "top-none-preamble": _set(gap=b""), "top-lone-text": _set(gap=b"no colon in here\n\n"),
    "top-nul": _set(gap=b"\0\n"),
})


@bend("header-end", "gap", "klez")
def _klez(m, rng):
    """Klez' form: the fields of the part run into its body; Content-ID is the last, the base64 follows at once."""
    m.kind, m.part_type = b"multipart/alternative", [b"Content-Type: audio/x-midi;\n\tname=setup.exe"]
    m.disposition, m.part_more, m.part_gap = [], [b"Content-ID: <Q5Ut64tH8>"], b""


@bend("header-end", "gap", "klez-blank")
def _klez_blank(m, rng):
    _klez(m, rng)
    m.part_gap = b" \n"


@bend("header-end", "gap", "badtrans")
def _badtrans(m, rng):
    """BadTrans.B: audio/x-wav with a program's name in a multipart/related, with extra white space in the boundary."""
    m.kind, m.boundary = b"multipart/related", b"====_ABC123456j7890DEF_===="
    m.parameters = [b'type="multipart/alternative"', b'\n\tboundary="====_ABC123456j7890DEF_===="']
    m.part_type = [b'Content-Type: audio/x-wav;\n\tname="README.TXT.pif"']
    m.disposition, m.part_more = [], [b"Content-ID: <EA4DMGBP9p>"]


@bend("header-end", "gap", "nimda")
def _nimda(m, rng):
    m.kind, m.boundary, m.parameters = b"multipart/related", b"====_ABC1234567890DEF_====", [b'\n\ttype="multipart/alternative"', b'\n\tboundary="====_ABC1234567890DEF_===="']
    m.part_type, m.disposition = [b'Content-Type: audio/x-wav;\n\tname="readme.exe"'], []
    m.part_more, m.part_gap, m.close = [b"Content-ID: <EA4DMGBP9p>"], b"\n", b""


# --- field names and colons ---------------------------------------------------------------------------------------------------
def _each_line(change, which):
    def run(m, rng):
        if which in (b"Content-Type", b"both") and not m.single:
            m.type = [change(x) for x in (m.type or [b"; ".join([b"Content-Type: " + m.kind] + m.parameters)])]
        if which in (b"part", b"both"):
            m.part_type = [change(x) for x in m.part_type]
        if which in (b"Content-Transfer-Encoding", b"both"):
            m.cte = [change(x) for x in (m.cte or [b"Content-Transfer-Encoding: " + m.encoding.encode()])]
    return run


def _name(old, new):
    return lambda line: line.replace(old, new, 1)


_COLONS = {"blank": b" :", "tab": b"\t:", "blanks": b"    :", "nul": b"\0:", "no-space": b":", "tab-after": b":\t", "many-after": b":      ",
           "two": b"::", "fold-after": b":\n ", "fold-tab": b":\n\t", "fold-twice": b":\n \n ", "blank-fold": b" :\n ", "cr-after": b":\r ", "lf-blank": b":\n  \n\t",
           "8bit": b"\xa0:", "nul-after": b":\0"}
for _n, _c in _COLONS.items():
    for _w in (b"Content-Type", b"Content-Transfer-Encoding", b"both"):
        def _colon(line, c=_c):
            name, found, rest = line.partition(b":")
            if not found:
                return line
            return name + c + (rest if c in (b" :", b"\t:", b"    :", b"\0:", b"\xa0:") else rest.lstrip())
        bend("colon", "name", f"{_n}-{_w.decode().lower()}")(_each_line(_colon, _w))

_NAMES = {
    "upper": lambda x: x.upper() if b"boundary" not in x else x.replace(b"Content-Type", b"CONTENT-TYPE"),
    "lower": lambda x: x.replace(b"Content-Type", b"content-type").replace(b"Content-Transfer-Encoding", b"content-transfer-encoding"),
    "odd": lambda x: x.replace(b"Content-Type", b"cOnTeNt-tYpE").replace(b"Content-Transfer-Encoding", b"cOnTeNt-TrAnSfEr-eNcOdInG"),
    "lead-blank": lambda x: b" " + x, "lead-tab": lambda x: b"\t" + x, "lead-nul": lambda x: b"\0" + x, "lead-bom": lambda x: b"\xef\xbb\xbf" + x,
    "lead-dash": lambda x: b"-" + x, "inner-blank": lambda x: x.replace(b"Content-T", b"Content- T", 1),
    "inner-nul": lambda x: x.replace(b"Content-", b"Content-\0", 1), "underscore": lambda x: x.replace(b"Content-T", b"Content_T", 1),
    "comment": lambda x: x.replace(b":", b"(x):", 1), "comment-blank": lambda x: x.replace(b":", b" (x) :", 1),
    "semicolon": lambda x: x.replace(b":", b";", 1), "no-colon": lambda x: x.replace(b":", b"", 1), "equals": lambda x: x.replace(b":", b"=", 1),
    "quoted": lambda x: b'"' + x.replace(b":", b'":', 1), "soft-hyphen": lambda x: x.replace(b"Content-", b"Content\xad", 1),
    "encoded-word": lambda x: b"=?us-ascii?q?" + x.replace(b":", b"?=:", 1), "del": lambda x: x.replace(b":", b"\x7f:", 1),
}
for _n, _c in _NAMES.items():
    for _w in (b"Content-Type", b"Content-Transfer-Encoding", b"both"):
        bend("field-name", "name", f"{_n}-{_w.decode().lower()}")(_each_line(_c, _w))


# --- folding ------------------------------------------------------------------------------------------------------------------
def _fold_parameters(fold):
    def change(m, rng):
        m.parameters = [fold + p.lstrip() for p in m.parameters]
    return change


several("folding", "fold", {
    "parameter": _fold_parameters(b"\n\t"), "blank-line": _fold_parameters(b"\n \n\t"), "three-blank-lines": _fold_parameters(b"\n \n\t\n  \n "),
    "blank-lines-20": _fold_parameters(b"\n   " * 20 + b"\n "), "lone-cr": _fold_parameters(b"\r "), "cr-crlf": _fold_parameters(b"\r\n "),
    "lone-lf": _fold_parameters(b"\n "), "no-blank": _fold_parameters(b"\n"), "formfeed": _fold_parameters(b"\n\f"), "vt": _fold_parameters(b"\n\v"),
    "nbsp": _fold_parameters(b"\n\xa0"), "nul": _fold_parameters(b"\n\0 "), "comment-line": _fold_parameters(b"\n (a comment)\n "),
    "long": _fold_parameters(b"\n" + b" " * 2000), "x-parameter": _fold_parameters(b"\n\tx-unix-mode=0600;\n\t"),
    "x-parameter-no-blank": _fold_parameters(b"\nx-unix-mode=0600;\n\t"),
})


@bend("folding", "fold", "in-boundary")
def _fold_in_boundary(m, rng):
    half = len(m.boundary) // 2
    m.parameters = [b'boundary="' + m.boundary[:half] + b"\n " + m.boundary[half:] + b'"']


@bend("folding", "fold", "in-boundary-name")
def _fold_in_name(m, rng):
    m.parameters = [b'bound\n ary="' + m.boundary + b'"']


@bend("folding", "fold", "equals-sign")
def _fold_at_equals(m, rng):
    m.parameters = [b'boundary=\n\t"' + m.boundary + b'"']


@bend("folding", "fold", "before-equals-sign")
def _fold_before_equals(m, rng):
    m.parameters = [b'boundary\n\t=\n\t"' + m.boundary + b'"']


@bend("folding", "fold", "encoding")
def _fold_encoding(m, rng):
    m.cte = [b"Content-Transfer-Encoding:\n " + m.encoding.encode()]


@bend("folding", "fold", "encoding-blank-line")
def _fold_encoding_blank(m, rng):
    m.cte = [b"Content-Transfer-Encoding:\n \n\t" + m.encoding.encode()]


@bend("folding", "fold", "encoding-split")
def _fold_encoding_split(m, rng):
    e = m.encoding.encode()
    m.cte = [b"Content-Transfer-Encoding: " + e[:3] + b"\n " + e[3:]]


# --- duplicate and contradicting fields ---------------------------------------------------------------------------------------
_OTHER = (b"7bit", b"8bit", b"quoted-printable", b"base64", b"x-unknown", b"", b"binary", b"x-uuencode")
for _o in _OTHER:
    for _first in (True, False):
        def _twice_cte(m, rng, o=_o, first=_first):
            real = m.cte or [b"Content-Transfer-Encoding: " + m.encoding.encode()]
            decoy = [b"Content-Transfer-Encoding: " + o]
            m.cte = decoy + real if first else real + decoy
        bend("duplicate-encoding", "cte", f"{_o.decode() or 'empty'}-{'first' if _first else 'last'}")(_twice_cte)

_DECOYS = {"plain": b"text/plain", "html": b"text/html", "mixed": b'multipart/mixed; boundary="nothing-here"', "octets": b"application/octet-stream",
           "empty": b"", "image": b"image/png", "external": b'message/external-body; access-type="x"', "rfc822": b"message/rfc822",
           "charset": b"text/plain; charset=utf-16", "no-boundary": b"multipart/mixed"}
for _n, _t in _DECOYS.items():
    for _first in (True, False):
        for _where in ("top", "part"):
            def _twice_type(m, rng, t=_t, first=_first, where=_where):
                decoy = [b"Content-Type: " + t]
                if where == "part" or m.single:
                    m.part_type = decoy + m.part_type if first else m.part_type + decoy
                else:
                    real = m.type or [b"; ".join([b"Content-Type: " + m.kind] + m.parameters)]
                    m.type = decoy + real if first else real + decoy
            bend("duplicate-type", "type", f"{_n}-{'first' if _first else 'last'}-{_where}")(_twice_type)


def _far(m, rng):
    m.top, m.head = [b"Content-Type: text/plain"], [b"Content-Type: text/plain"] + m.head


bend("duplicate-type", "type", "around")(_far)
several("duplicate-type", "disposition", {
    "disposition-first": lambda m, rng: setattr(m, "disposition", [b"Content-Disposition: inline"] + m.disposition),
    "disposition-last": lambda m, rng: setattr(m, "disposition", m.disposition + [b"Content-Disposition: inline; filename=a.txt"]),
    "disposition-first-junk": lambda m, rng: setattr(m, "disposition", [b"Content-Disposition: ;;="] + m.disposition),
    "version-twice": lambda m, rng: setattr(m, "version", [b"MIME-Version: 1.0", b"MIME-Version: 2.0"]),
    "version-none": _set(version=[]), "version-junk": _set(version=[b"MIME-Version: (produced by) 1 . 0 x"]), "version-empty": _set(version=[b"MIME-Version:"]),
    "version-two": _set(version=[b"MIME-Version: 2.0"]), "disposition-none": _set(disposition=[]),
    "disposition-inline": _set(disposition=[b"Content-Disposition: inline"]), "disposition-text": _set(disposition=[b"Content-Disposition: attachment"]),
})

# --- the value of Content-Transfer-Encoding -----------------------------------------------------------------------------------
_VALUES = {
    "upper": b"%U", "mixed-case": b"%M", "comment-before": b"(a comment) %s", "comment-after": b"%s (a comment)", "comment-nested": b"(a (nested) one) %s",
    "comment-open": b"%s (never closed", "comment-in": b"%L()%R", "quoted": b'"%s"', "half-quoted": b'"%s', "single-quoted": b"'%s'", "semicolon": b"%s;",
    "parameter": b"%s; charset=us-ascii", "comma": b"%s, 7bit", "comma-before": b"7bit, %s", "blank-after": b"%s   ", "tab-before": b"\t%s",
    "two-words": b"%s encoding", "word-before": b"x %s", "dot": b"%s.", "nul-after": b"%s\0", "nul-in": b"%L\0%R", "blank-in": b"%L %R", "8bit-after": b"%s\xa0",
    "encoded-q": b"=?us-ascii?Q?%s?=", "encoded-b": b"=?us-ascii?B?%B?=", "encoded-two": b"=?us-ascii?q?%L?= =?us-ascii?q?%R?=", "x-": b"x-%s",
    "angle": b"<%s>", "equals": b"=%s", "slash": b"%s/x", "backslash": b"\\%s", "cr-after": b"%s\r", "formfeed": b"\f%s", "del": b"%s\x7f", "dashes": b"--%s--",
    "short": b"%1", "hyphen": b"%L-%R", "underscore": b"%L_%R", "bracket": b"[%s]", "long-comment": b"(" + b"c" * 2000 + b") %s", "colon": b": %s",
    "bom": b"\xef\xbb\xbf%s", "comment-quote": b'(") %s', "long-tail": b"%s " + b"x" * 1500,
    "list-after": b"quoted-printable,%s", "list-semicolon": b"7bit; %s", "twice": b"%s %s", "joined": b"%s%s", "x-token": b"x-token; %s", "newline-comment": b"(c\n c) %s", "tab-after": b"%s\t\t", "prefix": b"%sx", "value": b"value=%s",
}


def _value(form, e):
    import base64
    half = len(e) // 2
    for key, text in ((b"%U", e.upper()), (b"%M", e.title()), (b"%s", e), (b"%L", e[:half]), (b"%R", e[half:]), (b"%B", base64.b64encode(e)), (b"%1", e[:3])):
        form = form.replace(key, text)
    return form


for _n, _f in _VALUES.items():
    def _encoding_value(m, rng, f=_f):
        m.cte = [b"Content-Transfer-Encoding: " + _value(f, m.encoding.encode())]
    bend("encoding-value", "cte", _n)(_encoding_value)


@bend("encoding-value", "cte", "missing")
def _no_encoding(m, rng):
    m.cte = []


@bend("encoding-value", "cte", "in-top-header")
def _encoding_at_top(m, rng):
    m.cte, m.top = [], [b"Content-Transfer-Encoding: " + m.encoding.encode()]


for _n, _v in {"7bit": b"7bit", "8bit": b"8bit", "binary": b"binary", "unknown": b"x-none", "utf-8": b"utf-8", "empty": b"", "other": b"quoted-printable"}.items():
    def _wrong(m, rng, v=_v):
        m.cte = [b"Content-Transfer-Encoding: " + (v if v != b"quoted-printable" or m.encoding != "quoted-printable" else b"base64")]
    bend("encoding-wrong", "cte", _n)(_wrong)

# --- junk among the fields ----------------------------------------------------------------------------------------------------
several("junk-fields", "junk", {
    "no-colon-part": lambda m, rng: m.part_type.insert(0, b"this line has no colon"),
    "no-colon-middle": lambda m, rng: m.part_type.append(b"this line has no colon"),
    "no-colon-top": lambda m, rng: m.version.append(b"this line has no colon"),
    "no-name": lambda m, rng: m.part_type.insert(0, b": no name"), "dash-line": lambda m, rng: m.part_type.insert(0, b"--"),
    "from-line": lambda m, rng: m.part_type.insert(0, b"From alice@sender.example Mon Mar  2 10:00:00 2026"),
    "8bit": lambda m, rng: m.part_type.insert(0, b"X-\xe4\xf6\xfc: \xe4\xff"), "long": lambda m, rng: m.part_type.insert(0, b"X-Long: " + b"x" * 70000),
    "long-top": lambda m, rng: m.version.insert(0, b"X-Long: " + b"x" * 70000), "many": lambda m, rng: m.part_type.extend([b"X-Many: y"] * 2000),
    "many-before": lambda m, rng: setattr(m, "part_type", [b"X-Many: y"] * 2000 + m.part_type),
    "many-top": lambda m, rng: m.version.extend([b"X-Many: y"] * 3000), "nul-field": lambda m, rng: m.part_type.insert(0, b"X-Nul: a\0b"),
    "empty-field": lambda m, rng: m.part_type.insert(0, b"X-Empty:"), "blank-before": lambda m, rng: m.part_type.insert(0, b" "),
    "continuation-first": lambda m, rng: m.part_type.insert(0, b" continues nothing"),
    "continuation-top": lambda m, rng: m.head.insert(0, b" continues nothing"), "mbox": lambda m, rng: setattr(m, "first", b"From alice Mon Mar  2 10:00:00 2026\r\n"),
    "quoted-mbox": lambda m, rng: setattr(m, "first", b">From alice Mon Mar  2 10:00:00 2026\r\n"),
    "empty-line-first": lambda m, rng: setattr(m, "first", b"\r\n"), "empty-lines-first": lambda m, rng: setattr(m, "first", b"\r\n\r\n\r\n"),
    "bom-first": lambda m, rng: setattr(m, "first", b"\xef\xbb\xbf"), "nul-first": lambda m, rng: setattr(m, "first", b"\0\0"),
    "blank-first": lambda m, rng: setattr(m, "first", b"  \r\n"), "content-only": lambda m, rng: setattr(m, "head", []),
    "hash-line": lambda m, rng: m.part_type.insert(0, b"# a comment"), "long-subject": lambda m, rng: m.head.insert(0, b"Subject: " + b"\n long" * 3000),
})
for _n, _magic in {"zip": b"PK\3\4", "mz": b"MZ\x90\0", "gif": b"GIF89a", "pdf": b"%PDF-1.4", "gzip": b"\x1f\x8b\x08\0", "png": b"\x89PNG\r\n\x1a\n", "rtf": b"{\\rtf1",
                   "rar": b"Rar!\x1a\7\0", "7z": b"7z\xbc\xaf'\x1c", "elf": b"\x7fELF\2\1\1", "html": b"<html>", "xml": b"<?xml version=\"1.0\"?>", "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                   "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF", "cab": b"MSCF\0\0\0\0", "script": b"#!/bin/sh", "ico": b"\0\0\1\0", "bz2": b"BZh91AY&SY", "tnef": b"\x78\x9f\x3e\x22"}.items():
    bend("first-bytes", "junk", _n)(lambda m, rng, b=_magic: setattr(m, "first", b + b": x\r\n"))
