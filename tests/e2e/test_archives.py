"""Archives: what libclamav opens, and what it passes over without a word and libarchive opens for it.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import hashlib
import io
import subprocess
import zipfile

from rig import mails, rar
from rig.alone import AloneTest

# name, arguments of bsdtar
KINDS = [(f"7-Zip {how}", ["--format=7zip", f"--options=7zip:compression={how}"]) for how in ("lzma1", "lzma2", "bzip2", "deflate", "ppmd", "store")] + [
    ("zip", ["--format=zip"]), ("tar", ["--format=ustar"]), ("cpio", ["--format=newc"]), ("ISO 9660", ["--format=iso9660"]),
    ("tar.gz", ["-z"]), ("tar.bz2", ["-j"]), ("tar.xz", ["-J"]), ("tar.lzma", ["--lzma"]), ("tar.zst", ["--zstd"]), ("tar.lz4", ["--lz4"]),
    ("tar.Z", ["-Z"]), ("tar.lz", ["--lzip"]),
]
ONLY_HERE = ("7-Zip bzip2", "7-Zip deflate", "tar.lzma", "tar.zst", "tar.Z", "tar.lz", "zip with LZMA", "Zip64", "7-Zip bzip2 in zip")


class Packing(AloneTest):
    def pack(self, content, args, name="inside.com"):
        """Nothing but the archive: made in a folder of the place, read back."""
        folder = self.place.folder("pack", 0o755)
        for member, data in ((name, content), ("words.txt", b"words, and words, and words\r\n" * 500)):
            with open(f"{folder}/{member}", "wb") as f:
                f.write(data)
        subprocess.run(["bsdtar", "-c", "-f", "packed"] + args + [name, "words.txt"], cwd=folder, check=True)
        with open(f"{folder}/packed", "rb") as f:
            return f.read()

    def archives(self, content):
        for name, args in KINDS:
            yield name, self.pack(content, args)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as z:
            z.writestr("inside.com", content)
        yield "zip with LZMA", out.getvalue()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z, z.open("inside.com", "w", force_zip64=True) as member:
            member.write(content)
        yield "Zip64", out.getvalue()
        yield "RAR 4", rar.rar4(content)
        yield "RAR 5", rar.rar5(content)
        yield "7-Zip bzip2 in zip", mails.zipped(self.pack(content, KINDS[2][1]), "inner.7z")

    def send_archive(self, data, subject):
        return self.alone.send(mails.attachment(data, "a.bin", subject=subject))


class Both(Packing):
    """As it comes: both open what they can."""

    options = {"filter": ", unscannable: {after_tries: 1000, after: 30d}"}

    def test_a_virus_in_each(self):
        for name, data in self.archives(mails.EICAR):
            outcome = self.send_archive(data, f"virus in {name}.")
            self.assertReply(outcome, 554, "Eicar-Test-Signature")
            self.assertEqual(self.alone.hop.copies(f"virus in {name}.".encode()), 0)
        self.assertLogged("cfilter", "libarchive:Eicar-Test-Signature")

    def test_nothing_in_each(self):
        """Passes as it came, and nothing is said of it."""
        for name, data in self.archives(b"harmless"):
            self.assertReply(self.send_archive(data, f"harmless {name}."), 250)
        for message in self.alone.hop.messages:
            if b"Subject: harmless" in message.data:
                self.assertFalse(message.data.startswith(b"X-Spam"), message.data[:500])

    def test_damaged(self):
        """What nobody can read is told: delivered, with a field that says so; an archive of another kind beside it is looked at."""
        whole = self.pack(b"harmless", KINDS[4][1])
        self.assertReply(self.send_archive(whole[:-7], "cut off."), 250)
        message = next(m for m in self.alone.hop.messages if b"Subject: cut off." in m.data)
        self.assertIn(b"unchecked=unreadable_archive", message.data)
        self.assertReply(self.send_archive(mails.zipped(mails.EICAR) + whole[:-7], "virus beside it."), 554, "virus")


    def test_what_is_encrypted_or_never_opened(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("mimetype", "application/vnd.oasis.opendocument.text")
            z.writestr("content.xml", bytes(range(256)) * 4)
            z.writestr("META-INF/manifest.xml", "<?xml version=\"1.0\"?><manifest:manifest><manifest:file-entry manifest:full-path=\"content.xml\">"
                       "<manifest:encryption-data manifest:checksum=\"x\"/></manifest:file-entry></manifest:manifest>")
        for name, data, klass in (("OpenDocument", out.getvalue(), "encrypted_document"), ("VHDX", b"vhdxfile" + bytes(3000), "unreadable_archive"),
                                  ("VHD in 7-Zip", self.pack(bytes(3000) + b"conectix" + bytes(504), KINDS[2][1], "disk.vhd"), "unreadable_archive")):
            self.assertReply(self.send_archive(data, f"never opened, {name}."), 250)
            message = next(m for m in self.alone.hop.messages if f"Subject: never opened, {name}.".encode() in m.data)
            self.assertIn(f"unchecked={klass}".encode(), message.data)


class ByDigest(Packing):
    """A file that is known by its digest alone: it must come out byte for byte."""

    options = {"filter": ", unscannable: {after_tries: 1000, after: 30d}"}
    KNOWN = bytes(range(256)) * 3

    @classmethod
    def prepare(cls):
        cls.place.write("db/whole.hdb", f"{hashlib.md5(cls.KNOWN).hexdigest()}:{len(cls.KNOWN)}:Test.Whole\n")

    def test_each(self):
        for name, data in self.archives(self.KNOWN):
            self.assertReply(self.send_archive(data, f"by digest, {name}."), 554, "Test.Whole")
        for name, data in self.archives(self.KNOWN[:-1] + b"."):
            self.assertReply(self.send_archive(data, f"another one, {name}."), 250)


class Known(Packing):
    """What comes again is not unpacked again; but only what was read to its end is known."""

    options = {"filter": ", workers: \"1\", unscannable: {after_tries: 1000, after: 30d}",
               "virus": "{database: db, trusted_databases: [demo.ndb], max_files: 40, alert_exceeds_max: no}"}

    def test_not_learned_behind_a_limit(self):
        """The files of another archive have used up the budget: this one was not opened, and its virus is found when it comes alone."""
        full = self.pack(b"x", ["--format=7zip", "--options=7zip:compression=bzip2"] + ["words.txt"] * 60)
        virus = self.pack(mails.EICAR, KINDS[2][1])
        both = (mails.head("two archives", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n") + b"".join(
            b"--b\r\nContent-Type: application/octet-stream; name=a.7z\r\nContent-Transfer-Encoding: base64\r\n\r\n" + mails.wrap64(d) + b"\r\n"
            for d in (full, virus)) + b"--b--\r\n")
        for _ in range(2):
            self.assertReply(self.alone.send(both), 250)
        self.assertReply(self.send_archive(virus, "alone"), 554, "Eicar-Test-Signature")


class Readings(Packing):
    """One file, several archives: programs do not agree on where it begins and ends, and which of a zip's two descriptions counts."""

    options = {"filter": ", unscannable: {after_tries: 1000, after: 30d}"}

    def ways(self, content):
        virus, other = mails.zipped(content), mails.zipped(b"harmless", "b.txt")
        seven = self.pack(content, KINDS[2][1])
        for name, before in (("text", b"some words\r\n" * 20), ("a program", b"MZ" + bytes(300)), ("a picture", b"GIF89a\1\0\1\0\0\0\0;"), ("PDF", b"%PDF-1.4\n%%EOF\n")):
            yield f"zip behind {name}", before + virus
            yield f"7-Zip behind {name}", before + seven
        yield "first of two zips", virus + other
        yield "last of two zips", other + virus
        yield "something behind", virus + b"and more" * 10
        central = virus.index(b"PK\1\2")
        for name, changes in (("method before the file", {8: 0}), ("method in the directory", {central + 10: 0}), ("no signature", {0: 0x58, 1: 0x58}),
                              ("encrypted, says the header", {6: 1}), ("encrypted, says the directory", {central + 8: 1}),
                              ("no sizes before the file", dict.fromkeys(range(18, 26), 0)), ("no sizes in the directory", dict.fromkeys(range(central + 20, central + 28), 0))):
            data = bytearray(virus)
            for at, value in changes.items():
                data[at] = value
            yield name, bytes(data)
        yield "no directory", virus[:central]

    def test_a_virus_whichever_way_it_is_read(self):
        for name, data in self.ways(mails.EICAR):
            self.assertReply(self.send_archive(data, f"virus, {name}."), 554, "Eicar-Test-Signature")

    def test_nothing_in_any(self):
        for name, data in self.ways(b"harmless"):
            self.assertReply(self.send_archive(data, f"harmless, {name}."), 250)


class Rejected(Packing):
    options = {"filter": ", unchecked: {unreadable_archive: reject}"}

    def test_damaged(self):
        whole = self.pack(b"harmless", KINDS[2][1])
        self.assertReply(self.send_archive(whole[:-7], "cut off."), 554,
                         "554 5.7.1 Message contains an archive that cannot be read, so not be checked for viruses, rejected")
        self.assertReply(self.send_archive(whole, "whole."), 250)


class LibclamavAlone(Packing):
    """What the second reader is for: without it, these pass.  Should one of them be found here one day, libclamav has learned it."""

    options = {"virus": "{database: db, trusted_databases: [demo.ndb], second_unpacker: no}"}

    def test_what_it_passes_over(self):
        passed = [name for name, data in self.archives(mails.EICAR) if self.send_archive(data, f"left out: {name}.").code == 250]
        self.assertEqual(sorted(passed), sorted(ONLY_HERE))
