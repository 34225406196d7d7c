"""Ends of data that are none, in every form: nothing but CR LF . CR LF ends a message, and what goes on is clean for whoever reads it next.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import re
import threading
import time

from rig import smtp
from rig.alone import AloneTest
from rig.house import HouseTest

EOLS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CRCRLF": b"\r\r\n", "NULCRLF": b"\0\r\n", "CRLFNUL": b"\r\n\0", "LFCR": b"\n\r", "BLANKCRLF": b" \r\n"}
REAL = b"\r\n.\r\n"
FORMS = {f"{a} {b}": EOLS[a] + b"." + EOLS[b] for a in EOLS for b in EOLS if REAL not in EOLS[a] + b"." + EOLS[b]}
FORGED = b"RSET\r\nMAIL FROM:<forged@example.com>\r\nRCPT TO:<carol@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n"
UNCLEAN = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0|(?:^|\r\n)\.(?!\.)")


class Alone(AloneTest):
    """Seen from the next hop, byte by byte as they came over the wire."""

    def one(self, name, end, bytewise):
        hop, marker = self.alone.hop, f"carrier {name} {bytewise}."
        body = f"Subject: {marker}\r\n\r\ntext".encode() + end + FORGED + b"\r\n.\r\n"
        with self.alone.client() as c:
            self.alone.until("DATA", c)
            for piece in ([body[i:i + 1] for i in range(len(body))] if bytewise else [body]):
                c.send(piece)
            reply = c.read()
        self.assertIn(reply.code, (250, 550, 554), f"{name}: {reply}")
        got = [m.data for m in hop.messages if marker.encode() in m.data]
        self.assertEqual(len(got), 1 if reply.code == 250 else 0, name)
        for data in got:
            self.assertIsNone(UNCLEAN.search(data), f"{name}: {data!r}")
            self.assertIn(b"smuggled", data)

    def test_every_form(self):
        self.assertGreaterEqual(len(FORMS), 35)
        for name, end in FORMS.items():
            for bytewise in (False, True):
                self.one(name, end, bytewise)
        self.assertEqual([c for c in self.alone.hop.commands if "forged@" in c], [])

    def test_at_the_very_start_and_around_the_end(self):
        """The same where the message begins, and right before the real end."""
        for name, end in FORMS.items():
            for whole in (end[end.index(b"."):] + b"x: y\r\n\r\nz\r\n.\r\n", b"x: y\r\n\r\nz" + end + b"\r\n.\r\n", end + end + end + b"\r\n.\r\n"):
                before = len(self.alone.hop.messages)
                with self.alone.client() as c:
                    self.alone.until("DATA", c)
                    c.send(whole)
                    reply = c.read()
                got = self.alone.hop.messages[before:]
                self.assertEqual(len(got), 1 if reply.code == 250 else 0, f"{name}: {reply}")
                for m in got:
                    self.assertIsNone(UNCLEAN.search(m.data), f"{name}: {m.data!r}")

    def test_the_real_end_in_pieces(self):
        """However CR LF . CR LF is cut, it is the end; and what comes behind it in the same packet is no command."""
        for cut in range(1, len(REAL)):
            with self.alone.client() as c:
                self.alone.until("DATA", c)
                c.send(b"x: y\r\n\r\ntext" + REAL[:cut])
                time.sleep(0.02)
                c.send(REAL[cut:] + (FORGED if cut == 2 else b""))
                self.assertReply(c.read(), 250)
        self.assertEqual([c for c in self.alone.hop.commands if "forged@" in c], [])


class Chain(HouseTest):
    """Postfix before, Postfix behind; here with a re-injection that believes in every old end, as a default one does from loopback."""

    options = {"main": "smtpd_error_sleep_time = 0\n"}
    front = None

    @classmethod
    def prepare(cls):
        path = cls.place.path("postfix/master.cf")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        # Both services have the parameter: the first one is behind the filter, where the snippet of that comes first.
        behind, before = text.split("smtpd_proxy_filter=inet", 1)
        believing = behind.replace("smtpd_forbid_bare_newline=reject", "smtpd_forbid_bare_newline=no", 1)
        if believing == behind:
            raise RuntimeError("the snippet reinject.cf is not what this test takes it for")
        if cls.front is not None:
            before = before.replace("smtpd_forbid_bare_newline=normalize", "smtpd_forbid_bare_newline=" + cls.front)
        cls.place.write("postfix/master.cf", believing + "smtpd_proxy_filter=inet" + before)

    def one(self, name, end, wrong):
        with smtp.Client(("127.0.0.1", self.house.postfix.port())) as c:
            for line in ("EHLO x.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<bob@example.com>"):
                c.cmd(line)
            if c.cmd("DATA").code != 354:
                wrong.append(f"{name}: no DATA")
                return
            c.send(f"Subject: carrier {name}.\r\n\r\ntext".encode() + end + FORGED + b"\r\n.\r\n")
            reply = c.read()
            if reply.code not in (250, 550, 554):
                wrong.append(f"{name}: {reply}")

    def test_every_form(self):
        wrong, threads = [], []
        for name, end in FORMS.items():
            t = threading.Thread(target=self.one, args=(name, end, wrong))
            t.start()
            threads.append(t)
            if len(threads) % 8 == 0:
                threads[-8].join()
        for t in threads:
            t.join()
        self.assertReply(self.house.send(), 250)
        self.eventually("the last one", lambda: any(b"Minutes of" in m.data for m in self.house.inner.messages))
        time.sleep(1)
        for m in self.house.inner.messages:
            if m.sender == "forged@example.com" or m.recipients == ["carol@example.com"]:
                wrong.append(f"split: {m.data[:300]!r}")
            if re.search(rb"(?<!\r)\n|\r(?!\n)|\0", m.data):
                wrong.append(f"not clean: {m.data[:300]!r}")
        self.assertEqual(wrong, [])
        carried = {m.data.split(b"carrier ")[1].split(b".")[0] for m in self.house.inner.messages if b"carrier " in m.data}
        self.assertGreater(len(carried), 0)


class ChainReject(Chain):
    front = "reject"
