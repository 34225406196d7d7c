"""Pieces of messages: entities, multiparts, encoders.  Everything is bytes with CR LF.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import binascii

NL = b"\r\n"
TOP = (b"From: Alice <alice@sender.example>\r\nTo: <bob@example.com>\r\nSubject: a message\r\n"
       b"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n")
VERSION = b"MIME-Version: 1.0\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=\"b1\"\r\n"
OCTETS = b"Content-Type: application/octet-stream; name=\"file.com\"\r\n"
ATTACHMENT = b"Content-Disposition: attachment; filename=\"file.com\"\r\n"
BASE64 = b"Content-Transfer-Encoding: base64\r\n"
QP = b"Content-Transfer-Encoding: quoted-printable\r\n"
HELLO = b"Content-Type: text/plain\r\n\r\nHello,\r\n\r\nsee the file.\r\n"


def fold(text, width=76, end=NL):
    return b"".join(text[i:i + width] + end for i in range(0, len(text), width))


def b64(data, width=76, end=NL):
    return fold(base64.b64encode(data), width, end)


def qp_char(c):
    return b"=%02X" % c


def qp_all(data, width=72, soft=b"=\r\n"):
    """Every byte as an escape."""
    out = b"".join(qp_char(c) for c in data)
    return soft.join(out[i:i + width] for i in range(0, len(out), width)) + NL


def qp_some(data, every=5):
    return b"".join(qp_char(c) if i % every == 0 or c in b"=" else bytes([c]) for i, c in enumerate(data)) + NL


def uu(data, name=b"file.com", begin=b"begin 644 ", end=b"`\r\nend\r\n"):
    lines = [binascii.b2a_uu(data[i:i + 45]).rstrip(b"\n") + NL for i in range(0, len(data), 45)]
    return begin + name + NL + b"".join(lines) + end


def yenc(data, name=b"file.com"):
    out = bytearray()
    for c in data:
        c = (c + 42) % 256
        if c in b"\0\n\r=":
            out += bytes([0x3d, (c + 64) % 256])
        else:
            out.append(c)
    crc = binascii.crc32(data)
    return (b"=ybegin line=128 size=%d name=%s\r\n" % (len(data), name) + bytes(out) + b"\r\n=yend size=%d crc32=%08x\r\n" % (len(data), crc))


def binhex(data, name=b"file.com"):
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"

    def crc(b):
        return binascii.crc_hqx(b, 0).to_bytes(2, "big")
    head = bytes([len(name)]) + name + b"\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + b"\0\0\0\0"
    raw = (head + crc(head) + data + crc(data) + crc(b"")).replace(b"\x90", b"\x90\0")
    bits = "".join(f"{c:08b}" for c in raw)
    bits += "0" * (-len(bits) % 6)
    text = b":" + bytes(alphabet[int(bits[i:i + 6], 2)] for i in range(0, len(bits), 6)) + b":"
    return b"(This file must be converted with BinHex 4.0)\r\n\r\n" + fold(text, 64)


def utf7(data):
    return b"+" + base64.b64encode(data.decode("ascii").encode("utf-16-be")).rstrip(b"=") + b"-"


def part(headers, body):
    return headers + NL + body


def message(parts, headers=MIXED, boundary=b"b1", preamble=b"", epilogue=b"", close=True, top=TOP + VERSION):
    out = top + headers + NL + preamble
    for p in parts:
        out += b"--" + boundary + NL + p
        if not p.endswith(NL):
            out += NL
    return out + (b"--" + boundary + b"--" + NL if close else b"") + epilogue


def single(headers, body, top=TOP + VERSION):
    return top + headers + NL + body


def attached(headers, body, **more):
    """A text and one attachment with these header fields and this (encoded) body."""
    return message([HELLO, part(headers, body)], **more)


def file64(data, extra=b""):
    return part(OCTETS + BASE64 + ATTACHMENT + extra, b64(data))


# ---- DER, as far as S/MIME needs it ----

def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + size + content


def signed_data(content):
    oid_signed = bytes.fromhex("06092a864886f70d010702")
    oid_data = bytes.fromhex("06092a864886f70d010701")
    encap = der(0x30, oid_data + der(0xa0, der(0x04, content)))
    return der(0x30, oid_signed + der(0xa0, der(0x30, der(2, b"\1") + der(0x31, b"") + encap + der(0x31, b""))))


def tnef(data, name=b"file.com"):
    def attribute(level, number, body):
        return bytes([level]) + number.to_bytes(4, "little") + len(body).to_bytes(4, "little") + body + (sum(body) % 65536).to_bytes(2, "little")
    return (bytes.fromhex("789f3e22") + b"\1\0" + attribute(1, 0x00089006, b"\0\0\1\0") + attribute(2, 0x00069002, b"\1\0" + b"\xff" * 4 + b"\0" * 8) +
            attribute(2, 0x00018010, name + b"\0") + attribute(2, 0x0006800f, data))
