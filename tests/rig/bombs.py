"""Messages that are small, or simple, and ask for much: made when they are needed, none of them is kept in a file.

bombs(scale) gives (name, message).  scale: 1 for the sizes that a test can afford every time, more for what they are meant to be.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

from . import mails
from .quine import zip_quine


# ---- archives ----

def zip_of(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def layered(copies=16, layers=4, innermost=64 << 20):
    """Archives of archives: sixteen in each of sixteen in each ... of a file of zeros."""
    data = zip_of([("0.dll", bytes(innermost))])
    for layer in range(layers):
        data = zip_of([(f"lib{layer}-{i}.zip", data) for i in range(copies)])
    return data


def matryoshka(depth, inside=b"the innermost"):
    data, name = inside, "innermost.txt"
    for i in range(depth):
        data, name = zip_of([(name, data)]), f"layer{i}.zip"
    return data


def _local(name, packed, size):
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 33, 0, packed, size, len(name), 0) + name


def _central(name, packed, size, at):
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 33, 0, packed, size, len(name), 0, 0, 0, 0, 0, at) + name


def _end(n, size, at):
    return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, size, at, 0)


def overlapped(files=250, kernel=40 << 20):
    """One packed run of zeros, and a directory of many files that all lie in it: each begins a header earlier than the next and quotes
    that header in a stored block of its own, so that all are well-formed and none shares a place with another's beginning."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(kernel)) + packer.flush()
    size, pieces, places = kernel, [body], []
    follows = _local(b"%04d" % (files - 1), len(body), size)
    packed = len(body)
    for i in range(files - 2, -1, -1):
        quote = struct.pack("<BHH", 0, len(follows), 0xFFFF ^ len(follows))
        pieces += [follows, quote]
        places.append((i + 1, packed, size))
        packed += len(quote) + len(follows)
        size += len(follows)
        follows = _local(b"%04d" % i, packed, size)
    pieces.append(follows)
    places.append((0, packed, size))
    whole, directory, at = b"".join(reversed(pieces)), b"", 0
    for i, packed, size in reversed(places):
        directory += _central(b"%04d" % i, packed, size, at)
        at += len(_local(b"%04d" % i, packed, size)) + 5
    return whole + directory + _end(files, len(directory), len(whole))


def same_place(files=1000, kernel=10 << 20):
    """Every entry of the directory is the same file."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(kernel)) + packer.flush()
    whole = _local(b"x", len(body), kernel) + body
    directory = b"".join(_central(b"%06d" % i, len(body), kernel, 0) for i in range(files))
    return whole + directory + _end(files & 0xFFFF, len(directory), len(whole))


def zstd_zeros(size):
    """A frame of RLE blocks (RFC 8878, 3.1.1.2.2): four bytes for each 128 kB."""
    block, blocks = 128 << 10, size // (128 << 10)
    header = struct.pack("<IBBQ", 0xFD2FB528, 0b11000000, (20 - 10) << 3, blocks * block)
    pieces = [struct.pack("<I", block << 3 | 1 << 1 | (i == blocks - 1))[:3] + b"\0" for i in range(blocks)]
    return header + b"".join(pieces)


def lzma_in_lzma(layers, size):
    data = bytes(size)
    for _ in range(layers):
        data = lzma.compress(data, format=lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}])
    return data


def many_members(n):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for i in range(n):
            info = tarfile.TarInfo(f"{i}.txt")
            t.addfile(info)
    return gzip.compress(out.getvalue(), 6)


# ---- MIME ----

HEAD = b"From: a@sender.example\r\nTo: bob@example.com\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n"


def forwarded(depth):
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: innermost\r\n\r\ntext\r\n"


def multiparts(depth, closed=True):
    begin = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(depth))
    end = b"".join(b"--b%d--\r\n" % i for i in range(depth - 1, -1, -1)) if closed else b""
    return HEAD + begin + b"Content-Type: text/plain\r\n\r\ninnermost\r\n" + end


def mixed_depth(depth):
    """By turns, and each layer coded again as far as a line goes."""
    begin = b"".join(b"Content-Type: multipart/digest; boundary=d%d\r\n\r\n--d%d\r\nContent-Type: message/rfc822\r\n\r\n" % (i, i) for i in range(depth))
    return HEAD + begin + b"Subject: innermost\r\n\r\ntext\r\n"


def parts(n, part=b"Content-Type: text/plain\r\n\r\nx\r\n"):
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + (b"--b\r\n" + part) * n + b"--b--\r\n"


def boundaries(n):
    """Each delimiter is the beginning of the next one's."""
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
        b"--" + b"b" * (1 + i % 60) + b"\r\nContent-Type: multipart/mixed; boundary=" + b"b" * (2 + i % 60) + b"\r\n\r\n" for i in range(n))


def fields(n):
    return HEAD + b"".join(b"X-Field-%d: value\r\n" % i for i in range(n)) + b"\r\ntext\r\n"


def same_fields(n):
    """Every field that decides, again and again, and each time another value."""
    return HEAD + b"".join(b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\nContent-Disposition: attachment; filename=\"%d.zip\"\r\n" % (
        (b"text/html", b"multipart/mixed; boundary=b%d" % i, b"message/rfc822", b"application/zip")[i % 4],
        (b"base64", b"quoted-printable", b"x-uuencode", b"8bit", b"x-yenc")[i % 5], i) for i in range(n)) + b"\r\n" + mails.wrap64(b"x" * 3000)


def parameters(n):
    return HEAD + b"Content-Type: multipart/mixed" + b"".join(b";\r\n boundary*%d*=%%62" % i for i in range(n)) + b"\r\n\r\n--" + b"b" * 70 + b"\r\n\r\nx\r\n"


def deep_html(n):
    return HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div><table><tr><td>\r\n" * n


def uu_begins(n):
    return HEAD + b"\r\n" + b"begin 644 a.zip\r\n#86)C\r\n" * n


def html_chain(n):
    return HEAD + b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + (b"=3Cscript=3Eunescape('%3Cscript%3E')=3C/script=3E\r\n") * n


def attached(data, name="bomb.zip"):
    return mails.attachment(data, name, "application/octet-stream", subject="bomb")


def bombs(scale):
    """What a sender may think of."""
    big = scale * (8 << 20)
    yield "layered zip", attached(layered(innermost=scale * (8 << 20)))
    yield "layered zip, small inside", attached(layered(innermost=1 << 20))
    yield "layered zip, too large inside", attached(layered(innermost=140 << 20))
    yield "overlapped zip", attached(overlapped(files=50 * scale, kernel=scale * (10 << 20)))
    yield "same place zip", attached(same_place(files=250 * scale))
    yield "zip in zip 100", attached(matryoshka(100))
    yield "zip in zip 40, a virus inside", attached(matryoshka(40, mails.EICAR))
    yield "zip quine", attached(zip_quine())
    yield "zstd of zeros", attached(zstd_zeros(scale * (1 << 30)), "zeros.zst")
    yield "zstd in zip, many", attached(zip_of([(f"{i}.zst", zstd_zeros((64 << 20) + (i << 17))) for i in range(30 * scale)]))
    yield "lzma in lzma", attached(lzma_in_lzma(3, scale * (16 << 20)), "zeros.lzma")
    yield "gzip of zeros", attached(gzip.compress(bytes(scale * (64 << 20)), 9), "zeros.gz")
    yield "tar of many", attached(many_members(2000 * scale), "many.tar.gz")
    yield "rfc822 3000", forwarded(3000)
    yield "multipart 3000", multiparts(3000)
    yield "multipart 3000, open", multiparts(3000, closed=False)
    yield "digest and rfc822 1500", mixed_depth(1500)
    yield "many parts", parts(10000 * scale)
    yield "many archives as parts", parts(1000 * scale, b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + mails.wrap64(mails.zipped(b"words")))
    yield "many forwarded parts", parts(3000 * scale, b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n")
    yield "boundaries that begin alike", boundaries(3000 * scale)
    yield "20k fields", fields(20000)
    yield "contradicting fields", same_fields(200 * scale)
    yield "parameter in pieces", parameters(5000 * scale)
    yield "one long field", HEAD + b"Subject: " + b"=?utf-8?q?x?= " * (40000 * scale) + b"\r\n\r\nx\r\n"
    yield "comments", HEAD + b"Content-Type: text/plain " + b"(" * (200000 * scale) + b"\r\n\r\nx\r\n"
    yield "folded without end", HEAD + b"Content-Type: text/plain;\r\n" + b" \t\r\n" * (50000 * scale) + b"\r\nx\r\n"
    yield "one line", HEAD + b"\r\n" + b"x" * big + b"\r\n"
    yield "one line of base64", HEAD + b"Content-Transfer-Encoding: base64\r\nContent-Type: application/zip\r\n\r\n" + b"QUJD" * (big // 4) + b"\r\n"
    yield "no line end in the header", b"x" * (big // 8)
    yield "NULs", HEAD + b"\r\n" + b"\0" * (big // 8) + b"\r\n"
    yield "bare CRs", HEAD + b"\r\n" + b"a\rb: c\r\r" * (big // 64) + b"\r\n"
    yield "bare LFs", HEAD + b"\r\n" + b"a: b\n\nc\n" * (big // 64) + b"\r\n"
    yield "empty lines", b"\r\n" * (100000 * scale)
    yield "dots", b".\r\n" * (100000 * scale)
    yield "empty", b"\r\n"
    yield "deep HTML", deep_html(20000 * scale)
    yield "scripts in HTML", html_chain(5000 * scale)
    yield "uuencode again and again", uu_begins(20000 * scale)
    yield "delimiters only", HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * (100000 * scale)
    yield "end delimiters only", HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b--\r\n" * (100000 * scale)
    yield "quoted-printable of nothing", HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * (200000 * scale)
