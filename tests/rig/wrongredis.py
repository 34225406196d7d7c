"""Between a daemon and its Redis: a proxy that hangs, is slow, tears replies apart, or answers by itself.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import socket
import struct
import threading
import time


def commands(buffer):
    """How many whole commands (RESP arrays of bulk strings) stand at the head, and what follows them."""
    n = 0
    while True:
        rest = buffer
        try:
            head, rest = rest.split(b"\r\n", 1)
            for _ in range(int(head[1:])):
                size, rest = rest.split(b"\r\n", 1)
                if len(rest) < int(size[1:]) + 2:
                    return n, buffer
                rest = rest[int(size[1:]) + 2:]
        except ValueError:
            return n, buffer
        n, buffer = n + 1, rest


class WrongRedis:
    """mode: "" passes on; "hang", "slow" (0.2 s a reply), "cut" (half of a reply, then a reset), "garbage"; or a reply to everything,
    "-LOADING ...\r\n", "$-1\r\n".  closed: nobody can connect."""

    def __init__(self, place, port):
        self.to, self.port, self.mode = port, place.port(), ""
        self.listener = None
        self.conns = set()
        self.open()
        place.closers.append(self.close)

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None
        self.drop()

    def drop(self):
        """All connections are reset."""
        for s in list(self.conns):
            self.reset(s)

    def reset(self, s):
        self.conns.discard(s)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.shutdown(socket.SHUT_RDWR)
            s.close()
        except OSError:
            pass

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.conns |= {client, server}
            threading.Thread(target=self.forth, args=(client, server), daemon=True).start()
            threading.Thread(target=self.back, args=(client, server), daemon=True).start()

    def forth(self, client, server):
        buffer = b""
        try:
            while got := client.recv(65536):
                if self.mode[:1] not in tuple("-+:$*"):
                    server.sendall(got)
                    continue
                n, buffer = commands(buffer + got)
                client.sendall(self.mode.encode() * n)
        except OSError:
            pass
        self.reset(client)
        self.reset(server)

    def back(self, client, server):
        try:
            while got := server.recv(65536):
                while self.mode == "hang":
                    time.sleep(0.02)
                if self.mode == "slow":
                    time.sleep(0.2)
                if self.mode == "cut":
                    client.sendall(got[:len(got) // 2])
                    break
                client.sendall(b"HTTP/1.1 200 OK\r\n" if self.mode == "garbage" else got)
        except OSError:
            pass
        self.reset(client)
        self.reset(server)
