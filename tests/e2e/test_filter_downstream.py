"""The next hop fails in every way at every step: the sender is put off, no copy is lost or made twice, and nothing of ours says 5xx.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import threading
import time

from rig import mails, nexthop
from rig.alone import AloneTest
from rig.nexthop import close, drip, endless, endless_line, hang, many_lines, reset

TIMEOUT_S = 2
OPENING = ("greeting", "ehlo", "xforward")
STEPS = ("greeting", "ehlo", "xforward", "mail", "rcpt", "data", "dot")      # the body has a test of its own
GARBAGE = b"\0\xff\r\nhello there\r\n"
MEANT = {"mail": "MAIL", "rcpt": "RCPT"}          # the command whose reply shows it; everything later shows at the dot


class Downstream(AloneTest):
    options = {"filter": f", reinject_timeout: {TIMEOUT_S}s"}

    def setUp(self):
        super().setUp()
        self.turn = threading.Lock()

    def go(self, script, marker, message=None):
        """One message against one script: (where it ended, the reply, copies, seconds)."""
        hop = self.alone.hop
        with self.alone.client() as c:
            self.alone.until("XFORWARD", c)
            with self.turn:                        # scripts are given out in the order of connections
                seen = hop.connections
                hop.scripts.append(script)
                c.send(b"MAIL FROM:<alice@sender.example>\r\n")
                begun = time.monotonic()
                self.assertTrue(hop.wait(lambda: hop.connections > seen), "no connection to the next hop")
            stage, reply = "MAIL", c.read()
            if reply.code == 250:
                stage, reply = "RCPT", c.cmd("RCPT TO:<bob@example.com>")
            if reply.code == 250:
                stage, reply = "DATA", c.cmd("DATA")
            if reply.code == 354:
                begun = time.monotonic()
                stage, reply = "dot", c.message(message or mails.plain(marker))
            return stage, reply, begun

    def all_at_once(self, cases):
        """cases: (name, script, stage, codes, copies).  All run beside each other, since most of them only wait."""
        wrong, threads = [], []

        def one(name, script, stage, codes, copies, message):
            marker = "case " + name + "."
            got_stage, reply, begun = self.go(script, marker, message)
            took = time.monotonic() - begun
            if got_stage != stage or reply.code not in codes:
                wrong.append(f"{name}: {got_stage} {reply}, expected {stage} {codes}")
            if took > TIMEOUT_S + 30:         # one session after the other on a busy machine
                wrong.append(f"{name}: {took:.1f} s")
            if reply.code == 250 and copies == 0:
                copies = -1                        # a 250 without a copy is the worst that can be
            end = time.monotonic() + 1
            while self.alone.hop.copies(marker.encode()) != copies and time.monotonic() < end:
                time.sleep(0.02)
            if self.alone.hop.copies(marker.encode()) != copies:
                wrong.append(f"{name}: {self.alone.hop.copies(marker.encode())} copies, expected {copies}")
        for name, script, stage, codes, copies, *message in cases:
            t = threading.Thread(target=one, args=(name, script, stage, codes, copies, message[0] if message else None))
            t.start()
            threads.append(t)
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        self.assertReply(self.alone.send(), 250)

    def test_no_answer_that_is_one(self):
        """Closes, resets, hangs, talks nonsense or without end: 451 at the step where it shows, never a copy but for the lost reply."""
        cases = []
        for phase in STEPS:
            stage = "MAIL" if phase in OPENING else MEANT.get(phase, "dot")
            for name, what in (("closes", close), ("resets", reset), ("hangs", hang), ("garbage", GARBAGE), ("endless", endless), ("endless line", endless_line),
                               ("closed half a reply", lambda s, p: (s.say(b"25"), s.end()))):
                # What is said in answer to the dot comes too late to undo the delivery: the one copy that SMTP cannot exclude.
                copies = 1 if phase == "dot" else 0
                cases.append((f"{name} at {phase}", {phase: what}, stage, (451,), copies))
        self.all_at_once(cases)
        log = self.place.log("cfilter")
        self.assertIn("it may have taken it, a retry would double it", log)

    def test_refusals_are_passed_on_and_the_machinery_s_are_not(self):
        cases = []
        for phase in STEPS:
            stage = "MAIL" if phase in OPENING else MEANT.get(phase, "dot")
            for code in (421, 450, 452, 550, 554):
                words = b"%d-4.9.9 first\r\n%d 4.9.9 last\r\n" % (code, code)
                want = (451,) if phase in OPENING else (code,)
                cases.append((f"{code} at {phase}", {phase: words}, stage, want, 1 if phase == "dot" else 0))
            if phase in ("mail", "rcpt", "dot"):
                cases.append((f"354 at {phase}", {phase: b"354 what\r\n"}, stage, (451,), 1 if phase == "dot" else 0))
        cases.append(("250 to DATA", {"data": b"250 what\r\n"}, "dot", (451,), 0))
        self.all_at_once(cases)

    def test_slow_and_wordy_is_well(self):
        cases = []
        for phase in STEPS:
            cases.append((f"drips at {phase}", {phase: drip}, "dot", (250,), 1))
        for phase in ("greeting", "ehlo", "mail", "dot"):
            cases.append((f"many lines at {phase}", {phase: many_lines}, "dot", (250,), 1))
        for name, what in (("close", close), ("reset", reset), ("hang", hang), ("garbage", GARBAGE), ("endless", endless)):
            cases.append((f"{name} at QUIT", {"quit": what}, "dot", (250,), 1))
        self.all_at_once(cases)

    def test_in_the_middle_of_a_large_body(self):
        body = (b"z" * 78 + b"\r\n") * 100000
        cases = []
        for name, what, codes in (("closes", close, (451,)), ("resets", reset, (451,)), ("stops reading", hang, (451,)), ("says 452", b"452 4.3.1 full\r\n", (452,)),
                                  ("says 552", b"552 5.3.4 too big\r\n", (552,)), ("says 421", b"421 4.3.2 going\r\n", (421,)),
                                  ("says 250", b"250 taken\r\n", (451,)), ("says nonsense", GARBAGE, (451,)), ("never stops", b"452-no\r\n" * 20000, (451,))):
            script = {"body": what, "body after": 1000000}
            cases.append((f"large, {name}", script, "dot", codes, 0, mails.plain(f"case large, {name}.", body)))
        begun = self.alone.hop.torn
        self.all_at_once(cases)
        self.assertTrue(self.alone.hop.wait(lambda: self.alone.hop.torn == begun + len(cases)), "a body had an end")

    def test_nobody_listens(self):
        self.alone.hop.refuse()
        try:
            for _ in range(3):
                outcome = self.alone.send()
                self.assertEqual((outcome.stage, outcome.code), ("mail", 451), str(outcome))
                self.assertLess(outcome.ms, 5000)
        finally:
            self.alone.hop.start()
        self.assertReply(self.alone.send(), 250)

    def test_it_leaves_while_the_message_comes(self):
        """Nothing of the message was sent: the same envelope once more, one copy."""
        hop = self.alone.hop
        for how in (close, reset):
            with self.alone.client() as c:
                gone = threading.Event()

                def leave(session, phase, how=how, gone=gone):
                    session.say(nexthop.NORMAL[phase])
                    gone.wait(20)
                    how(session, phase)
                hop.scripts.append({"rcpt": leave})
                marker = f"once more {how.__name__}"
                self.assertReply(self.alone.until("DATA", c), 354)
                c.send(mails.plain(marker, b"begun\r\n"))
                self.assertTrue(hop.wait(lambda: hop.open == 1))
                gone.set()
                self.assertTrue(hop.wait(lambda: hop.open == 0))
                time.sleep(0.2)                    # the front hears of it in its own time
                self.assertReply(c.message(b"and the end\r\n"), 250)
            self.assertEqual(hop.copies(marker.encode()), 1)

    def test_lost_reply_is_told_with_both_ids(self):
        """What the sender was told, what the log holds, and what the next hop has can be brought together."""
        def take_and_go(session, phase):
            session.end()
        self.alone.hop.scripts.append({"dot": take_and_go})
        outcome = self.alone.send(mails.plain("lost reply"))
        self.assertReply(outcome, 451, "(id ")
        self.assertEqual(self.alone.hop.copies(b"lost reply"), 1)
        ident = str(outcome).split("(id ")[1].split(")")[0]
        self.eventually("the log", lambda: any(ident in line and "double" in line for line in self.place.log("cfilter").splitlines()))
        self.eventually("the event", lambda: "double" in self.alone.gatepost.ctl("explain", ident).stdout)
