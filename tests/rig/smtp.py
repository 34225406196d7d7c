"""A plain SMTP client that keeps every reply as it came.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import socket
import time


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3]) if lines and lines[-1][:3].isdigit() else 0
        self.text = " ".join(line[4:] for line in lines)

    def __str__(self):
        return f"{self.code} {self.text}" if self.lines else "(connection closed)"


class Client:
    def __init__(self, address, source="127.0.0.1", timeout=60):
        self.sock = socket.create_connection(address, timeout=timeout, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.banner = self.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.sock.close()

    def line(self):
        while b"\n" not in self.buffer:
            try:
                got = self.sock.recv(65536)
            except ConnectionError:
                got = b""
            if not got:
                return None
            self.buffer += got
        one, self.buffer = self.buffer.split(b"\n", 1)
        return one.rstrip(b"\r").decode("utf-8", "replace")

    def read(self):
        lines = []
        while True:
            line = self.line()
            if line is None:
                return Reply(lines)
            lines.append(line)
            if line[3:4] != "-":
                return Reply(lines)

    def send(self, data):
        self.sock.sendall(data)

    def cmd(self, text):
        try:
            self.send(text.encode() + b"\r\n")
        except ConnectionError:
            return Reply([])
        return self.read()

    def message(self, data):
        """The body after DATA: dot-stuffed, ended, answered."""
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
        if data.startswith(b"."):
            data = b"." + data
        self.send(data.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return self.read()


class Outcome:
    """What the sender saw: where it ended (banner, mail, rcpt, data, dot), with which reply, after how many ms."""

    def __init__(self, stage, reply, ms, each_rcpt):
        self.stage, self.reply, self.ms, self.each_rcpt = stage, reply, ms, each_rcpt

    @property
    def code(self):
        return self.reply.code

    def __str__(self):
        return str(self.reply)


def deliver(address, sender, recipients, message, source="127.0.0.1", helo="client.sender.example", mail_options="", timeout=60):
    """One whole dialogue.  The reply that ended it, or the last one."""
    begun = time.monotonic()

    def done(stage, reply, each):
        return Outcome(stage, reply, (time.monotonic() - begun) * 1000, each)

    with Client(address, source, timeout) as c:
        if c.banner.code != 220:
            return done("banner", c.banner, [])
        reply = c.cmd("EHLO " + helo)
        if reply.code != 250:
            return done("ehlo", reply, [])
        begun = time.monotonic()
        reply = c.cmd(f"MAIL FROM:<{sender}>{mail_options}")
        if reply.code != 250:
            return done("mail", reply, [])
        each = [c.cmd(f"RCPT TO:<{r}>") for r in recipients]
        if not any(r.code // 100 == 2 for r in each):
            return done("rcpt", each[-1], each)
        reply = c.cmd("DATA")
        if reply.code != 354:
            return done("data", reply, each)
        reply = c.message(message)
        outcome = done("dot", reply, each)
        c.cmd("QUIT")
        return outcome
