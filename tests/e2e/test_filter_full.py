"""Disks, memory and descriptors run out: 4xx for what cannot be kept, whole or nothing for the rest, and all is well as soon as there is room again.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import bz2
import gzip
import io
import lzma
import os
import signal
import socket
import subprocess
import tarfile
import time
import zipfile

from rig import mails
from rig.alone import SANITIZED, AloneTest
from rig.full import fill, mounted
from rig.traffic import Traffic

SLACK_S = 20 if SANITIZED else 8


def body(size, subject):
    return mails.plain(subject, b"seventy-eight bytes of words that mean nothing and are only there to be many..\r\n" * (size // 80))


class FullSpool(AloneTest):
    """The spool's file system has two megabytes; messages over 64 kB go there."""

    options = {"filter": ", spool_directory: spool, spool_memory: 64k, spool_memory_shared: 0, max_message: 20M"}

    @classmethod
    def prepare(cls):
        cls.alone.gatepost.wrap = mounted(cls.place, "spool", "2M")

    def room(self, name="spool"):
        return f"/proc/{self.alone.pid}/root{self.place.path(name)}"

    def test_a_message_that_does_not_fit(self):
        """452, not a byte of it goes on; what fits passes, before, beside and after."""
        with Traffic(self.alone.send, threads=2, sizes=(200, 3000)) as traffic:
            for _ in range(3):
                self.assertReply(self.alone.send(body(4000000, "does not fit.")), 452, "4.3.1")
                self.assertReply(self.alone.send(body(500000, "fits.")), 250)
            self.assertTrue(traffic.wait(4, SLACK_S))
        wrong = traffic.wrong(self.alone.hop.messages) + [str(s) for s in traffic.sent if s.code not in (250, 554)]
        self.assertEqual(wrong, [])
        self.assertEqual(self.alone.hop.copies(b"does not fit."), 0)
        self.assertEqual(self.alone.hop.copies(b"Subject: fits."), 3)
        self.assertLogged("cfilter", "cannot write the spool file")

    def test_no_room_at_all(self):
        fill(os.path.join(self.room(), "filler"))
        try:
            for _ in range(2):
                self.assertReply(self.alone.send(body(200000, "no room.")), 452, "4.3.1")
                self.assertReply(self.alone.send(mails.plain("small has room")), 250)
                self.assertReply(self.alone.send(mails.eicar_zip()), 554, "virus")
        finally:
            os.unlink(os.path.join(self.room(), "filler"))
        self.assertReply(self.alone.send(body(200000, "room again.")), 250)
        self.assertEqual(self.alone.hop.copies(b"no room."), 0)

    def test_many_large_ones_at_once(self):
        """Six of half a megabyte in two: some fit, some do not, each is whole or not there."""
        with Traffic(self.alone.send, threads=6, infected_every=0, sizes=(500000,)) as traffic:
            self.assertTrue(traffic.wait(18, SLACK_S * 3))
        self.assertEqual(traffic.wrong(self.alone.hop.messages), [])
        self.assertTrue({s.code for s in traffic.sent} <= {250, 452}, {str(s) for s in traffic.sent})
        self.assertEqual(os.listdir(self.room()), [])

    def test_the_folder_is_gone(self):
        away = self.room() + "/../spool.away"
        os.chmod(self.room(), 0)
        try:
            self.assertReply(self.alone.send(body(200000, "no folder.")), 452, "4.3.1")
            self.assertReply(self.alone.send(), 250)
        finally:
            os.chmod(self.room(), 0o700)
        self.assertFalse(os.path.exists(away))
        self.assertReply(self.alone.send(body(200000, "folder again.")), 250)


class FullState(AloneTest):
    """Where counts, events and caches are kept is full: none of it is needed to pass mail."""

    @classmethod
    def prepare(cls):
        cls.alone.gatepost.wrap = mounted(cls.place, "state", "32M")

    def test_mail_passes(self):
        fill(f"/proc/{self.alone.pid}/root{self.place.path('state', 'filler')}")
        with Traffic(self.alone.send, threads=2) as traffic:
            self.assertTrue(traffic.wait(40, SLACK_S * 3))
            os.kill(self.alone.workers()[0], signal.SIGKILL)
            self.assertTrue(traffic.wait(10, SLACK_S * 3))
        self.assertEqual(traffic.wrong(self.alone.hop.messages), [])
        self.assertLessEqual(sum(s.code not in (250, 554) for s in traffic.sent), 3, [str(s) for s in traffic.sent])


class FullScratch(AloneTest):
    """The workers have a megabyte to unpack in."""

    options = {"filter": ", worker_tmpfs: 1M, unscannable: {after_tries: 1000, after: 30d}"}

    def archive(self, filler, infected):
        """Members that need a file each to be looked at, the virus behind them."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            for i in range(3):
                z.writestr(f"inner{i}.tar", filler)
            if infected:
                z.writestr("last.com", mails.EICAR)
        return out.getvalue()

    def test_never_clean(self):
        filler = io.BytesIO()
        with zipfile.ZipFile(filler, "w", zipfile.ZIP_STORED) as z:
            z.writestr("large.bin", os.urandom(1500000))
        for infected in (True, False):
            marker = f"scratch is full {infected}."
            outcome = self.alone.send(mails.attachment(self.archive(filler.getvalue(), infected), "a.zip", "application/zip", subject=marker))
            if infected:
                self.assertIn(outcome.code, (451, 554), str(outcome))
                self.assertEqual(self.alone.hop.copies(marker.encode()), 0)
            else:
                self.assertIn(outcome.code, (250, 451), str(outcome))
        # What one message left behind is gone with it.
        self.assertReply(self.alone.send(), 250)
        self.assertReply(self.alone.send(mails.eicar_zip()), 554, "virus")


class CrowdedScratch(AloneTest):
    """Others have filled the workers' file system.  Without this, libclamav alone calls clean what it has no room to unpack."""

    options = {"filter": ", worker_tmpfs: 4M, mime: {parsers: [libclamav]}, unscannable: {after_tries: 1, after: 1s}"}

    def room(self):
        """argv before a command that is to run in the workers' namespaces, as who they are; where their file system is."""
        worker = self.alone.workers()[0]
        with open(f"/proc/{worker}/mountinfo", encoding="ascii") as f:
            point = next(line.split()[4] for line in f if "gatepost-scan" in line)
        ids = []
        for option, name in (("-S", "uid_map"), ("-G", "gid_map")):
            with open(f"/proc/{worker}/{name}", encoding="ascii") as f:
                ids += [option, f.read().split()[0]]
        return ["nsenter", "-t", str(worker), "-U", "-m"] + ids + ["--"], point

    def archives(self):
        inner = mails.zipped(mails.EICAR)
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as t:
            member = tarfile.TarInfo("eicar.com")
            member.size = len(mails.EICAR)
            t.addfile(member, io.BytesIO(mails.EICAR))
        yield "plain", mails.EICAR
        yield "zip", inner
        yield "zip in zip", mails.zipped(inner, "inner.zip")
        yield "gzip", gzip.compress(mails.EICAR)
        yield "bzip2", bz2.compress(mails.EICAR)
        yield "xz", lzma.compress(mails.EICAR)
        yield "tar", tar.getvalue()
        yield "tar.gz", gzip.compress(tar.getvalue())

    def test_never_clean_and_never_refused_for_it(self):
        enter, point = self.room()
        filler = os.path.join(point, "filler")
        subprocess.run(enter + ["sh", "-c", f"cat /dev/zero > {filler} 2>/dev/null; test -s {filler}"], check=True)
        try:
            for name, data in self.archives():
                marker = f"no room for {name}."
                outcome = self.alone.send(mails.attachment(data, "a.bin", subject=marker))
                self.assertIn(outcome.code, (451, 554), f"{name}: {outcome}")
                self.assertEqual(self.alone.hop.copies(marker.encode()), 0)
            honest = mails.attachment(mails.zipped(b"harmless", "a.txt"), "a.zip", "application/zip", subject="honest, no room.")
            for _ in range(4):
                self.assertReply(self.alone.send(honest), 451, "4.7.1")
        finally:
            subprocess.run(enter + ["rm", filler], check=True)
        self.assertLogged("cfilter", "others have taken filter.worker_tmpfs")
        self.assertReply(self.alone.send(honest), 250)
        for name, data in self.archives():
            self.assertReply(self.alone.send(mails.attachment(data, "a.bin", subject=f"room for {name}.")), 554, "virus")


class FileSize(AloneTest):
    """A limit on the size of files (as a quota would be) instead of a full disk; memory files count as well."""

    options = {"filter": ", spool_memory: 1M"}

    def test_front(self):
        self.alone.limit(self.alone.pid, "fsize", 400000)
        try:
            self.assertReply(self.alone.send(body(700000, "over the limit.")), 452, "4.3.1")
            self.assertReply(self.alone.send(mails.plain("below it")), 250)
        finally:
            self.alone.limit(self.alone.pid, "fsize", "unlimited")
        self.assertReply(self.alone.send(body(700000, "no limit any more.")), 250)
        self.assertEqual(self.alone.hop.copies(b"over the limit."), 0)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Descriptors(AloneTest):
    """No more descriptors than there are: nobody spins, nobody ends, and when there are some again, all goes on."""

    def held(self):
        return {int(fd) for fd in os.listdir(f"/proc/{self.alone.pid}/fd")}

    def exhaust(self, spare):
        """Leaves that many numbers; below none, what is given back is not enough either."""
        seen = [set(), self.held()]
        while seen[-1] != seen[-2]:            # when what was there before has gone
            time.sleep(0.15)
            seen.append(self.held())
        most = 1
        while spare >= 0 and len(set(range(most)) - seen[-1]) < spare:
            most += 1
        while spare >= 0 and most in seen[-1]:
            most += 1
        self.alone.limit(self.alone.pid, "nofile", most)

    def relieve(self):
        with open(f"/proc/{self.alone.pid}/limits", encoding="ascii") as f:
            hard = next(line.split()[4] for line in f if line.startswith("Max open files"))
        self.alone.limit(self.alone.pid, "nofile", hard)

    def again(self):
        """How long until a message passes."""
        begun = time.monotonic()
        self.eventually("a message", lambda: self.try_one() == 250, SLACK_S)
        return time.monotonic() - begun

    def try_one(self):
        try:
            return self.alone.send(timeout=5).code
        except OSError:
            return 0

    def test_no_spinning(self):
        held = [self.alone.client() for _ in range(3)]
        self.exhaust(0)
        waiting = []
        try:
            for _ in range(50):
                s = socket.create_connection(("127.0.0.1", self.alone.port))
                waiting.append(s)
            time.sleep(0.3)
            before, begun = cpu_seconds(self.alone.pid), time.monotonic()
            time.sleep(1.5)
            share = (cpu_seconds(self.alone.pid) - before) / (time.monotonic() - begun)
            self.assertLess(share, 0.05)
            # Who is connected is served, as far as it goes without another descriptor: put off, not refused.
            with held[0] as c:
                reply = self.alone.until("MAIL", c)
                self.assertEqual(reply.code // 100, 4, str(reply))
        finally:
            for s in waiting:
                s.close()
            for c in held:
                c.sock.close()
            self.relieve()
        self.assertLess(self.again(), 1 + SLACK_S)

    def test_one_short_at_every_step(self):
        """So many spare descriptors that another step of the same message lacks one: 4xx each time, and nothing half done."""
        codes = []
        for spare in range(0, 8):
            with self.alone.client() as c:
                self.exhaust(spare)
                try:
                    stage, reply = "DATA", self.alone.until("DATA", c)
                    if reply.code == 354:
                        stage, reply = "dot", c.message(mails.plain(f"short of descriptors {spare}.", b"x\r\n" * 1000))
                    codes.append(f"{stage} {reply.code}")
                finally:
                    self.relieve()
            self.assertIn(reply.code // 100, (2, 4), codes)
            self.assertEqual(self.alone.hop.copies(f"short of descriptors {spare}.".encode()), 1 if (stage, reply.code) == ("dot", 250) else 0)
        self.assertIn("dot 250", codes)
        self.assertTrue(any(c != "dot 250" for c in codes), codes)
        self.again()

    def test_workers_die_meanwhile(self):
        """The new ones cannot be taken over for want of descriptors; they are there as soon as there are some."""
        victims = self.alone.workers()
        self.exhaust(-20)                      # what the dead ones give back is not enough
        try:
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            time.sleep(1)
        finally:
            self.relieve()
        self.eventually("all workers", lambda: len(self.alone.workers()) == len(victims), SLACK_S)
        self.eventually("a message", lambda: self.try_one() == 250, SLACK_S)
        self.assertReply(self.alone.send(mails.eicar_zip()), 554, "virus")
        self.eventually("all workers at work", lambda: self.alone.count("scan_workers") == len(victims), SLACK_S)

    def test_under_traffic(self):
        with Traffic(self.alone.send, threads=6) as traffic:
            self.assertTrue(traffic.wait(6, SLACK_S))
            for spare in (0, 3, 6):
                self.exhaust(spare)
                time.sleep(0.7)
                self.relieve()
                self.assertTrue(traffic.wait(6, SLACK_S))
        self.assertEqual(traffic.wrong(self.alone.hop.messages), [])


