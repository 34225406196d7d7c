"""Connections to the next hop serve message after message: with real Postfix, and when the next hop ends them as it likes.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import re
import threading

from rig import mails, smtp
from rig.alone import AloneTest
from rig.house import HouseTest
from rig.nexthop import NORMAL, close, reset


def once(what):
    """The usual answer the first time in a connection, `what` after that."""
    def answer(session, phase):
        seen = session.__dict__.setdefault("seen", set())
        if phase not in seen:
            seen.add(phase)
            session.say(NORMAL[phase])
        elif callable(what):
            what(session, phase)
        else:
            session.say(what)
    return answer


def after_it(what):
    """At the dot: takes the message, then does something else at once."""
    def answer(session, phase):
        session.say(NORMAL[phase])
        what(session, phase)
    return answer


class Kept(AloneTest):
    options = {"keep": "30s"}

    def test_one_connection_for_many(self):
        hop = self.alone.hop
        self.on_a_new_connection()
        before, messages = hop.connections, len(hop.messages)
        for _ in range(30):
            self.assertReply(self.alone.send(), 250)
        self.assertEqual(hop.connections, before)
        self.assertEqual(len(hop.messages), messages + 30)

    def test_it_ends_in_every_way(self):
        """Whatever becomes of a kept connection, the message after it is delivered, once."""
        hop = self.alone.hop
        ways = [{"mail": once(what)} for what in (close, reset, b"421 4.3.2 going\r\n", b"450 4.5.3 enough\r\n", b"550 5.5.0 enough\r\n", b"what?\r\n")]
        ways += [{"xforward": once(what)} for what in (close, reset, b"421 4.3.2 going\r\n", b"550 5.5.0 no\r\n")]
        ways += [{"dot": after_it(what)} for what in (close, reset, lambda s, p: s.say(b"421 4.4.2 timeout\r\n"))]
        for i, script in enumerate(ways):
            hop.script = script
            self.on_a_new_connection()
            hop.script = {}
            marker = f"the one after {i}"
            with self.alone.client() as c:
                self.alone.until("DATA", c)
                self.assertReply(c.message(mails.plain(marker)), 250)
            self.assertEqual(hop.copies(marker.encode()), 1, i)

    def test_two_answers_to_one_message(self):
        """The second may come when the next message is on its way: that is put off then, never taken for delivered."""
        hop = self.alone.hop
        for i in range(20):
            hop.script = {"dot": after_it(lambda s, p: s.say(b"250 2.0.0 twice\r\n"))}
            self.on_a_new_connection()
            hop.script = {}
            marker = f"behind two answers {i}."
            with self.alone.client() as c:
                reply = self.alone.until("DATA", c)
                if reply.code == 354:
                    reply = c.message(mails.plain(marker))
            self.assertIn(reply.code, (250, 451), str(reply))
            self.assertEqual(hop.copies(marker.encode()), 1 if reply.code == 250 else 0)

    def on_a_new_connection(self):
        """A message on one that the script in force is for; those that were kept are used up first, by who gives up after MAIL."""
        hop, script = self.alone.hop, self.alone.hop.script
        hop.script = {}
        while hop.open > 0:
            still = hop.open
            with self.alone.client() as c:
                self.assertReply(self.alone.until("MAIL", c), 250)
            self.assertTrue(hop.wait(lambda n=still: hop.open < n))
        hop.script = script
        self.assertReply(self.alone.send(), 250)

    def test_load_on_a_next_hop_that_closes_all_the_time(self):
        """Each of its connections ends after a few messages, in the middle of the work of many."""
        hop, lost = self.alone.hop, []
        hop.script = {"mail": self.few()}

        def one(n):
            for i in range(25):
                with self.alone.client() as c:
                    self.alone.until("DATA", c)
                    reply = c.message(mails.plain(f"load {n} {i}."))
                    if reply.code != 250:
                        lost.append(f"{n} {i}: {reply}")
        threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(lost, [])
        for n in range(8):
            for i in range(25):
                self.assertEqual(hop.copies(f"load {n} {i}.".encode()), 1)

    @staticmethod
    def few():
        def answer(session, phase):
            session.served = getattr(session, "served", 0) + 1
            if session.served > 3:
                session.end() if session.hop.connections % 2 else session.say(b"421 4.7.0 enough\r\n")
            else:
                session.say(NORMAL[phase])
        return answer


class Postfix(HouseTest):
    options = {"filter": ", reinject_keep: 30s"}

    def through(self, marker, *xforward):
        with smtp.Client(("127.0.0.1", self.house.filter_port)) as c:
            for line in ("EHLO front.example.com", *xforward, "MAIL FROM:<alice@sender.example>", "RCPT TO:<bob@example.com>"):
                self.assertEqual(c.cmd(line).code, 250, line)
            self.assertEqual(c.cmd("DATA").code, 354)
            return self.queue_id(c.message(mails.plain(marker)))

    def queue_id(self, reply):
        self.assertEqual(reply.code, 250, str(reply))
        return re.search(r"queued as (\w+)", str(reply)).group(1)

    def client_of(self, queue_id):
        def line():
            return re.search(rf"reinject/smtpd\[\d+\]: {queue_id}: (client=.*)", self.house.postfix.log_text())
        self.eventually("the line of the log", lambda: line() is not None)
        return line().group(1)

    def test_each_message_has_its_own_client(self):
        """One connection, and what XFORWARD says is of one message."""
        def connections():
            return len(re.findall(r"reinject/smtpd\[\d+\]: connect from", self.house.postfix.log_text()))
        self.client_of(self.through("kept 0"))
        before = connections()
        ids = [self.through("kept 1", "XFORWARD NAME=one.example ADDR=192.0.2.1 SOURCE=REMOTE"), self.through("kept 2"),
               self.through("kept 3", "XFORWARD ADDR=192.0.2.3"), self.through("kept 4", "XFORWARD NAME=four.example ADDR=192.0.2.4")]
        clients = [self.client_of(i) for i in ids]
        self.assertIn("one.example[192.0.2.1]", clients[0])
        self.assertNotIn("192.0.2", clients[1])
        self.assertIn("[192.0.2.3]", clients[2])
        self.assertNotIn("one.example", clients[2])
        self.assertIn("four.example[192.0.2.4]", clients[3])
        self.assertEqual(connections(), before)
        for n in range(1, 5):
            self.eventually("delivery", lambda n=n: any(f"kept {n}".encode() in m.data for m in self.house.inner.messages))

    def test_postfix_ends_it(self):
        """Its reload ends idle processes, its stop all of them; the next message finds another one."""
        self.through("before")
        self.house.postfix.stop()
        self.house.postfix.start()
        self.through("after the restart")
        self.eventually("delivery", lambda: any(b"after the restart" in m.data for m in self.house.inner.messages))
