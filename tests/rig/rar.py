"""RAR archives of one stored file, of both generations: no free program makes them.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import struct
import zlib


def _old(kind, flags, rest, data=b""):
    """A block of RAR 1.5 to 4: its checksum is half a CRC-32 of what follows it."""
    head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data


def rar4(content, name=b"eicar.com"):
    file = struct.pack("<IIBIIBBHI", len(content), len(content), 3, zlib.crc32(content), 0x21 << 16, 20, 0x30, len(name), 0o100644) + name
    return b"Rar!\x1a\x07\0" + _old(0x73, 0, bytes(6)) + _old(0x74, 0x8000, file, content) + _old(0x7B, 0x4000, b"")


def _number(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def _new(fields, data=b""):
    body = b"".join(_number(f) if isinstance(f, int) else f for f in fields)
    sized = _number(len(body)) + body
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def rar5(content, name=b"eicar.com"):
    crc = struct.pack("<I", zlib.crc32(content))
    return (b"Rar!\x1a\x07\1\0" + _new([1, 0, 0]) + _new([2, 2, len(content), 4, len(content), 0o100644, crc, 0, 1, len(name), name], content)
            + _new([5, 0, 0]))
