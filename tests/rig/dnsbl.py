"""A small DNS server with a few names: a DNSBL with TXT reasons, and faults on request.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import socket
import struct
import threading

A, TXT, SOA = 1, 16, 6


def reversed_ip(ip):
    return ".".join(reversed(ip.split(".")))


class Dnsbl:
    """zones: {"dnsbl.example": {"127.0.0.66": ("127.0.0.2", "why")}}.  127.0.0.2 is always listed (RFC 5782 5)."""

    def __init__(self, place, zones):
        self.zones = {z: dict(entries) for z, entries in zones.items()}
        for entries in self.zones.values():
            entries.setdefault("127.0.0.2", ("127.0.0.2", "test point"))
        self.fault = None            # None, "silent", "servfail", "refused", "world" (lists everybody), "refusal" (127.255.255.254)
        self.texts = {}              # TXT records of other names: {"sender.example": "v=spf1 -all"}
        self.questions = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = place.port()
        self.sock.bind(("127.0.0.1", self.port))
        self.closed = False
        threading.Thread(target=self.serve, daemon=True).start()
        place.closers.append(self.close)

    def close(self):
        self.closed = True
        self.sock.close()

    def serve(self):
        while not self.closed:
            try:
                packet, peer = self.sock.recvfrom(4096)
                answer = self.answer(packet)
                if answer is not None:
                    self.sock.sendto(answer, peer)
            except OSError:
                return

    def answer(self, packet):
        ident, _, n = struct.unpack("!HHH", packet[:6])
        if n != 1 or self.fault == "silent":
            return None
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
            at += 1 + packet[at]
        question = packet[12:at + 5]
        kind = struct.unpack("!H", packet[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.questions.append((name, kind))
        rcode = {"servfail": 2, "refused": 5}.get(self.fault)
        if rcode is not None:
            return struct.pack("!HHHHHH", ident, 0x8180 | rcode, 1, 0, 0, 0) + question
        if kind == TXT and name in self.texts:
            text = self.texts[name].encode()
            return (struct.pack("!HHHHHH", ident, 0x8580, 1, 1, 0, 0) + question + b"\xc0\x0c" +
                    struct.pack("!HHIHB", TXT, 1, 300, len(text) + 1, len(text)) + text)
        found = self.find(name)
        zone = next((z for z in self.zones if name == z or name.endswith("." + z)), None)
        soa = b"\xc0\x0c" + struct.pack("!HHIH", SOA, 1, 60, 22) + b"\x00\x00" + struct.pack("!IIIII", 1, 60, 60, 60, 60)
        if found is None:
            return struct.pack("!HHHHHH", ident, 0x8583 if zone is not None else 0x8183, 1, 0, 1, 0) + question + soa
        data = socket.inet_aton(found[0]) if kind == A else bytes([len(found[1])]) + found[1].encode()
        if kind not in (A, TXT):
            return struct.pack("!HHHHHH", ident, 0x8580, 1, 0, 1, 0) + question + soa
        return (struct.pack("!HHHHHH", ident, 0x8580, 1, 1, 0, 0) + question + b"\xc0\x0c" +
                struct.pack("!HHIH", kind, 1, 300, len(data)) + data)

    def find(self, name):
        for zone, entries in self.zones.items():
            if not name.endswith("." + zone):
                continue
            ip = reversed_ip(name[:-len(zone) - 1])
            if self.fault == "world":
                return ("127.0.0.2", "everybody")
            if self.fault == "refusal":
                return ("127.255.255.254", "you ask too much")
            return entries.get(ip)
        return None
