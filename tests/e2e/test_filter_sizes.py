"""At the limit, one byte around it, and sizes that are announced wrongly; lines and bodies of odd forms arrive byte for byte.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import random
import threading

from rig import mails
from rig.alone import AloneTest

LIMIT = 1024 * 1024


def message(size, subject):
    head = mails.plain(subject, b"")
    rest = size - len(head)
    body = (b"." + b"y" * 75 + b"\r\n") * (rest // 78 + 1)
    return head + body[:rest - 2] + b"\r\n"


class Sizes(AloneTest):
    options = {"filter": ", max_message: 1M, spool_memory: 64k, spool_memory_shared: 0"}

    def got(self, marker):
        return [m.data for m in self.alone.hop.messages if marker in m.data]

    def unstuffed(self, data):
        return (b"\r\n" + data).replace(b"\r\n.", b"\r\n")[2:] if not data.startswith(b".") else data[1:]

    def test_around_the_limit(self):
        for delta in (-2, -1, 0, 1, 2, 1000, 2 * LIMIT):
            marker = f"limit {delta:+d}."
            whole = message(LIMIT + delta, marker)
            self.assertEqual(len(whole), LIMIT + delta)
            outcome = self.alone.send(whole)
            if delta <= 0:
                self.assertReply(outcome, 250)
                self.assertEqual([self.unstuffed(d) for d in self.got(marker.encode())], [whole])
            else:
                self.assertReply(outcome, 552, "5.3.4")
                self.assertEqual(self.got(marker.encode()), [])
            self.assertEqual(outcome.stage, "dot")

    def test_size_parameter(self):
        """A claim over the limit is refused at once; any other claim binds nobody, it is the bytes that count."""
        outcome = self.alone.send(mails.plain("claims too much"), mail_options=f" SIZE={LIMIT + 1}")
        self.assertEqual((outcome.stage, outcome.code), ("mail", 552))
        for claim, size, want in ((LIMIT, 5000, 250), (10, 500000, 250), (0, 5000, 250), (10, LIMIT + 1, 552), (LIMIT, LIMIT + 1, 552), (LIMIT, LIMIT, 250)):
            marker = f"claims {claim} sends {size}."
            outcome = self.alone.send(message(size, marker), mail_options=f" SIZE={claim}")
            self.assertReply(outcome, want)
            self.assertEqual(len(self.got(marker.encode())), 1 if want == 250 else 0)
        for nonsense in ("-1", "x", "18446744073709551616", "99999999999999999999999999", "", "1x"):
            outcome = self.alone.send(mail_options=f" SIZE={nonsense}")
            self.assertEqual(outcome.stage, "mail", nonsense)
            self.assertIn(outcome.code, (501, 552), nonsense)

    def test_a_refused_giant_does_not_end_the_session(self):
        """After the 552 the same connection carries a good message."""
        with self.alone.client() as c:
            self.assertReply(self.alone.until("DATA", c), 354)
            self.assertReply(c.message(message(4 * LIMIT, "giant")), 552, "5.3.4")
            for line in ("MAIL FROM:<a@sender.example>", "RCPT TO:<bob@example.com>"):
                self.assertReply(c.cmd(line), 250)
            self.assertReply(c.cmd("DATA"), 354)
            self.assertReply(c.message(mails.plain("after the giant")), 250)
        self.assertEqual(len(self.got(b"after the giant")), 1)

    def test_random_bytes_in_random_pieces(self):
        """Whatever is cut wherever on its way in: every byte, and dots as they were."""
        rnd = random.Random(7)
        alphabet = [b".", b"\r\n", b"\r\n.", b"\r\n..", b"x", b"\xff", b"\x80.", b" ", b"=", b"yz" * 40]
        for n in range(12):
            body = b"".join(rnd.choice(alphabet) for _ in range(rnd.choice((5, 300, 20000)))) + b"\r\n"
            marker = f"pieces {n}."
            whole = mails.plain(marker, body)
            stuffed = whole.replace(b"\r\n.", b"\r\n..") + b".\r\n"
            with self.alone.client() as c:
                self.assertReply(self.alone.until("DATA", c), 354)
                at = 0
                while at < len(stuffed):
                    step = rnd.choice((1, 2, 3, 50, 5000, 100000))
                    c.send(stuffed[at:at + step])
                    at += step
                self.assertReply(c.read(), 250)
            self.assertEqual(self.got(marker.encode()), [whole.replace(b"\r\n.", b"\r\n..")])


class Large(AloneTest):
    """Some in the blocks that large messages share, the others in files, all at once and more than once: none gets a byte of another."""

    options = {"filter": ", max_message: 20M, spool_memory: 64k, spool_memory_shared: 16M"}
    sizes = (100_000, 3_000_000, 8 * LIMIT - 131073, 8 * LIMIT - 131071, 8 * LIMIT, 9_000_000, 1_000_000, 2_000_000)

    def send_one(self, n, size, outcomes):
        line = f"{n:03d}".encode() * 25 + b"\r\n"
        head = mails.plain(f"large {n}.", b"")
        outcomes[n] = (head + line * ((size - len(head)) // len(line)), None)
        outcomes[n] = (outcomes[n][0], self.alone.send(outcomes[n][0]))

    def test_at_once(self):
        outcomes = {}
        for rounds in range(3):
            threads = [threading.Thread(target=self.send_one, args=(rounds * 10 + i, size, outcomes)) for i, size in enumerate(self.sizes)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        came = {m.data for m in self.alone.hop.messages}
        for n, (whole, outcome) in outcomes.items():
            self.assertReply(outcome, 250)
            self.assertIn(whole, came, n)
        self.assertEqual(len(came), len(outcomes))
