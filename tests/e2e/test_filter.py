"""cfilter behind a real Postfix: viruses, spam, faults at every side, and bytes that must arrive as they were.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import subprocess
import signal
import socket
import threading
import time

from rig import mails, smtp
from rig.house import HouseTest
from rig.place import answers, wait_for


def children(pid):
    """All processes below pid."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                ppid = int(f.read().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if ppid == pid:
            found.append(int(entry))
            found += children(int(entry))
    return found


class Verdicts(HouseTest):
    options = {"filter": ", max_message: 3M"}

    def delivered(self, marker):
        self.eventually("delivery", lambda: any(marker in m.data for m in self.house.inner.messages))
        return next(m.data for m in self.house.inner.messages if marker in m.data)

    def test_viruses_in_four_shapes(self):
        for message in (mails.eicar_plain(), mails.eicar_base64(), mails.eicar_zip(), mails.eicar_nested()):
            outcome = self.house.send(message)
            self.assertReply(outcome, 554, "554 5.7.1 Message contains Eicar-Test-Signature virus, rejected")
            self.assertRegex(str(outcome), r"\(id [0-9A-Z]{13}\)")
        self.assertFalse(any(mails.EICAR in m.data for m in self.house.inner.messages))

    def test_a_virus_behind_another_file_type_at_the_start(self):
        for first in (b"PK\x03\x04: x\r\n", b"MZ: x\r\n", b"%PDF-1.4: x\r\n", b"GIF89a: x\r\n"):
            self.assertReply(self.house.send(first + mails.eicar_base64()), 554, "virus")

    def test_spam_marker(self):
        self.assertReply(self.house.send(mails.gtube()), 554, "554 5.7.1 Message seems to be spam, rejected")

    def test_bytes_arrive_as_they_were(self):
        bodies = {
            "8bit": b"caf\xc3\xa9 \xff\xfe\x80\r\n",
            "dots": b".\r\n..\r\n...\r\n.x\r\n\r\n.\r\n",
            "long": b"x" * 100000 + b"\r\n",
            "blank": b" \t \r\n\r\n\r\n",
            "attachment": mails.wrap64(os.urandom(300000)),
        }
        for name, body in bodies.items():
            message = mails.head("bytes-" + name, b"Content-Type: application/octet-stream\r\n\r\n") + body
            self.assertReply(self.house.send(message), 250)
            got = self.delivered(b"bytes-" + name.encode())
            self.assertTrue(got.endswith(message), name)

    def test_no_header_empty_and_odd_messages(self):
        for message in (b"\r\n", b"no header at all\r\n", b"Subject: only a header\r\n", b" begins with a blank\r\n\r\nx\r\n",
                        b"Subject: x\r\n" * 5000 + b"\r\nx\r\n", b"A" * 70000 + b"\r\n"):
            outcome = self.house.send(message)
            self.assertIn(outcome.code, (250, 554, 550, 552), str(outcome))

    def test_too_large(self):
        message = mails.head("large") + b"\r\n" + (b"y" * 998 + b"\r\n") * 4000
        self.assertReply(self.house.send(message), 552, "5.3.4")
        begun = len(self.house.inner.messages)
        just = mails.head("just") + b"\r\n" + (b"y" * 998 + b"\r\n") * 3000
        self.assertReply(self.house.send(just), 250)
        self.eventually("delivery", lambda: len(self.house.inner.messages) > begun)

    def test_forged_spam_fields_go(self):
        message = b"X-Spam-Score: -100\r\n" + mails.plain("forged-score")
        self.assertReply(self.house.send(message), 250)
        self.assertNotIn(b"X-Spam-Score: -100", self.delivered(b"forged-score"))

    def test_a_shape_is_refused_and_named(self):
        piece = mails.head("A piece", b"Content-Type: message/partial; id=\"a@sender.example\"; number=1; total=2\r\n\r\n") + b"Subject: x\r\n\r\nhalf\r\n"
        for source in ("127.0.0.1", "127.0.0.9"):        # the second one is trusted
            self.assertReply(self.house.send(piece, source=source), 554,
                             "554 5.6.0 Message is malformed in a way that hides attachments (partial), rejected")

    def test_scan_command_agrees(self):
        good = self.place.write("good.eml", mails.plain())
        bad = self.place.write("bad.eml", mails.eicar_zip())
        spam = self.place.write("spam.eml", mails.gtube())
        ctl = self.house.gatepost.ctl
        self.assertEqual(ctl("scan", good).returncode, 0)
        said = ctl("scan", bad)
        self.assertEqual(said.returncode, 1)
        self.assertIn("Eicar-Test-Signature", said.stdout)
        self.assertEqual(ctl("scan", spam).returncode, 1)
        self.assertEqual(ctl("scan", good, bad, spam).returncode, 1)
        self.assertEqual(ctl("scan", self.place.path("none.eml")).returncode, 2)
        self.assertEqual(ctl("scan", good, self.place.path("none.eml")).returncode, 2)
        import json
        said = ctl("scan", "--json", bad)
        self.assertEqual(said.returncode, 1)
        told = json.loads(said.stdout.splitlines()[0])
        self.assertIn("Eicar-Test-Signature", json.dumps(told))
        self.assertGreaterEqual(told["engine_calls"], 1)

    def test_scan_command_takes_a_file_as_it_is(self):
        """A Unix file's line ends become those of SMTP; one with CR LF is taken byte for byte."""
        import json
        for name, data, size in (("unix", b"A: b\n\nx\ry\0\n", 14), ("smtp", b"A: b\r\n\r\nx\ny\rz\0\r\n", 16), ("none", b"A: b", 4),
                                 ("cut", b"A: " + b"b" * (65536 - 4) + b"\r\n\nx\n", 65540)):
            path = self.place.path(name + ".eml")
            with open(path, "wb") as f:
                f.write(data)
            said = self.house.gatepost.ctl("scan", "--json", path)
            self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
            self.assertEqual(json.loads(said.stdout.splitlines()[0])["size"], size, name)

    def test_explain(self):
        outcome = self.house.send(mails.eicar_zip())
        found = re.search(r"\(id ([0-9A-Z]{13})\)", str(outcome)).group(1)
        self.eventually("the event", lambda: "Eicar-Test-Signature" in self.house.gatepost.ctl("explain", found).stdout)

    def test_client_leaves_before_the_dot(self):
        with smtp.Client(("127.0.0.1", self.house.postfix.port())) as c:
            for line in ("EHLO x.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<bob@example.com>"):
                self.assertEqual(c.cmd(line).code, 250)
            self.assertEqual(c.cmd("DATA").code, 354)
            c.send(b"Subject: torn\r\n\r\nhalf a message\r\n")
        time.sleep(1)
        self.assertFalse(any(b"Subject: torn" in m.data for m in self.house.inner.messages))

    def test_smuggling(self):
        """No end of data but CRLF.CRLF, on any hop: one message at the most, never the second one."""
        ends = [a + b"." + b for a in (b"\r\n", b"\n", b"\r", b"\r\r\n") for b in (b"\r\n", b"\n", b"\r", b"\r\r\n") if (a, b) != (b"\r\n", b"\r\n")]
        ends += [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n .\r\n", b"\n.\r\r\n", b"\r\n.\r\r\r\n"]
        inner = b"RSET\r\nMAIL FROM:<forged@example.com>\r\nRCPT TO:<carol@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n"
        for end in ends:
            with smtp.Client(("127.0.0.1", self.house.postfix.port())) as c:
                for line in ("EHLO x.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<bob@example.com>"):
                    c.cmd(line)
                self.assertEqual(c.cmd("DATA").code, 354)
                c.send(b"Subject: carrier\r\n\r\ntext" + end + inner + b"\r\n.\r\n")
                c.read()
        time.sleep(1)
        self.assertFalse(any(m.sender == "forged@example.com" or m.recipients == ["carol@example.com"]
                             for m in self.house.inner.messages))
        for m in self.house.inner.messages:
            self.assertNotRegex(m.data, rb"(^|[^\r])\n|\r(?!\n)")

    def test_many_at_once(self):
        results = []

        def send(i):
            message = mails.eicar_base64() if i % 3 == 0 else mails.attachment(os.urandom(2000), subject=f"many-{i}")
            results.append((i, self.house.send(message).code))
        threads = [threading.Thread(target=send, args=(i,)) for i in range(30)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(results), 30)
        for i, code in results:
            self.assertEqual(code, 554 if i % 3 == 0 else 250, i)


class Classes(HouseTest):
    """Each way of not being able to check has its own action; explain and scan name class and action."""
    options = {"filter": ", unchecked: {encrypted_archive: reject, encrypted_mail: reject, limit: defer}, mime: {shapes: {partial: tag}}",
               "virus": "{database: db, trusted_databases: [demo.ndb], max_recursion: 6}"}

    def test_encrypted_archive(self):
        outcome = self.house.send(mails.attachment(mails.encrypted_zip(), "a.zip", "application/zip"))
        self.assertReply(outcome, 554, "554 5.7.1 Message contains an encrypted archive, which cannot be checked for viruses, rejected")
        found = re.search(r"\(id ([0-9A-Z]{13})\)", str(outcome)).group(1)
        self.eventually("the event", lambda: re.search(r"encrypted_archive.*Heuristics.Encrypted.Zip.*class=\"?encrypted_archive\"?.*action=\"?reject",
                                                       self.house.gatepost.ctl("explain", found).stdout))
        said = self.house.gatepost.ctl("scan", self.place.write("e.eml", mails.attachment(mails.encrypted_zip(), "a.zip", "application/zip")))
        self.assertEqual(said.returncode, 1)
        self.assertIn("encrypted_archive: reject", said.stdout)
        self.assertRegex(self.house.gatepost.ctl("stats").stdout, r'findings\{[^}]*class="encrypted_archive"[^}]*\} [1-9]')

    def test_encrypted_mail(self):
        """To its reader: nobody on the way can look into it.  What is only signed can be read."""
        key, cert = self.place.path("smime.key"), self.place.path("smime.pem")
        plain = self.place.write("plain.txt", "Content-Type: text/plain\r\n\r\nto you alone\r\n")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bob", "-keyout", key, "-out", cert], check=True, capture_output=True)

        def smime(*how):
            return subprocess.run(["openssl", "smime", "-in", plain, "-subject", "S/MIME", "-from", "alice@sender.example", "-to", "bob@example.com", "-crlfeol", *how],
                                  check=True, capture_output=True).stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

        def armour(words):
            return mails.plain("OpenPGP", b"-----BEGIN PGP " + words + b"-----\r\n\r\nhQEMA8Yx\r\n=aBcD\r\n-----END PGP " + words + b"-----\r\n")
        for message in (smime("-encrypt", "-aes256", cert), armour(b"MESSAGE")):
            self.assertReply(self.house.send(message), 554, "554 5.7.1 Message is encrypted, which cannot be checked for viruses, rejected")
        for message in (smime("-sign", "-signer", cert, "-inkey", key), armour(b"SIGNATURE"), armour(b"PUBLIC KEY BLOCK")):
            self.assertReply(self.house.send(message), 250)

    def test_readers_that_differ_score(self):
        two = (b"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n"
               b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + mails.wrap64(mails.zipped(b"harmless")) + b"--b--\r\n")
        message = mails.head("Two types", two)
        said = self.house.gatepost.ctl("scan", self.place.write("two.eml", message))
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertRegex(said.stdout, r"ambiguous: score  \+2\.0 points")
        self.assertReply(self.house.send(message), 250)

    def test_documents(self):
        for name, message, want in (("macro", mails.attachment(mails.macro_document(), "m.doc"), "macro: score  +2.0 points"),
                                    ("password", mails.attachment(mails.locked_document(), "l.docx"), "encrypted_document: tag")):
            said = self.house.gatepost.ctl("scan", self.place.write(name + ".eml", message))
            self.assertIn(want, said.stdout)
            self.assertReply(self.house.send(message), 250)
        self.eventually("delivery", lambda: any(b"unchecked=encrypted_document" in m.data for m in self.house.inner.messages))

    def test_over_a_limit(self):
        data = b"inside\n"
        for depth in range(9):
            data = mails.zipped(data, f"{depth}.zip")
        self.assertReply(self.house.send(mails.attachment(data, "deep.zip", "application/zip")), 451,
                         "451 4.7.1 Message could not be checked (limit), try again later")

    def test_a_shape_that_is_only_tagged(self):
        piece = mails.head("tagged-piece", b"Content-Type: message/partial; id=\"a@sender.example\"; number=1; total=2\r\n\r\n") + b"Subject: x\r\n\r\nhalf\r\n"
        self.assertReply(self.house.send(piece), 250)
        self.eventually("delivery", lambda: any(b"tagged-piece" in m.data and b"shape=partial" in m.data for m in self.house.inner.messages))


class DatabaseLife(HouseTest):
    """New signatures are taken over without a message noticing; too few of them are not."""
    options = {"virus": "{database: db, trusted_databases: [demo.ndb]}"}

    def generation(self):
        return int(re.search(r"scan current: generation=(\d+)", self.house.gatepost.ctl("filter", "status").stdout).group(1))

    def test_asked_for(self):
        before = self.generation()
        self.assertEqual(self.house.gatepost.ctl("filter", "reload").returncode, 0)
        self.eventually("a new generation", lambda: self.generation() > before, 60)
        self.assertReply(self.house.send(mails.eicar_zip()), 554, "virus")
        self.assertIn("scan current: generation=", self.house.gatepost.ctl("status").stdout)

    def test_shrunk_is_held_back_until_accepted(self):
        line = "Test.Number%d:0:*:" + b"one of many that only this test knows, number %d".hex() + "%02x\n"
        self.place.write("db/many.ndb", "".join(line % (i, i) for i in range(20)))
        self.eventually("the larger one", lambda: "signatures=21" in self.house.gatepost.ctl("filter", "status").stdout, 60)
        os.unlink(self.place.path("db/many.ndb"))
        self.eventually("held back", lambda: "scan held back: " in self.house.gatepost.ctl("filter", "status").stdout, 60)
        self.assertReply(self.house.send(mails.eicar_zip()), 554, "virus")
        self.assertReply(self.house.send(), 250)
        self.assertLogged("cfilter", "filter.virus.max_shrink")
        self.assertEqual(self.house.gatepost.ctl("filter", "reload", "--accept").returncode, 0)
        self.eventually("the smaller one", lambda: "engine=ready signatures=1 " in self.house.gatepost.ctl("filter", "status").stdout, 60)
        self.assertReply(self.house.send(mails.eicar_zip()), 554, "virus")


class WithoutEngine(HouseTest):
    """Who asks for it gets mail without a scan while there is no engine, and sees it in the message."""
    options = {"virus": "{database: empty}", "filter": ", unchecked: {engine: tag}"}
    engine = False

    @classmethod
    def prepare(cls):
        cls.place.folder("empty")

    def test_tagged(self):
        self.assertReply(self.house.send(mails.plain("unscanned-but-told")), 250)
        self.eventually("delivery", lambda: any(b"unscanned-but-told" in m.data and b"not-scanned=no_engine" in m.data
                                                for m in self.house.inner.messages))
        self.assertEqual(self.house.gatepost.ctl("filter", "status").returncode, 1)


class Observe(HouseTest):
    options = {"mode": "observe"}

    def test_shapes_pass_and_are_told(self):
        piece = mails.head("observed-piece", b"Content-Type: message/partial; id=\"a@sender.example\"; number=1; total=2\r\n\r\n") + b"Subject: x\r\n\r\nhalf\r\n"
        self.assertReply(self.house.send(piece), 250)
        self.assertLogged("cfilter", "partial(shape:reject)")

    def test_spam_passes_and_is_told_viruses_do_not(self):
        self.assertReply(self.house.send(mails.gtube()), 250)
        self.assertLogged("cfilter", "GTUBE")
        self.assertReply(self.house.send(mails.eicar_zip()), 554, "virus")


class Faults(HouseTest):
    def test_re_injection_gone(self):
        before = len(self.house.inner.messages)
        self.house.postfix.stop()
        with smtp.Client(("127.0.0.1", self.house.filter_port)) as c:
            c.cmd("EHLO x")
            reply = c.cmd("MAIL FROM:<a@sender.example>")
            self.assertEqual(reply.code // 100, 4, str(reply))
        self.house.postfix.start()
        self.assertReply(self.house.send(), 250)
        self.assertTrue(self.house.inner.wait(before + 1))

    def test_workers_and_holder_killed(self):
        """Whoever is killed: no message is lost, none is taken unscanned, and soon all is well."""
        front = self.house.gatepost.processes["cfilter"].pid
        for _ in range(3):
            for pid in children(front):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            outcome = self.house.send(mails.eicar_zip())
            self.assertIn(outcome.code, (554, 451), str(outcome))
            self.eventually("a new engine", lambda: self.house.send(mails.eicar_zip()).code == 554, 20)
            self.assertReply(self.house.send(), 250)

    def test_front_killed_and_back(self):
        self.house.gatepost.stop("cfilter", signal.SIGKILL)
        self.assertEqual(self.house.send().code, 451)
        self.house.gatepost.start("cfilter")
        self.house.gatepost.wait_engine()
        self.assertReply(self.house.send(mails.eicar_base64()), 554, "virus")

    def test_each_other_daemon_killed_never_refuses_for_good(self):
        for name in ("socketmapd", "policyd"):
            self.house.gatepost.stop(name, signal.SIGKILL)
            self.assertEqual(self.house.send().code, 451, name)
            self.house.gatepost.start(name)
            self.assertReply(self.house.send(), 250)

    def test_term_finishes_what_has_begun(self):
        with smtp.Client(("127.0.0.1", self.house.postfix.port())) as c:
            for line in ("EHLO x.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<bob@example.com>"):
                self.assertEqual(c.cmd(line).code, 250)
            self.assertEqual(c.cmd("DATA").code, 354)
            p = self.house.gatepost.processes["cfilter"]
            os.kill(p.pid, signal.SIGTERM)
            time.sleep(0.3)
            reply = c.message(mails.plain("during-the-end"))
        self.assertIn(reply.code, (250, 451, 421), str(reply))
        p.wait(10)
        self.assertEqual(p.returncode, 0)
        time.sleep(0.5)
        got = sum(b"during-the-end" in m.data for m in self.house.inner.messages)
        self.assertEqual(got, 1 if reply.code == 250 else 0)
        self.house.gatepost.stop("cfilter")
        self.house.gatepost.start("cfilter")
        self.house.gatepost.wait_engine()

    def test_broken_reload_keeps_the_old(self):
        self.house.gatepost.configure(self.house.yaml().replace("mode: enforce", "mode: enforec"))
        try:
            said = self.house.gatepost.ctl("reload")
            self.assertEqual(said.returncode, 1)
            self.assertIn("gatepost.yaml:1:1: mode:", said.stdout + said.stderr)
            self.house.gatepost.reload("cfilter")
            time.sleep(0.3)
            self.assertReply(self.house.send(mails.eicar_zip()), 554, "virus")
        finally:
            self.house.gatepost.configure(self.house.yaml())

    def test_slow_clients_do_not_hold_others(self):
        slow = []
        for _ in range(200):
            s = socket.create_connection(("127.0.0.1", self.house.filter_port))
            s.sendall(b"EHLO x\r\n")
            slow.append(s)
        try:
            begun = time.monotonic()
            self.assertReply(self.house.send(), 250)
            self.assertLess(time.monotonic() - begun, 5)
        finally:
            for s in slow:
                s.close()


class NoDatabase(HouseTest):
    engine = False
    options = {"virus": "{database: empty}"}

    @classmethod
    def prepare(cls):
        cls.place.folder("empty")

    def test_without_a_database_nothing_passes_and_nothing_is_refused(self):
        outcome = self.house.send()
        self.assertReply(outcome, 451)
        self.assertEqual(len(self.house.inner.messages), 0)
        self.eventually("an alarm", lambda: "database" in self.place.log("cfilter"))

    def test_zz_a_database_that_comes_is_taken(self):
        self.place.write("empty/demo.ndb", mails.signature_database())
        self.eventually("the engine", lambda: self.house.send().code == 250, 40)


class Spamd(HouseTest):
    """A real spamd: tag, reject, and a spamd that is gone."""

    @classmethod
    def prepare(cls):
        cls.spamd_port = cls.place.port()
        home = cls.place.folder("spamd-home", 0o755, "nobody")
        rules = cls.place.write("spamd-rules/local.cf", "header HAS_TAGME Subject =~ /tagme/\nscore HAS_TAGME 7\n"
                                "header HAS_REJECTME Subject =~ /rejectme/\nscore HAS_REJECTME 50\n"
                                "use_bayes 0\nskip_rbl_checks 1\ndns_available no\n")
        cls.place.write("spamd-rules/v320.pre", "loadplugin Mail::SpamAssassin::Plugin::Check\n")
        cls.spamd_argv = ["/usr/sbin/spamd", "--siteconfigpath", os.path.dirname(rules), "-L", "-x", "-u", "nobody", "-H", home, "-m", "1",
                          "-i", "127.0.0.1", "-p", str(cls.spamd_port), "--pidfile", cls.place.path("spamd.pid"), "-s", "stderr"]
        cls.spamd = cls.place.start("spamd", cls.spamd_argv)
        wait_for("spamd", lambda: answers(("127.0.0.1", cls.spamd_port)), 40)
        cls.house.parts["filter"] = f", spam: {{spamd: {{server: \"127.0.0.1:{cls.spamd_port}\", timeout: 10s}}}}"
        cls.house.gatepost.configure(cls.house.yaml())

    def last(self, marker):
        self.eventually("delivery", lambda: any(marker in m.data for m in self.house.inner.messages))
        return next(m.data for m in self.house.inner.messages if marker in m.data)

    def test_tag(self):
        self.assertReply(self.house.send(mails.plain("tagme please")), 250)
        got = self.last(b"tagme please")
        self.assertRegex(got, rb"(?m)^X-Spam-Score: \*{5,}")
        self.assertRegex(got, rb"(?m)^X-Spam-Report: (.|\r\n[ \t])*HAS_TAGME")
        self.assertRegex(got, rb"(?m)^Subject: \[SPAM\] tagme please")

    def test_reject(self):
        self.assertReply(self.house.send(mails.plain("rejectme please")), 554, "seems to be spam")

    def test_clean(self):
        self.assertReply(self.house.send(mails.plain("all is well here")), 250)
        self.assertNotIn(b"[SPAM]", self.last(b"all is well here"))

    def test_large_messages_are_not_scored(self):
        message = mails.head("rejectme but large") + b"\r\n" + (b"words " * 12 + b"\r\n") * 2000
        self.assertReply(self.house.send(message), 250)

    def test_zz_gone(self):
        self.place.stop(self.spamd)
        begun = time.monotonic()
        self.assertReply(self.house.send(mails.plain("rejectme, but nobody can tell")), 250)
        self.assertLess(time.monotonic() - begun, 15)
        self.assertLogged("cfilter", "spamd")
