"""Test messages.  The two marker strings are put together here, so that no scanner trips over this file.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import io
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
