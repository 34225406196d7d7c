"""The inner mail server: takes everything, and remembers it.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import socketserver
import threading


class Message:
    def __init__(self, sender, recipients, data):
        self.sender, self.recipients, self.data = sender, recipients, data


class _Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        inner = self.server.inner
        sender, recipients = None, []
        inner.connections += 1
        self.say("220 inner.example.com ESMTP takes everything")
        for raw in self.rfile:
            line = raw.decode("utf-8", "replace").strip()
            verb = line.split(" ")[0].upper() if line else ""
            if verb == "EHLO":
                self.say("250-inner.example.com\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 100000000")
            elif verb in ("HELO", "NOOP"):
                self.say("250 inner.example.com")
            elif verb == "RSET":
                sender, recipients = None, []
                self.say("250 2.0.0 Ok")
            elif verb == "MAIL":
                sender = line[line.find("<") + 1:line.find(">")]
                self.say("250 2.1.0 Ok")
            elif verb == "RCPT":
                recipients.append(line[line.find("<") + 1:line.find(">")])
                self.say("250 2.1.5 Ok")
            elif verb == "DATA":
                self.say("354 go on")
                data = self.data()
                if data is None:
                    inner.torn += 1
                    return
                inner.take(Message(sender, recipients, data))
                sender, recipients = None, []
                self.say("250 2.0.0 taken")
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("502 5.5.1 not here")

    def data(self):
        lines = []
        for raw in self.rfile:
            if raw == b".\r\n":
                return b"".join(lines)
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        return None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512


class Inner:
    def __init__(self, place):
        self.port = place.port()
        self.messages, self.connections, self.torn = [], 0, 0
        self.lock = threading.Condition()
        self.server = _Server(("127.0.0.1", self.port), _Session)
        self.server.inner = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        place.closers.append(self.close)

    def take(self, message):
        with self.lock:
            self.messages.append(message)
            self.lock.notify_all()

    def wait(self, n, seconds=20):
        """Waits until n messages have come; whether they have."""
        with self.lock:
            return self.lock.wait_for(lambda: len(self.messages) >= n, seconds)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
