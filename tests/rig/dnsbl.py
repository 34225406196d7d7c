"""A small DNS server with a few names: a DNSBL with TXT reasons, and faults on request.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import socket
import struct
import threading

A, TXT, SOA, MX = 1, 16, 6, 15


def reversed_ip(ip):
    return ".".join(reversed(ip.split(".")))


FAULTS = ("silent", "slow", "servfail", "refused", "truncated", "malformed", "wrong-id", "wrong-name", "hijack", "world", "refusal", "odd-code")


class Dnsbl:
    """zones: {"dnsbl.example": {"127.0.0.66": ("127.0.0.2", "why")}}.  127.0.0.2 is always listed (RFC 5782 5)."""

    def __init__(self, place, zones):
        self.zones = {z: dict(entries) for z, entries in zones.items()}
        for entries in self.zones.values():
            entries.setdefault("127.0.0.2", ("127.0.0.2", "test point"))
        self.fault = None            # one of FAULTS, of every zone; "truncated-tcp" answers by TCP
        self.faults = {}             # zone: fault
        self.slow_s = 0.3
        self.texts = {}              # TXT records of other names: {"sender.example": "v=spf1 -all"}
        self.mx = {}                 # {"example.com": [(10, "inner.example.com")]}
        self.hosts = {}              # addresses of other names
        self.questions = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = place.port()
        self.sock.bind(("127.0.0.1", self.port))
        self.tcp = socket.create_server(("127.0.0.1", self.port))
        self.closed = False
        threading.Thread(target=self.serve, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()
        place.closers.append(self.close)

    def close(self):
        self.closed = True
        self.sock.close()
        self.tcp.close()

    def serve(self):
        while not self.closed:
            try:
                packet, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            fault = self.fault_of(self.parse(packet)[0])
            if fault == "slow":
                threading.Timer(self.slow_s, self.send, (self.plain(packet), peer)).start()
            elif fault != "silent":
                self.send(self.answer(packet, fault), peer)

    def send(self, packet, peer):
        try:
            self.sock.sendto(packet, peer)
        except OSError:
            pass

    def serve_tcp(self):
        held = []                    # connections that are told nothing
        while not self.closed:
            try:
                c, _ = self.tcp.accept()
                packet = c.recv(4096)[2:]
                if self.fault_of(self.parse(packet)[0]) == "truncated-tcp":
                    answer = self.plain(packet)
                    c.sendall(struct.pack("!H", len(answer)) + answer)
                held.append(c)
            except (OSError, IndexError):
                continue

    @staticmethod
    def parse(packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
            at += 1 + packet[at]
        return ".".join(labels), struct.unpack("!H", packet[at + 1:at + 3])[0], packet[12:at + 5]

    def zone_of(self, name):
        return next((z for z in self.zones if name == z or name.endswith("." + z)), None)

    def fault_of(self, name):
        return self.faults.get(self.zone_of(name), self.fault)

    @staticmethod
    def head(ident, flags, question, answers=0, authority=0):
        return struct.pack("!HHHHHH", ident, flags, 1, answers, authority, 0) + question

    def listing(self, ident, question, address):
        return self.head(ident, 0x8580, question, 1) + b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 300, 4) + socket.inet_aton(address)

    def answer(self, packet, fault):
        name, kind, question = self.parse(packet)
        ident = struct.unpack("!H", packet[:2])[0]
        if fault in ("servfail", "refused"):
            self.questions.append((name, kind))
            return self.head(ident, 0x8180 | {"servfail": 2, "refused": 5}[fault], question)
        if fault in ("truncated", "truncated-tcp"):
            return self.head(ident, 0x8780, question)
        if fault == "malformed":
            return packet[:2] + b"\x85\x80\x00\x01\x00\x09\xff\xff" + b"\xc0" * 20
        if fault == "wrong-id":
            return self.listing(ident ^ 0x5555, question, "127.0.0.2")
        if fault == "wrong-name":
            other = b"\x05other" + question[question[0] + 1:]
            return self.listing(ident, other, "127.0.0.2")
        if kind == A and fault in ("hijack", "world", "refusal", "odd-code"):
            return self.listing(ident, question, {"hijack": "203.0.113.80", "world": "127.0.0.2", "refusal": "127.255.255.254", "odd-code": "127.0.0.1"}[fault])
        return self.plain(packet)

    def plain(self, packet):
        name, kind, question = self.parse(packet)
        ident = struct.unpack("!H", packet[:2])[0]
        self.questions.append((name, kind))
        if kind == TXT and name in self.texts:
            text = self.texts[name].encode()
            return (self.head(ident, 0x8580, question, 1) + b"\xc0\x0c" +
                    struct.pack("!HHIHB", TXT, 1, 300, len(text) + 1, len(text)) + text)
        if kind == MX and name in self.mx:
            return self.head(ident, 0x8580, question, len(self.mx[name])) + b"".join(self.mx_record(*r) for r in self.mx[name])
        if kind == A and name in self.hosts:
            return self.listing(ident, question, self.hosts[name])
        found = self.find(name)
        zone = self.zone_of(name)
        soa = b"\xc0\x0c" + struct.pack("!HHIH", SOA, 1, 60, 22) + b"\x00\x00" + struct.pack("!IIIII", 1, 60, 60, 60, 60)
        if found is None:
            return self.head(ident, 0x8583 if zone is not None else 0x8183, question, 0, 1) + soa
        data = socket.inet_aton(found[0]) if kind == A else bytes([len(found[1])]) + found[1].encode()
        if kind not in (A, TXT):
            return self.head(ident, 0x8580, question, 0, 1) + soa
        return self.head(ident, 0x8580, question, 1) + b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, len(data)) + data

    @staticmethod
    def mx_record(preference, host):
        data = struct.pack("!H", preference) + b"".join(bytes([len(x)]) + x.encode() for x in host.split(".") if x) + b"\0"
        return b"\xc0\x0c" + struct.pack("!HHIH", MX, 1, 300, len(data)) + data

    def find(self, name):
        for zone, entries in self.zones.items():
            if name.endswith("." + zone):
                return entries.get(reversed_ip(name[:-len(zone) - 1]))
        return None
