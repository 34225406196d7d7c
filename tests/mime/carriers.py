"""How bytes travel inside a mail: transfer encodings, containers, character sets.  Logical lines end with \\n; letter.py makes them real.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import binascii
import gzip
import io
import struct
import zipfile


def lines_of(text, width):
    return b"\n".join(text[i:i + width] for i in range(0, len(text), width)) + b"\n"


def b64(data, width=76):
    return lines_of(base64.b64encode(data), width)


def b64_groups(data, size):
    """Each `size` bytes encoded alone, so that padding stands in the middle."""
    return lines_of(b"".join(base64.b64encode(data[i:i + size]) for i in range(0, len(data), size)), 76)


def qp(data, upper=True, every=False, width=70):
    out, line = [], b""
    for c in data:
        plain = 33 <= c <= 126 and c != 61 and not every
        piece = bytes([c]) if plain else (b"=%02X" if upper else b"=%02x") % c
        if len(line) + len(piece) > width:
            out.append(line + b"=")
            line = b""
        line += piece
    return b"\n".join(out + [line]) + b"\n"


def uu(data, name=b"eicar.com", mode=b"644", zero=b"`", end=True):
    out = [b"begin " + mode + b" " + name]
    for i in range(0, len(data), 45):
        line = binascii.b2a_uu(data[i:i + 45], backtick=zero == b"`").rstrip(b"\n")
        out.append(line)
    out.append(zero)
    if end:
        out.append(b"end")
    return b"\n".join(out) + b"\n"


def xx(data, name=b"eicar.com"):
    """XXencode: uuencode's arithmetic with another alphabet."""
    table = b"+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    out = [b"begin 644 " + name]
    for i in range(0, len(data), 45):
        line = binascii.b2a_uu(data[i:i + 45]).rstrip(b"\n")
        out.append(bytes(table[(c - 32) & 63] for c in line.ljust(1 + (len(data[i:i + 45]) + 2) // 3 * 4)))
    return b"\n".join(out + [b"+", b"end"]) + b"\n"


def yenc(data, name=b"eicar.com", crc=True):
    body, column = b"", 0
    for c in data:
        e = (c + 42) & 255
        piece = b"=" + bytes([(e + 64) & 255]) if e in (0, 10, 13, 61) or (e == 46 and column == 0) else bytes([e])
        body += piece
        column += len(piece)
        if column >= 128:
            body, column = body + b"\n", 0
    tail = b" crc32=%08x" % binascii.crc32(data) if crc else b""
    return (b"=ybegin line=128 size=%d name=%s\n" % (len(data), name) + body + b"\n=yend size=%d" % len(data) + tail + b"\n")


def binhex(data, name=b"eicar.com"):
    head = bytes([len(name)]) + name + b"\0" + b"TEXT" + b"MPS " + struct.pack(">HII", 0, len(data), 0)
    raw = b""
    for piece in (head, data, b""):
        raw += piece + struct.pack(">H", binascii.crc_hqx(piece, 0))
    packed = raw.replace(b"\x90", b"\x90\0")
    table = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    bits = "".join(f"{c:08b}" for c in packed)
    bits += "0" * (-len(bits) % 6)
    text = b":" + bytes(table[int(bits[i:i + 6], 2)] for i in range(0, len(bits), 6)) + b":"
    return b"(This file must be converted with BinHex 4.0)\n\n" + lines_of(text, 64)


def _tnef_attribute(level, tag, data):
    return bytes([level]) + struct.pack("<II", tag, len(data)) + data + struct.pack("<H", sum(data) & 0xffff)


def tnef(data, name=b"eicar.com", key=0x1234):
    rend = struct.pack("<HIIII", 1, 0xffffffff, 0, 0, 0)[:14]
    return (struct.pack("<IH", 0x223e9f78, key) + _tnef_attribute(1, 0x00089006, struct.pack("<I", 0x00010000)) +
            _tnef_attribute(1, 0x00069007, struct.pack("<II", 1252, 0)) + _tnef_attribute(2, 0x00069002, rend) +
            _tnef_attribute(2, 0x0006800f, data) + _tnef_attribute(2, 0x00018010, name + b"\0"))


def zipped(data, name="eicar.com", stored=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def gzipped(data):
    return gzip.compress(data, mtime=0)


def utf7(data, every=True):
    """Everything as one shifted run, or only what cannot stand for itself."""
    if not every:
        return data.decode("ascii").encode("utf-7")
    return b"+" + base64.b64encode(data.decode("latin-1").encode("utf-16-be")).rstrip(b"=") + b"-"


CHARSETS = {                     # name in the field: how to encode
    b"utf-7": lambda d: utf7(d), b"UTF-7": lambda d: utf7(d, False), b"unicode-1-1-utf-7": lambda d: utf7(d),
    b"utf-16": lambda d: d.decode().encode("utf-16"), b"utf-16le": lambda d: d.decode().encode("utf-16-le"),
    b"utf-16be": lambda d: d.decode().encode("utf-16-be"), b"utf-32": lambda d: d.decode().encode("utf-32"),
    b"utf-32le": lambda d: d.decode().encode("utf-32-le"), b"utf-32be": lambda d: d.decode().encode("utf-32-be"),
    b"cp037": lambda d: d.decode().encode("cp037"), b"ibm500": lambda d: d.decode().encode("cp500"),
    b"cp1140": lambda d: d.decode().encode("cp1140"), b"ibm1026": lambda d: d.decode().encode("cp1026"),
    b"utf-8": lambda d: b"\xef\xbb\xbf" + d,
}


def der(tag, *content):
    body = b"".join(content)
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def ber(tag, *content):
    """The same with indefinite length, as streaming writers make it."""
    return bytes([tag, 0x80]) + b"".join(content) + b"\0\0"


OID_DATA = bytes.fromhex("06092a864886f70d010701")
OID_SIGNED = bytes.fromhex("06092a864886f70d010702")


def signed_data(data, streamed=False, chunk=64):
    """CMS SignedData with its content inside and no signer (RFC 5652 5.1): what a reader opens without checking who signed."""
    if streamed:
        octets = ber(0x24, *[der(4, data[i:i + chunk]) for i in range(0, len(data), chunk)])
        inner = ber(0x30, OID_DATA, ber(0xa0, octets))
        return ber(0x30, OID_SIGNED, ber(0xa0, ber(0x30, b"\x02\x01\x01", der(0x31), inner, der(0x31))))
    inner = der(0x30, OID_DATA, der(0xa0, der(4, data)))
    return der(0x30, OID_SIGNED, der(0xa0, der(0x30, b"\x02\x01\x01", der(0x31), inner, der(0x31))))
