"""Test messages.  The two marker strings are put together here, so that no scanner trips over this file.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import io
import struct
import zipfile

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-" + b"UBE-TEST-EMAIL*C.34X"


def head(subject, extra=b"", sender="alice@sender.example", to="bob@example.com"):
    return (f"From: Alice <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
            f"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{abs(hash(subject))}@sender.example>\r\n"
            "MIME-Version: 1.0\r\n").encode() + extra


def wrap64(data):
    text = base64.b64encode(data)
    return b"\r\n".join(text[i:i + 76] for i in range(0, len(text), 76)) + b"\r\n"


def plain(subject="Minutes of the meeting", body=b"Dear Bob,\r\n\r\nhere is what we agreed on.\r\n.\r\n..two dots\r\nAlice\r\n"):
    return head(subject, b"Content-Type: text/plain; charset=us-ascii\r\n\r\n") + body


def attachment(data, name="report.pdf", kind="application/octet-stream", subject="With an attachment"):
    return (head(subject, b"Content-Type: multipart/mixed; boundary=\"=_frontier\"\r\n\r\n") +
            b"--=_frontier\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n"
            b"--=_frontier\r\nContent-Type: " + kind.encode() + b"; name=\"" + name.encode() + b"\"\r\n"
            b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"" + name.encode() +
            b"\"\r\n\r\n" + wrap64(data) + b"--=_frontier--\r\n")


def zipped(data, name="file.com"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, data)
    return out.getvalue()


def encrypted_zip():
    """What says of itself that it is encrypted (APPNOTE.TXT 4.4.4, bit 0); its content is noise."""
    data = bytearray(zipped(b"secret " * 20, "secret.txt"))
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    return bytes(data)


def ole2(tree):
    """An OLE2 file (MS-CFB): entries (name, kind, parent, data), the root first; streams are filled up, so that none is a small one."""
    free, end = 0xFFFFFFFF, 0xFFFFFFFE
    sectors, fat, entries, rights, children = [], [], [], [free] * len(tree), [free] * len(tree)

    def add(data):
        first, count = len(sectors), (len(data) + 511) // 512
        for i in range(count):
            sectors.append(data[i * 512:(i + 1) * 512].ljust(512, b"\0"))
            fat.append(first + i + 1 if i + 1 < count else end)
        return first

    for i in range(len(tree) - 1, 0, -1):
        parent = tree[i][2]
        rights[i], children[parent] = children[parent], i
    for i, (name, kind, _, data) in enumerate(tree):
        raw = (name + "\0").encode("utf-16-le")
        start, size = (add(data.ljust(4096, b"\0")), max(4096, len(data))) if kind == 2 else (end, 0)
        entries.append(raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, free, rights[i], children[i]) + bytes(36) +
                       struct.pack("<IQ", start, size))
    while len(entries) % 4:
        entries.append(bytes(64) + struct.pack("<HBBIII", 0, 0, 0, free, free, free) + bytes(48))
    directory = add(b"".join(entries))
    table = len(sectors)
    fat.append(0xFFFFFFFD)
    sectors.append(struct.pack("<128I", *fat, *[free] * (128 - len(fat))))
    return (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6) +
            struct.pack("<9I", 0, 1, directory, 0, 4096, end, 0, end, 0) + struct.pack("<109I", table, *[free] * 108) + b"".join(sectors))


def vba_packed(data):
    """MS-OVBA 2.4.1: one chunk of literals."""
    body = b"".join(b"\0" + data[i:i + 8] for i in range(0, len(data), 8))
    return b"\1" + struct.pack("<H", 0xB000 | (len(body) - 1)) + body


def macro_document():
    """What Word would open as a document with one macro (MS-OVBA 2.3.4.2)."""
    def record(kind, data=b""):
        return struct.pack("<HI", kind, len(data)) + data
    name, wide, long = b"Module1", "Module1".encode("utf-16-le"), bytes(4)
    project = b"".join((record(1, b"\1\0\0\0"), record(2, b"\x09\4\0\0"), record(0x14, b"\x09\4\0\0"), record(3, b"\xe4\4"), record(4, b"VBAProject"),
                        record(5), record(0x40), record(6), record(0x3D), record(7, long), record(8, long), struct.pack("<HIIH", 9, 4, 1, 1),
                        record(0xC), record(0x3C), record(0xF, b"\1\0"), record(0x13, b"\xff\xff"), record(0x19, name), record(0x47, wide),
                        record(0x1A, name), record(0x32, wide), record(0x1C), record(0x48), record(0x31, long), record(0x1E, long),
                        record(0x2C, b"\xff\xff"), record(0x21), record(0x2B), record(0x10)))
    code = b'Attribute VB_Name = "Module1"\r\nSub AutoOpen()\r\n  MsgBox "hello"\r\nEnd Sub\r\n'
    return ole2([("Root Entry", 5, 0, b""), ("WordDocument", 2, 0, b"\xec\xa5\xc1\0"), ("Macros", 1, 0, b""), ("VBA", 1, 2, b""),
                 ("dir", 2, 3, vba_packed(project)), ("_VBA_PROJECT", 2, 3, b"\xcc\x61\xff\xff\0\0\0"), ("Module1", 2, 3, vba_packed(code))])


def locked_document():
    """The outside of a .docx with a password (MS-OFFCRYPTO 2.3)."""
    return ole2([("Root Entry", 5, 0, b""), ("EncryptionInfo", 2, 0, b"\4\0\4\0"), ("EncryptedPackage", 2, 0, b"noise" * 500)])


def nested(inner):
    return (head("A forwarded message", b"Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n") +
            b"--=_outer\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--=_outer--\r\n")


def eicar_plain():
    return head("Test file in the text", b"Content-Type: text/plain\r\n\r\n") + EICAR + b"\r\n"


def eicar_base64():
    return attachment(EICAR, "eicar.com", subject="Test file as an attachment")


def eicar_zip():
    return attachment(zipped(EICAR), "eicar.zip", "application/zip", subject="Test file in an archive")


def eicar_nested():
    return nested(eicar_base64())


def gtube():
    return head("Test of the spam filter", b"Content-Type: text/plain\r\n\r\n") + GTUBE + b"\r\n"


def signature_database():
    """One body signature (.ndb) for the EICAR test file."""
    return b"Eicar-Test-Signature:0:*:" + EICAR[:60].hex().encode() + b"\n"
