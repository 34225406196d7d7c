"""A re-injection server that does as it is told: each connection has a script of what goes wrong in it, and where.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import collections
import socket
import struct
import threading
import time

PHASES = ("greeting", "ehlo", "xforward", "rset", "mail", "rcpt", "data", "body", "dot", "quit")
NORMAL = {
    "greeting": b"220 next.example.com ESMTP\r\n", "xforward": b"250 2.0.0 Ok\r\n", "rset": b"250 2.0.0 Ok\r\n", "mail": b"250 2.1.0 Ok\r\n", "rcpt": b"250 2.1.5 Ok\r\n",
    "ehlo": b"250-next.example.com\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n",
    "data": b"354 go on\r\n", "body": b"", "dot": b"250 2.0.0 Ok: queued as NEXT\r\n",
    "quit": b"221 2.0.0 Bye\r\n",
}


# What a script can put in the place of an answer; bytes are sent as they are.
def close(session, phase):
    """Ends the connection in good manners."""
    session.end()


def reset(session, phase):
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.end()


def lose_reply(session, phase):
    """At the dot: takes the message and says nothing."""
    session.taken.lost = True
    session.end()


def put_off(session, phase):
    """At the dot: has read it all, and does not take it."""
    session.taken.lost = True
    session.say(b"451 4.3.0 not now\r\n")


def hang(session, phase):
    """Neither answers nor reads until the other side ends it."""
    session.wait_for_end()


def endless(session, phase):
    """A reply of many lines that never ends."""
    code = NORMAL[phase][:3]
    try:
        while not session.hop.closing:
            session.sock.sendall((code + b"-and so on\r\n") * 1000)
    except OSError:
        pass
    session.end()


def endless_line(session, phase):
    try:
        session.sock.sendall(NORMAL[phase][:3] + b" ")
        while not session.hop.closing:
            session.sock.sendall(b"x" * 10000)
    except OSError:
        pass
    session.end()


def drip(session, phase):
    """The usual answer, a byte at a time."""
    for byte in NORMAL[phase]:
        session.say(bytes([byte]))
        time.sleep(0.002)


def many_lines(session, phase):
    """A longer answer than anybody keeps, of the usual code; it ends."""
    code = NORMAL[phase][:3]
    session.say((code + b"-" + b"m" * 100 + b"\r\n") * 300 + code + b" end\r\n")


def after(seconds):
    def late(session, phase):
        session.hop.stop.wait(seconds)
        session.say(NORMAL[phase])
    return late


def when(event):
    """The usual answer once the event is set."""
    def held(session, phase):
        session.hop.held.set()
        event.wait(60)
        session.say(NORMAL[phase])
    return held


class Gone(Exception):
    pass


class Taken:
    """lost: whoever sent it was not told that it was taken; it may come again."""

    def __init__(self, sender, recipients, data):
        self.sender, self.recipients, self.data, self.lost = sender, recipients, data, False


class _Session(threading.Thread):
    def __init__(self, hop, sock, script):
        super().__init__(daemon=True)
        self.hop, self.sock, self.script = hop, sock, script
        self.buffer = b""

    # ---- bytes ----

    def say(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def end(self):
        self.sock.close()
        raise Gone

    def wait_for_end(self):
        """Reads nothing more, and finds out all the same when the other side has left."""
        while not self.hop.closing:
            info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
            if info[0] != 1:                      # no longer TCP_ESTABLISHED
                break
            time.sleep(0.01)
        self.end()

    def more(self):
        try:
            got = self.sock.recv(65536)
        except OSError:
            got = b""
        if not got:
            raise Gone
        self.buffer += got

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        one, self.buffer = self.buffer.split(b"\r\n", 1)
        return one

    # ---- the dialogue ----

    def answer(self, phase):
        what = self.script.get(phase)
        if callable(what):
            what(self, phase)
        else:
            self.say(what if what is not None else NORMAL[phase])
        return what is None or callable(what) or what[:1] in (b"2", b"3")

    def body(self):
        """Reads up to the end of data; None when the script or the other side ended it before."""
        raw, limit = b"", self.script.get("body after", 0)
        if "body" in self.script:
            while len(self.buffer) < limit:
                self.more()
            self.answer("body")
        pieces = [b"\r\n", self.buffer]
        self.buffer = b""
        tail = b"\r\n" + pieces[1][-8:]
        while b"\r\n.\r\n" not in tail:
            self.more()
            pieces.append(self.buffer)
            tail, self.buffer = tail[-8:] + self.buffer, b""
        raw = b"".join(pieces)
        end = raw.index(b"\r\n.\r\n")
        self.buffer = raw[end + 5:]
        return raw[2:end + 2]

    def run(self):
        try:
            self.dialogue()
        except Gone:
            pass
        finally:
            self.sock.close()
            with self.hop.changed:
                self.hop.open -= 1
                self.hop.changed.notify_all()

    def dialogue(self):
        sender, recipients = None, []
        self.answer("greeting")
        while True:
            raw = self.line()
            text = raw.decode("utf-8", "replace")
            verb = text.split(" ")[0].upper()
            self.hop.commands.append(text)
            if verb == "EHLO":
                self.answer("ehlo")
            elif verb == "XFORWARD":
                self.answer("xforward")
            elif verb == "MAIL":
                sender, recipients = text, []
                self.answer("mail")
            elif verb == "RCPT":
                if self.answer("rcpt"):
                    recipients.append(text)
            elif verb == "DATA":
                if self.answer("data"):
                    self.take(sender, recipients)
                    self.answer("dot")
            elif verb == "RSET":
                sender, recipients = None, []
                self.answer("rset")
            elif verb == "QUIT":
                self.answer("quit")
                return
            else:
                self.say(b"502 5.5.1 not here\r\n")

    def take(self, sender, recipients):
        with self.hop.changed:
            self.hop.bodies += 1
            self.hop.changed.notify_all()
        try:
            data = self.body()
        except Gone:
            with self.hop.changed:
                self.hop.torn += 1
                self.hop.changed.notify_all()
            raise
        with self.hop.changed:
            self.taken = Taken(sender, recipients, data)
            self.hop.messages.append(self.taken)
            self.hop.changed.notify_all()


class NextHop:
    """messages: everything that came with its end, whatever was answered then.  torn: bodies without one."""

    def __init__(self, place):
        self.port = place.port()
        self.scripts = collections.deque()      # of the next connections; then `script`
        self.script = {}
        self.messages, self.commands = [], []
        self.connections = self.bodies = self.torn = self.open = 0
        self.changed = threading.Condition()
        self.stop, self.held = threading.Event(), threading.Event()
        self.listener = None
        self.start()
        place.closers.append(self.close)

    @property
    def closing(self):
        return self.stop.is_set()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        # Little fits in between, so that where the body stops here is near where the filter is.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """Nobody listens any more."""
        listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                script = self.scripts.popleft() if self.scripts else self.script
                self.connections += 1
                self.open += 1
                self.changed.notify_all()
            _Session(self, sock, script).start()

    def wait(self, test, seconds=20):
        with self.changed:
            return self.changed.wait_for(test, seconds)

    def copies(self, marker):
        return sum(marker in m.data for m in self.messages)

    def close(self):
        self.stop.set()
        if self.listener is not None:
            self.refuse()
