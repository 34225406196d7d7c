"""A small LDAP server that goes wrong on request: what slapd never does, or not when a test wants it.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import socket
import struct
import threading
import time

PAGED = "1.2.840.113556.1.4.319"
SUCCESS, SIZE_LIMIT, STRONG_AUTH, REFERRAL, NO_SUCH_OBJECT, WRONG_PASSWORD, BUSY, UNAVAILABLE = 0, 4, 8, 10, 32, 49, 51, 52


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    head = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + body


def octets(value, tag=4):
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def integer(n, tag=2):
    return tlv(tag, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def parse(data):
    """[(tag, content)] of one level."""
    out, at = [], 0
    while at < len(data):
        tag, n, at = data[at], data[at + 1], at + 2
        if n & 0x80:
            size = n & 0x7f
            n, at = int.from_bytes(data[at:at + size], "big"), at + size
        out.append((tag, data[at:at + n]))
        at += n
    return out


def matches(entry, tag, body):
    """RFC 4511 4.5.1.7, as far as anybody asks."""
    kind = tag & 0x1f
    if kind in (0, 1):
        found = [matches(entry, t, b) for t, b in parse(body)]
        return all(found) if kind == 0 else any(found)
    if kind == 2:
        return not matches(entry, *parse(body)[0])
    if kind == 7:
        return body.decode().lower() in entry or body.decode().lower() == "objectclass"
    attr, value = (b.decode(errors="replace").lower() for _, b in parse(body))
    return kind == 3 and value in [v.lower() for v in entry.get(attr, [])]


class Directory:
    """entries: {uid: {attribute in lower case: [values]}}.  `fault` names what goes wrong, and may change at any time."""

    def __init__(self, place, entries, base="dc=example,dc=com"):
        self.entries, self.base, self.fault, self.delay = entries, base, "", 0.0
        self.asked = 0               # searches below the base
        self.port = place.port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.connections = set()
        self.open()
        place.closers.append(self.close)

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """Nobody can connect, and who was is cut off."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)      # wakes the thread that accepts
        except OSError:
            pass
        self.listener.close()
        self.cut()

    def cut(self):
        """Resets every connection."""
        for c in list(self.connections):
            try:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listener):
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            self.connections.add(c)
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _message(self, f):
        head = f.read(2)
        if len(head) < 2:
            return None
        n = head[1]
        if n & 0x80:
            n = int.from_bytes(f.read(n & 0x7f), "big")
        return parse(f.read(n))

    def _serve(self, c):
        try:
            with c, c.makefile("rb") as f:
                while (m := self._message(f)) is not None:
                    if self.fault == "silent":
                        time.sleep(3600)
                    if self.fault == "garbage":
                        c.sendall(b"\x30\x84\xff\xff\xff\xffHTTP/1.1 400 Bad Request\r\n\r\n" * 10)
                        return
                    self._answer(c, m)
        except (OSError, ValueError, IndexError):
            pass
        finally:
            self.connections.discard(c)

    def _reply(self, c, msgid, op, code=SUCCESS, controls=b"", extra=b""):
        result = tlv(op, integer(code, 10), octets(""), octets(""), extra)
        c.sendall(tlv(0x30, integer(msgid), result, controls))

    def _answer(self, c, m):
        msgid, (op, body) = int.from_bytes(m[0][1], "big"), m[1]
        if op == 0x60:
            code = {"wrong-password": WRONG_PASSWORD, "strong-auth": STRONG_AUTH}.get(self.fault, SUCCESS)
            self._reply(c, msgid, 0x61, code)
        elif op == 0x63:
            self._search(c, msgid, parse(body), m[2][1] if len(m) > 2 else b"")

    def _entry(self, c, msgid, dn, attributes):
        c.sendall(tlv(0x30, integer(msgid), tlv(0x64, octets(dn), tlv(0x30, *[
            tlv(0x30, octets(name), tlv(0x31, *[octets(v) for v in values])) for name, values in attributes.items()]))))

    def _search(self, c, msgid, s, controls):
        base, scope = s[0][1].decode(), s[1][1][0]
        if base == "":
            self._entry(c, msgid, "", {"namingContexts": [self.base], "supportedControl": [PAGED]})
            self._reply(c, msgid, 0x65)
        elif base.lower() == self.base and scope == 0:
            self._entry(c, msgid, self.base, {"objectClass": ["top"]})
            self._reply(c, msgid, 0x65)
        elif scope == 0:
            self._long_attribute(c, msgid, base, s[7][1])
        else:
            self.asked += 1
            self._subtree(c, msgid, s[6], controls)

    def _shown(self):
        people = self.entries
        if self.fault == "empty":
            return {}
        if self.fault == "fewer":
            return {u: people[u] for i, u in enumerate(sorted(people)) if i % 10 >= 3}
        if self.fault == "no-domain":
            return {u: e for u, e in people.items() if not e["mail"][0].endswith("@example.org")}
        if self.fault == "no-attribute":
            return {u: {a: v for a, v in e.items() if a != "proxyaddresses"} for u, e in people.items()}
        return people

    def _subtree(self, c, msgid, flt, controls):
        code = {"busy": BUSY, "unavailable": UNAVAILABLE, "referral": REFERRAL, "no-base": NO_SUCH_OBJECT}.get(self.fault)
        if code is not None:
            extra = tlv(0xa3, octets("ldap://elsewhere.example/")) if code == REFERRAL else b""
            self._reply(c, msgid, 0x65, code, extra=extra)
            return
        if self.fault == "reference":
            c.sendall(tlv(0x30, integer(msgid), tlv(0x73, octets("ldap://elsewhere.example/dc=sub"))))
        shown = self._shown()
        found = sorted(u for u, e in shown.items() if matches(e, *flt))
        size, start = self._page(controls)
        for i, uid in enumerate(found[start:start + size]):
            if self.delay:
                time.sleep(self.delay)
            if self.fault == "reset" and start + i > len(found) // 2:
                self.cut()
                return
            if self.fault == "size-limit" and i >= 10:
                self._reply(c, msgid, 0x65, SIZE_LIMIT)
                return
            self._entry(c, msgid, f"uid={uid},{self.base}", self._attributes(shown[uid]))
        self._done(c, msgid, size, start, len(found), bool(controls))

    def _attributes(self, entry):
        if self.fault != "range":
            return entry
        return {(a + ";range=0-0" if a == "proxyaddresses" and len(v) > 1 else a): v[:1] if a == "proxyaddresses" else v for a, v in entry.items()}

    def _long_attribute(self, c, msgid, dn, wanted):
        name = parse(wanted)[0][1].decode()
        values = self.entries[dn.split(",")[0][4:]]["proxyaddresses"]
        first = int(name.split("range=")[1].split("-")[0])
        last = "*" if first + 1 >= len(values) else str(first)
        self._entry(c, msgid, dn, {f"proxyaddresses;range={first}-{last}": values[first:first + 1]})
        self._reply(c, msgid, 0x65)

    def _page(self, controls):
        for _, control in parse(controls):
            parts = parse(control)
            if parts[0][1].decode() == PAGED:
                (_, size), (_, cookie) = parse(parse(parts[-1][1])[0][1])
                return int.from_bytes(size, "big"), int(cookie or b"0")
        return 1 << 30, 0

    def _done(self, c, msgid, size, start, total, paged):
        more = start + size < total
        if self.fault == "cookie-forgotten" and start > 0:
            self._reply(c, msgid, 0x65, SIZE_LIMIT)
            return
        controls = b""
        if paged:
            value = tlv(0x30, integer(0), octets(str(start + size) if more else ""))
            controls = tlv(0xa0, tlv(0x30, octets(PAGED), octets(value)))
        self._reply(c, msgid, 0x65, controls=controls)
