"""An inner mail server for call-outs that does as it is told: who is there, how it refuses, and where it goes wrong.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import re
import socket
import ssl
import threading
import time

UNKNOWN = b"550 5.1.1 <%s>: Recipient address rejected: User unknown\r\n"


class InnerSmtp:
    """replies: {address: bytes}, for the rest `unknown` with the address in it.  at: {phase: bytes or a function of the socket}."""

    def __init__(self, place, known=(), unknown=UNKNOWN, tls=None, address=None):
        self.known, self.unknown, self.replies, self.at, self.tls = set(known), unknown, {}, {}, tls
        self.asked, self.sessions, self.senders, self.secured = [], 0, [], 0
        self.name = b"inner.example.com"
        self.offers = [b"PIPELINING", b"SMTPUTF8"] + ([b"STARTTLS"] if tls else [])
        self.address = address or ("127.0.0.1", place.port())
        self.port = self.address[1]
        self.open = []
        self.listener = None
        self.start()
        place.closers.append(self.stop)

    def start(self):
        self.listener = socket.create_server(self.address, backlog=100)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)      # wakes the thread that accepts
        except OSError:
            pass
        self.listener.close()
        for c in list(self.open):
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener):
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sessions += 1
            self.open.append(c)
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _say(self, c, phase, normal):
        act = self.at.get(phase, normal)
        if callable(act):
            act = act(c)
        if act is None:
            raise OSError("ended")
        c.sendall(act)
        if act.startswith(b"421"):
            raise OSError("ended")

    def _serve(self, c):
        try:
            self._say(c, "greeting", b"220 " + self.name + b" ESMTP\r\n")
            f = c.makefile("rb")
            while line := f.readline():
                verb = line[:4].upper()
                if verb == b"STAR":
                    self._say(c, "starttls", b"220 2.0.0 go on\r\n")
                    c = self.tls.wrap_socket(c, server_side=True)
                    self.secured += 1
                    f = c.makefile("rb")
                    continue
                self._command(c, verb, line)
                if verb == b"QUIT":
                    return
        except (OSError, ssl.SSLError):
            pass
        finally:
            c.close()

    def _command(self, c, verb, line):
        if verb == b"EHLO":
            offers = [o for o in self.offers if o != b"STARTTLS" or not isinstance(c, ssl.SSLSocket)]
            lines = [b"250-" + self.name] + [b"250-" + o for o in offers] + [b"250 8BITMIME"]
            self._say(c, "ehlo", b"\r\n".join(lines) + b"\r\n")
        elif verb == b"MAIL":
            self.senders.append(line)
            self._say(c, "mail", b"250 2.1.0 Ok\r\n")
        elif verb == b"RCPT":
            address = re.search(rb"<(.*)>", line).group(1).decode()
            self.asked.append(address)
            self._say(c, "rcpt", self._answer(address))
        else:
            self._say(c, verb.decode().lower(), b"250 2.0.0 Ok\r\n" if verb != b"QUIT" else b"221 2.0.0 Bye\r\n")

    def _answer(self, address):
        if address in self.replies:
            return self.replies[address]
        if address.lower() in self.known:
            return b"250 2.1.5 Ok\r\n"
        return self.unknown.replace(b"%s", address.encode())


def hang(c):
    """Says nothing until the other side ends it."""
    while c.recv(4096):
        pass
    return None


def close(c):
    return None


def slowly(seconds):
    def act(c):
        time.sleep(seconds)
        return b"250 2.1.5 Ok\r\n"
    return act
