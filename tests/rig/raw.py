"""Socketmap and policy protocol, byte by byte.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import itertools
import socket
import time

_instance = itertools.count(1)


def instance():
    """One that no message had before, on any host of the test."""
    return f"t.{next(_instance):x}.{time.time_ns():x}"


class Raw:
    def __init__(self, address, timeout=15):
        """address: a path, or (host, port)."""
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self._connect(address, time.monotonic() + timeout)
        self.buffer = b""

    def _connect(self, address, until):
        """A unix socket whose queue is full says so to who does not wait; an MTA would."""
        while True:
            try:
                return self.sock.connect(address)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        try:
            got = self.sock.recv(65536)
        except ConnectionError:
            got = b""
        self.buffer += got
        return bool(got)

    def closed(self):
        """Whether the peer closes without another byte."""
        return not self.more() and not self.buffer

    def until(self, end):
        while end not in self.buffer:
            if not self.more():
                return None
        one, self.buffer = self.buffer.split(end, 1)
        return one


def netstring(payload):
    return str(len(payload)).encode() + b":" + payload + b","


class Socketmap(Raw):
    def reply(self):
        head = self.until(b":")
        if head is None:
            return None
        n = int(head)
        while len(self.buffer) < n + 1:
            if not self.more():
                return None
        payload, self.buffer = self.buffer[:n], self.buffer[n + 1:]
        return payload.decode()

    def ask(self, key, name="recipients"):
        key = key if isinstance(key, bytes) else key.encode()
        self.send(netstring(name.encode() + b" " + key))
        return self.reply()


def request(**attributes):
    """A policy request as Postfix 3.7 sends it at RCPT, with some attributes changed (None: left out)."""
    base = {
        "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP", "client_address": "192.0.2.7",
        "client_name": "mx.sender.example", "client_port": "40000", "reverse_client_name": "mx.sender.example",
        "server_address": "127.0.0.1", "server_port": "25", "helo_name": "mx.sender.example", "sender": "alice@sender.example",
        "recipient": "bob@example.com", "recipient_count": "0", "queue_id": "", "instance": "1234.5678.9abc.0", "size": "1000",
        "etrn_domain": "", "stress": "", "sasl_method": "", "sasl_username": "", "sasl_sender": "", "ccert_subject": "",
        "ccert_issuer": "", "ccert_fingerprint": "", "ccert_pubkey_fingerprint": "", "encryption_protocol": "",
        "encryption_cipher": "", "encryption_keysize": "0", "policy_context": "mx-in",
    }
    base.update(attributes)
    return "".join(f"{k}={v}\n" for k, v in base.items() if v is not None).encode() + b"\n"


class Policy(Raw):
    def action(self):
        got = self.until(b"\n\n")
        return None if got is None else got.decode().removeprefix("action=")

    def ask(self, **attributes):
        self.send(request(**attributes))
        return self.action()

    def message(self, recipients=("bob@example.com",), until="END-OF-MESSAGE", times=1, **attributes):
        """What Postfix asks about one message, each question so many times; the first answer that is not DUNNO (PREPEND lets pass, too)."""
        attributes.setdefault("instance", instance())
        questions = [dict(recipient=r) for r in recipients]
        for state in () if until == "RCPT" else ("DATA", "END-OF-MESSAGE"):
            questions.append(dict(protocol_state=state, recipient=recipients[0] if len(recipients) == 1 else "",
                                  recipient_count=str(len(recipients))))
        for question in questions:
            for _ in range(times):
                answer = self.ask(**question, **attributes)
                if answer is None or not answer.startswith(("DUNNO", "PREPEND")):
                    return answer
        return "DUNNO"
