"""Ways to bend the structure: boundary parameters, delimiter lines, preamble and epilogue, types, nesting.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64

from . import carriers
from .bend import bend, several
from .letter import Letter


def _parameters(form):
    def change(m, rng):
        b = m.boundary
        half = len(b) // 2
        table = ((b"%s", b), (b"%L", b[:half]), (b"%R", b[half:]), (b"%P", b"".join(b"%%%02X" % c for c in b)),
                 (b"%E", b.replace(b"_", b"=5F").replace(b"=f", b"=3Df")), (b"%Q", b"".join(b"\\" + bytes([c]) for c in b)), (b"%U", b.upper()), (b"%6", base64.b64encode(b)))
        out = form
        for key, text in table:
            out = out.replace(key, text)
        m.parameters = [out]
    return change


# --- the boundary parameter ---------------------------------------------------------------------------------------------------
several("boundary-value", "boundary", {n: _parameters(f) for n, f in {
    "unquoted": b"boundary=%s", "unquoted-semicolon": b"boundary=%s;", "quoted-semicolons": b';; boundary="%s";;', "single-quotes": b"boundary='%s'",
    "open-quote": b'boundary="%s', "end-quote": b'boundary=%s"', "double-quotes": b'boundary=""%s""', "blank-after": b'boundary="%s  "',
    "blank-before": b'boundary="  %s"', "unquoted-blank-after": b"boundary=%s  ", "escaped": b'boundary="%Q"', "escaped-one": b'boundary="%L\\%R"',
    "blanks-around-equals": b'boundary = "%s"', "tab-around-equals": b'boundary\t=\t"%s"', "comment-before-value": b'boundary=(c)"%s"',
    "comment-after-value": b'boundary="%s"(c)', "comment-before-name": b'(c)boundary="%s"', "comment-in-name": b'bound(c)ary="%s"',
    "comment-before-equals": b'boundary(c)="%s"', "junk-after-quote": b'boundary="%s"junk', "junk-blank": b'boundary="%s" junk', "junk-parameter": b'x=y z; boundary="%s"',
    "upper-name": b'BOUNDARY="%s"', "mixed-name": b'bOuNdArY="%s"', "continued": b'boundary*0="%L"; boundary*1="%R"', "continued-swapped": b'boundary*1="%R"; boundary*0="%L"',
    "continued-unquoted": b"boundary*0=%L; boundary*1=%R", "continued-percent": b"boundary*0*=us-ascii''%P; boundary*1=\"\"", "percent": b"boundary*=us-ascii''%P",
    "percent-no-charset": b"boundary*=''%P", "star": b'boundary*="%s"', "continued-one": b'boundary*0="%s"', "continued-01": b'boundary*00="%L"; boundary*01="%R"',
    "encoded-q": b'boundary="=?us-ascii?Q?%E?="', "nul-after": b'boundary="%s\0x"', "nul-before-name": b'\0boundary="%s"', "colon": b'boundary: "%s"',
    "no-equals": b'boundary "%s"', "other-first": b'charset="a;b"; boundary="%s"', "quote-in-other": b'name="a\\"; boundary=no"; boundary="%s"',
    "decoy-in-comment": b'(boundary="no") boundary="%s"', "decoy-in-quotes": b'x="boundary=no"; boundary="%s"', "decoy-name": b'xboundary="no"; boundary="%s"',
    "many-parameters": b"; ".join(b"p%d=v" % i for i in range(300)) + b'; boundary="%s"', "long-parameter": b'x="' + b"y" * 3000 + b'"; boundary="%s"',
    "cr-after": b'boundary="%s"\r', "semicolon-open": b'boundary=";%s"', "angle": b'boundary="<%s>"', "comma": b'a=b, boundary="%s"', "amp": b'boundary="%s"&x=y',
    "pieces-good": b'boundary="no"; boundary*0="%L"; boundary*1="%R"', "pieces-bad": b'boundary="%s"; boundary*0="n"; boundary*1="o"', "pieces-good-last": b'boundary*0="%L"; boundary*1="%R"; boundary="no"', "percent-good": b"boundary=no; boundary*=us-ascii''%P",
    "percent-bad": b"boundary=\"%s\"; boundary*=us-ascii''no", "percent-last": b"boundary*=us-ascii''%P; boundary=no", "pieces-gap": b'boundary*0="%L"; x=y; boundary*1="%R"', "pieces-percent": b"boundary*0*=us-ascii'en'%P; boundary*1=\"\"", "pieces-lower": b'BOUNDARY*0="%L"; boundary*1="%R"',
    "quote-escaped-in-other": b'x="a\\"b"; boundary="%s"', "key-in-comment": b'(boundary="no"; ) boundary="%s" (boundary=no)', "key-blank": b'bound ary="no"; boundary="%s"', "escaped-semicolon": b'x=a\\;boundary="no"; boundary="%s"', "quotes-joined": b'boundary="%L""%R"', "half-quoted": b'boundary=%L"%R"', "first-half-quoted": b'boundary="%L"%R',
    "blank-cut": b"boundary=%s x", "encoded-b": b'boundary="=?us-ascii?B?%6?="', "encoded-bare": b"boundary==?us-ascii?B?%6?=", "empty-first": b'boundary=; boundary="%s"', "twice-same": b'boundary="%s"; boundary="%s"', "8bit-after": b'boundary="%s\xa0"',
}.items()})


@bend("boundary-value", "boundary", "no-semicolon")
def _no_semicolon(m, rng):
    m.type = [b'Content-Type: multipart/mixed boundary="' + m.boundary + b'"']


@bend("boundary-value", "boundary", "missing")
def _missing(m, rng):
    m.type = [b"Content-Type: multipart/mixed"]


@bend("boundary-value", "boundary", "other")
def _other(m, rng):
    m.parameters = [b'boundary="not-this-one"']


@bend("boundary-value", "boundary", "two-first")
def _two_first(m, rng):
    m.parameters = [b'boundary="' + m.boundary + b'"', b'boundary="not-this-one"']


@bend("boundary-value", "boundary", "two-last")
def _two_last(m, rng):
    m.parameters = [b'boundary="not-this-one"', b'boundary="' + m.boundary + b'"']


def _boundary(value, quoted=True):
    def change(m, rng):
        m.boundary = value
        m.parameters = [b'boundary="' + value + b'"' if quoted else b"boundary=" + value]
    return change


several("boundary-shape", "boundary", {
    "empty": _boundary(b""), "empty-unquoted": _boundary(b"", False), "one": _boundary(b"x"), "dashes": _boundary(b"----"), "dash": _boundary(b"-"),
    "two-dashes": _boundary(b"--"), "71": _boundary(b"b" * 71), "100": _boundary(b"b" * 100), "250": _boundary(b"b" * 250), "1000": _boundary(b"b" * 1000),
    "5000": _boundary(b"b" * 5000), "blanks-inside": _boundary(b"a b  c"), "blanks-unquoted": _boundary(b"a b  c", False), "colon": _boundary(b"a:b:c"), "colon-unquoted": _boundary(b"a:b", False),
    "equals-unquoted": _boundary(b"=_a=b=", False), "slash-unquoted": _boundary(b"a/b", False), "question": _boundary(b"a?b=?"), "parens": _boundary(b"a(b)c"),
    "parens-unquoted": _boundary(b"a(b)c", False), "8bit": _boundary(b"\xe4\xf6\xfc"), "utf8": _boundary(b"\xc3\xa4\xe2\x82\xac"), "percent": _boundary(b"a%20b"), "star": _boundary(b"*"),
    "backslash": _boundary(b"a\\\\b"), "trailing-blank": _boundary(b"a "), "tab": _boundary(b"a\tb"), "quote": _boundary(b'a\\"b'), "semicolon": _boundary(b"a;b"),
    "semicolon-unquoted": _boundary(b"a;b", False), "at-unquoted": _boundary(b"a@b", False), "brackets": _boundary(b"<[a]>"), "ends-dashes": _boundary(b"abc--"),
    "comma-unquoted": _boundary(b"a,b", False), "base64-like": _boundary(b"QUJDREVGR0g"), "angle-unquoted": _boundary(b"<a>", False),
})


def _delimiter(open=None, close=None, both=None):
    def fill(form, m):
        return form.replace(b"%s", m.boundary)

    def change(m, rng):
        if both is not None:
            m.open, m.close, m.text = b"\n" + fill(both, m) + b"\n", b"\n" + fill(both, m) + b"--\n", False
        if open is not None:
            m.open = fill(open, m)
        if close is not None:
            m.close = fill(close, m)
    return change


several("delimiter", "delimiter", {
    "blank-after": _delimiter(b"\n--%s   \n"), "tab-after": _delimiter(b"\n--%s\t\n"), "text-after": _delimiter(b"\n--%s text after it\n"), "junk-after": _delimiter(b"\n--%sjunk\n"),
    "blank-before": _delimiter(b"\n --%s\n"), "tab-before": _delimiter(b"\n\t--%s\n"), "text-before": _delimiter(b"\nx--%s\n"), "text-blank-before": _delimiter(b"\ntext --%s\n"),
    "dash-before": _delimiter(b"\n---%s\n"), "dashes-before": _delimiter(b"\n------%s\n"), "one-dash": _delimiter(b"\n-%s\n"), "no-dash": _delimiter(b"\n%s\n"),
    "blank-inside": _delimiter(b"\n-- %s\n"), "blank-between": _delimiter(b"\n- -%s\n"), "closed": _delimiter(b"\n--%s--\n"), "closed-blank": _delimiter(b"\n--%s --\n"),
    "closed-one": _delimiter(b"\n--%s-\n"), "closed-junk": _delimiter(b"\n--%s--junk\n"), "closed-then-open": _delimiter(b"\n--%s--\n\n--%s\n"), "twice": _delimiter(b"\n--%s\n--%s\n"),
    "empty-part": _delimiter(b"\n--%s\n\n--%s\n"), "nul-after": _delimiter(b"\n--%s\0\n"), "nul-before": _delimiter(b"\n\0--%s\n"), "cr-after": _delimiter(b"\n--%s\r\n"),
    "crlf-cr": _delimiter(b"\n--%s\n\r"), "cr-before": _delimiter(b"\r--%s\n"), "cr-both": _delimiter(b"\r--%s\r"), "no-newline-before": _delimiter(b"text--%s\n"),
    "8bit-after": _delimiter(b"\n--%s\xff\n"), "quoted": _delimiter(b'\n--"%s"\n'), "gt-before": _delimiter(b"\n> --%s\n"), "comment-after": _delimiter(b"\n--%s (comment)\n"),
    "formfeed-before": _delimiter(b"\n\f--%s\n"), "formfeed-after": _delimiter(b"\n--%s\f\n"), "colon-after": _delimiter(b"\n--%s:\n"), "equals-after": _delimiter(b"\n--%s=\n"),
    "soft-break": _delimiter(b"\n--%s=20\n"), "long-after": _delimiter(b"\n--%s" + b" " * 3000 + b"\n"), "long-junk-after": _delimiter(b"\n--%s" + b"x" * 3000 + b"\n"),
    "header-after": _delimiter(b"\n--%sContent-Type: application/octet-stream\n"), "no-end": _delimiter(close=b""), "end-open": _delimiter(close=b"\n--%s\n"),
    "end-twice": _delimiter(close=b"\n--%s--\n--%s--\n"), "end-junk": _delimiter(close=b"\n--%s--junk\n"), "end-no-newline": _delimiter(close=b"--%s--\n"), "end-cut": _delimiter(close=b"\n--%s-"),
    "only-first": _delimiter(b"\n--%s\n", b""), "blank-all": _delimiter(both=b"--%s "), "junk-all": _delimiter(both=b"--%sjunk"), "blank-before-all": _delimiter(both=b" --%s"),
    "dash-all": _delimiter(both=b"---%s"), "one-dash-all": _delimiter(both=b"-%s"), "upper-all": lambda m, rng: _delimiter(both=b"--" + m.boundary.upper())(m, rng),
    "prefix": lambda m, rng: _delimiter(both=b"--" + m.boundary[:-2])(m, rng),
})


# --- preamble, epilogue, several multiparts -----------------------------------------------------------------------------------
def _part(m, data=None):
    return b"\n".join(m.part_head()) + b"\n" + m.part_gap + (m.encoded() if data is None else data)


@bend("preamble-epilogue", "place", "preamble-fields")
def _in_preamble(m, rng):
    m.preamble, m.body, m.part_type, m.disposition, m.cte = _part(m), b"nothing here\n", [b"Content-Type: text/plain"], [], []


@bend("preamble-epilogue", "place", "preamble-uu")
def _uu_in_preamble(m, rng):
    m.preamble, m.body, m.part_type, m.disposition, m.cte = carriers.uu(m.data), b"nothing here\n", [b"Content-Type: text/plain"], [], []


def _in_epilogue(delimiter):
    def change(m, rng):
        m.epilogue = delimiter.replace(b"%s", m.boundary) + _part(m) + b"\n--" + m.boundary + b"--\n"
        m.body, m.part_type, m.disposition, m.cte = b"nothing here\n", [b"Content-Type: text/plain"], [], []
    return change


several("preamble-epilogue", "place", {
    "epilogue-part": _in_epilogue(b"\n--%s\n"), "epilogue-bare": _in_epilogue(b"\n"), "epilogue-closed": _in_epilogue(b"\n--%s--\n"), "epilogue-text": _in_epilogue(b"some text\n\n--%s\n"),
    "epilogue-mail": _in_epilogue(b"\nFrom: x@sender.example\nSubject: y\n"),
})


@bend("preamble-epilogue", "place", "epilogue-uu")
def _uu_in_epilogue(m, rng):
    m.epilogue = carriers.uu(m.data)
    m.body, m.part_type, m.disposition, m.cte = b"nothing here\n", [b"Content-Type: text/plain"], [], []


@bend("preamble-epilogue", "place", "one-part-no-text")
def _alone(m, rng):
    m.text = False


@bend("preamble-epilogue", "place", "no-preamble")
def _no_preamble(m, rng):
    m.preamble, m.text = b"", False


# --- types --------------------------------------------------------------------------------------------------------------------
def _kind(kind, part=None):
    def change(m, rng):
        m.kind = kind
        if part is not None:
            m.part_type = part
    return change


several("type", "type", {n: _kind(k) for n, k in {
    "related": b"multipart/related", "alternative": b"multipart/alternative", "digest": b"multipart/digest", "parallel": b"multipart/parallel", "unknown": b"multipart/x-unknown",
    "form-data": b"multipart/form-data", "report": b"multipart/report", "appledouble": b"multipart/appledouble", "signed": b'multipart/signed; protocol="application/pgp-signature"',
    "encrypted": b'multipart/encrypted; protocol="application/pgp-encrypted"', "text-plain": b"text/plain", "octets": b"application/octet-stream", "no-subtype": b"multipart",
    "no-subtype-slash": b"multipart/", "blank-around-slash": b"multipart / mixed", "comment": b"multipart(c)/(d)mixed", "upper": b"MULTIPART/MIXED", "quoted": b'"multipart/mixed"',
    "two-slashes": b"multipart/mixed/x", "lead-blanks": b"    multipart/mixed", "x-multipart": b"x-multipart/mixed", "message": b"message/rfc822", "text-html": b"text/html",
    "image": b"image/gif", "empty": b"", "comment-first": b"(c) multipart/mixed", "backslash": b"multipart\\/mixed", "nul": b"multipart\0/mixed", "replace": b"multipart/x-mixed-replace",
    "comma": b"multipart/mixed, text/plain", "encoded": b"=?us-ascii?q?multipart/mixed?=", "multi-part": b"multi-part/mixed", "8bit": b"multipart/mixed\xa0",
}.items()})
several("part-type", "part-type", {n: _kind(b"multipart/mixed", [b"Content-Type: " + k] if k is not None else []) for n, k in {
    "none": None, "empty": b"", "text": b"text/plain", "html": b"text/html", "image": b'image/jpeg; name="a.jpg"', "audio": b'audio/x-wav; name="a.exe"', "junk": b"junk",
    "octets-bare": b"application/octet-stream", "multipart": b"multipart/mixed", "multipart-boundary": b'multipart/mixed; boundary="xyz"', "message": b"message/rfc822", "pgp": b"application/pgp-encrypted",
    "message-global": b"message/global", "text-calendar": b"text/calendar", "external": b'message/external-body; access-type=local-file; name="/x"', "partial-like": b"message/x-partial",
    "delivery-status": b"message/delivery-status", "zip": b'application/zip; name="a.zip"', "tnef": b"application/ms-tnef", "pkcs7": b'application/pkcs7-mime; name="smime.p7m"',
    "binhex": b"application/mac-binhex40", "uu": b"application/x-uuencode", "open-quote": b'application/octet-stream; name="eicar.com', "semicolons": b"application/octet-stream;;;;name=eicar.com",
    "no-semicolon": b'application/octet-stream name="eicar.com"', "utf16": b"text/plain; charset=utf-16", "signature": b'application/pgp-signature; name="signature.asc"',
    "rfc822-headers": b"text/rfc822-headers", "long-name": b'application/octet-stream; name="' + b"a" * 5000 + b'.com"', "nul": b"application/octet-stream\0; name=eicar.com",
    "text-x-unknown-charset": b"text/plain; charset=x-none", "ebcdic": b"text/plain; charset=cp037", "utf7": b"text/plain; charset=utf-7",
}.items()})


# --- nesting ------------------------------------------------------------------------------------------------------------------
def _as_part(kind, encode=None, cte=None, extra=()):
    """The whole message becomes the attachment of another one."""
    def change(m, rng):
        def wrap(inner):
            outer = Letter(encoding="7bit", subject=b"Fwd: what we spoke of")
            outer.boundary = b"=_outer_%d" % len(m.around)
            outer.parameters = [b'boundary="' + outer.boundary + b'"']
            outer.part_type, outer.disposition, outer.part_more = [b"Content-Type: " + kind] if kind is not None else [], [], list(extra)
            outer.cte = [b"Content-Transfer-Encoding: " + cte] if cte else []
            outer.raw = inner if encode is None else encode(inner).replace(b"\n", b"\r\n")
            return outer.render()
        m.around.append(wrap)
    return change


several("nesting", "around", {
    "rfc822": _as_part(b"message/rfc822"), "rfc822-name": _as_part(b'message/rfc822; name="a.eml"'), "rfc822-7bit": _as_part(b"message/rfc822", None, b"7bit"),
    "rfc822-base64": _as_part(b"message/rfc822", carriers.b64, b"base64"), "rfc822-qp": _as_part(b"message/rfc822", lambda d: carriers.qp(d), b"quoted-printable"),
    "rfc822-uu": _as_part(b"message/rfc822", lambda d: carriers.uu(d), b"x-uuencode"), "global": _as_part(b"message/global"), "news": _as_part(b"message/news"),
    "as-text": _as_part(b"text/plain"), "as-octets": _as_part(b'application/octet-stream; name="a.eml"'), "as-octets-base64": _as_part(b'application/octet-stream; name="a.eml"', carriers.b64, b"base64"),
    "as-text-base64": _as_part(b'text/plain; name="a.eml"', carriers.b64, b"base64"), "rfc822-headers": _as_part(b"text/rfc822-headers"), "no-type": _as_part(None),
    "delivery-status": _as_part(b"message/delivery-status"), "external-body": _as_part(b'message/external-body; access-type="mail-server"'), "rfc822-wrong-encoding": _as_part(b"message/rfc822", None, b"base64"),
    "rfc822-qp-not": _as_part(b"message/rfc822", None, b"quoted-printable"), "pkcs7": _as_part(b"application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", lambda d: carriers.b64(carriers.signed_data(d)), b"base64"),
    "pkcs7-streamed": _as_part(b"application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", lambda d: carriers.b64(carriers.signed_data(d, True)), b"base64"),
    "gzip": _as_part(b'application/gzip; name="a.eml.gz"', lambda d: carriers.b64(carriers.gzipped(d)), b"base64"),
    "zip": _as_part(b'application/zip; name="a.zip"', lambda d: carriers.b64(carriers.zipped(d, "a.eml")), b"base64"),
    "tnef": _as_part(b'application/ms-tnef; name="winmail.dat"', lambda d: carriers.b64(carriers.tnef(d, b"a.eml")), b"base64"),
})


@bend("nesting", "around", "digest-default")
def _digest(m, rng):
    def wrap(inner):
        outer = Letter(encoding="7bit", subject=b"Digest")
        outer.kind, outer.boundary, outer.text = b"multipart/digest", b"=_digest", False
        outer.parameters = [b'boundary="=_digest"']
        outer.part_type, outer.cte, outer.disposition, outer.raw = [], [], [], inner
        return outer.render()
    m.around.append(wrap)


def _deep_rfc822(depth):
    def change(m, rng):
        m.around.append(lambda inner: b"".join(b"Subject: level %d\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" % i for i in range(depth)) + inner)
    return change


def _deep_multipart(depth):
    def change(m, rng):
        def wrap(inner):
            head, body = inner.split(b"\r\n\r\n", 1) if b"\r\n\r\n" in inner else (inner, b"")
            out = head + b"\r\n\r\n" + body
            for i in range(depth):
                b = b"=_deep_%d" % i
                kept, rest = out.split(b"MIME-Version: 1.0\r\n", 1) if b"MIME-Version: 1.0\r\n" in out else (b"", out)
                out = (kept + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"" + b + b"\"\r\n\r\n--" + b + b"\r\n" + rest + b"\r\n--" + b + b"--\r\n")
            return out
        m.around.append(wrap)
    return change


several("depth", "around", {"rfc822-%d" % n: _deep_rfc822(n) for n in (2, 5, 12, 16, 20, 33, 60)})
several("depth", "around", {"multipart-%d" % n: _deep_multipart(n) for n in (2, 5, 12, 16, 20, 33, 60)})


@bend("many-parts", "around", "before")
def _many_before(m, rng):
    m.preamble += b"".join(b"--" + m.boundary + b"\nContent-Type: text/plain\n\npart %d\n" % i for i in range(400))


@bend("many-parts", "around", "attachments-before")
def _attachments_before(m, rng):
    m.preamble += b"".join(b"--" + m.boundary + b"\nContent-Type: application/octet-stream; name=a%d\nContent-Transfer-Encoding: base64\n\n" % i +
                           carriers.b64(b"harmless content number %d " % i * 20) for i in range(60))


# --- a transfer encoding on a multipart ---------------------------------------------------------------------------------------
def _whole(cte, encode):
    """The top body, delimiters and all, is encoded."""
    def change(m, rng):
        m.top = m.top + [b"Content-Transfer-Encoding: " + cte]
        if encode is not None:
            def wrap(out):
                cut = out.find(b"\r\n\r\n")
                return out if cut < 0 else out[:cut + 4] + encode(out[cut + 4:]).replace(b"\n", b"\r\n")
            m.around.append(wrap)
    return change


several("multipart-encoded", "around", {
    "base64": _whole(b"base64", carriers.b64), "quoted-printable": _whole(b"quoted-printable", lambda d: carriers.qp(d)), "uu": _whole(b"x-uuencode", lambda d: carriers.uu(d)),
    "base64-said-only": _whole(b"base64", None), "qp-said-only": _whole(b"quoted-printable", None), "binary-said": _whole(b"binary", None), "qp-every": _whole(b"quoted-printable", lambda d: carriers.qp(d, every=True)),
})


def _inner_encoded(cte, encode):
    """An inner multipart with a transfer encoding of its own."""
    def change(m, rng):
        inner = b"--=_in\r\n" + _part(m).replace(b"\n", b"\r\n") + b"\r\n--=_in--\r\n"
        m.part_type, m.disposition, m.part_more = [b'Content-Type: multipart/mixed; boundary="=_in"'], [], []
        m.cte, m.raw = [b"Content-Transfer-Encoding: " + cte], inner if encode is None else encode(inner).replace(b"\n", b"\r\n")
    return change


several("multipart-encoded", "body", {
    "inner-base64": _inner_encoded(b"base64", carriers.b64), "inner-qp": _inner_encoded(b"quoted-printable", lambda d: carriers.qp(d)),
    "inner-base64-said-only": _inner_encoded(b"base64", None), "inner-qp-said-only": _inner_encoded(b"quoted-printable", None),
})


def _nested_boundary(outer, inner):
    def change(m, rng):
        body = b"--" + inner + b"\r\n" + _part(m).replace(b"\n", b"\r\n") + b"\r\n--" + inner + b"--\r\n"
        m.boundary, m.parameters = outer, [b'boundary="' + outer + b'"']
        m.part_type, m.disposition, m.part_more, m.cte = [b'Content-Type: multipart/mixed; boundary="' + inner + b'"'], [], [], []
        m.raw = body
    return change


several("boundary-nested", "boundary", {
    "same": _nested_boundary(b"same", b"same"), "outer-prefix": _nested_boundary(b"abc", b"abcdef"), "inner-prefix": _nested_boundary(b"abcdef", b"abc"),
    "inner-dashes": _nested_boundary(b"abc", b"abc--"), "outer-dashes": _nested_boundary(b"abc--", b"abc"), "inner-blank": _nested_boundary(b"abc", b"abc "), "case": _nested_boundary(b"abc", b"ABC"),
})


@bend("boundary-nested", "boundary", "inner-missing")
def _inner_missing(m, rng):
    _nested_boundary(b"abc", b"def")(m, rng)
    m.part_type = [b"Content-Type: multipart/mixed"]


@bend("boundary-nested", "boundary", "inner-not-closed")
def _inner_open(m, rng):
    _nested_boundary(b"abc", b"def")(m, rng)
    m.raw = m.raw[:m.raw.rindex(b"--def")]


# --- the message itself -------------------------------------------------------------------------------------------------------
@bend("single", "place", "attachment")
def _single(m, rng):
    m.single = True


@bend("single", "place", "text")
def _single_text(m, rng):
    m.single, m.part_type, m.disposition = True, [b"Content-Type: text/plain"], []


@bend("single", "place", "no-type")
def _single_no_type(m, rng):
    m.single, m.part_type, m.disposition = True, [], []


@bend("single", "place", "no-version")
def _single_no_version(m, rng):
    m.single, m.version = True, []


@bend("single", "place", "fields-first")
def _single_first(m, rng):
    m.single, m.head, m.part_more = True, [], [b"From: Alice <alice@sender.example>", b"Subject: fields first"]
