"""Mail that goes on while something breaks, and the account of it afterwards.

Every message has a number of its own.  The account: what was accepted came exactly once, what was refused not at all, nothing infected was
accepted or came through, and nobody was refused for good for what only we could not do.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import itertools
import os
import threading
import time

from . import mails

NUMBERS = itertools.count(1)        # of the whole run, so that one account does not find what another one sent
ABSORBED = 2.0      # seconds: for what is still on its way to the inner server when all have their answers


class Sent:
    def __init__(self, number, infected, code, text, ms, begun):
        self.number, self.infected, self.code, self.text, self.ms, self.begun = number, infected, code, text, ms, begun

    def __str__(self):
        return f"{self.number} {'infected' if self.infected else 'clean'}: {self.text or 'no answer'} after {self.ms:.0f} ms"


class Traffic:
    """send(message) -> an outcome as rig.smtp.deliver gives it."""

    def __init__(self, send, threads=3, infected_every=4, pause=0.0, sizes=(200, 3000, 3000, 90000)):
        self.send, self.infected_every, self.pause, self.sizes = send, infected_every, pause, sizes
        self.sent, self.stopping = [], threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def message(self, number, infected):
        subject = f"traffic-{number:06d}."
        if infected:
            shape = (mails.eicar_plain, mails.eicar_base64, mails.eicar_zip, mails.eicar_nested)[number % 4]()
            return f"X-Number: {subject}\r\n".encode() + shape + subject.encode() + b"\r\n"
        size = self.sizes[number % len(self.sizes)]
        return mails.attachment(os.urandom(size), subject=subject) if number % 2 else mails.plain(subject, subject.encode() + b" words and more words\r\n" * (size // 23) + b"\r\n")

    def _run(self):
        while not self.stopping.is_set():
            with self.lock:
                number = next(NUMBERS)
            infected = self.infected_every > 0 and number % self.infected_every == 0
            begun = time.monotonic()
            try:
                outcome = self.send(self.message(number, infected))
                code, text = outcome.code, str(outcome)
            except OSError as error:
                code, text = 0, repr(error)
            now = time.monotonic()
            self.sent.append(Sent(number, infected, code, text, (now - begun) * 1000, begun))
            # Who gets no answer at all, or cannot connect, does not come again at once.
            self.stopping.wait(self.pause if code // 100 in (2, 5) else 0.05)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()

    def clean(self, since=0.0):
        return [s for s in self.sent if not s.infected and s.begun >= since]

    def wait(self, n, seconds=30, since=None):
        """Waits until n more messages have their answer."""
        want = len(self.sent) + n
        end = time.monotonic() + seconds
        while len(self.sent) < want and time.monotonic() < end:
            time.sleep(0.02)
        return len(self.sent) >= want

    def wrong(self, messages, may_double=()):
        """What does not add up, in words.  messages: what the inner server holds; those whose sender it did not tell do not count.
        may_double: codes after which a copy may be there all the same (0: no answer came)."""
        end = time.monotonic() + ABSORBED
        while True:
            found = self._account([m.data for m in messages if not getattr(m, "lost", False)], may_double)
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.1)

    def _account(self, bodies, may_double):
        copies, found = {}, []
        for body in bodies:
            at = body.find(b"traffic-")
            if at >= 0:
                number = int(body[at + 8:at + 14])
                copies[number] = copies.get(number, 0) + 1
            if mails.EICAR in body:      # the ones that are coded are found by their number
                found.append("a virus came through")
        for s in self.sent:
            got = copies.get(s.number, 0)
            if s.infected and (got > 0 or s.code == 250):
                found.append(f"infected and accepted: {s}, {got} copies")
            elif s.code // 100 == 5 and not s.infected:
                found.append(f"refused for good: {s}")
            elif s.code == 250 and got != 1:
                found.append(f"accepted and {got} copies: {s}")
            elif s.code != 250 and got > (1 if s.code in may_double else 0):
                found.append(f"not accepted and {got} copies: {s}")
        return found[:20]
