"""A message in pieces that can be bent one by one, and what is made of them.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import copy

from . import carriers
from rig.mails import EICAR

BOUNDARY = b"=_frontier_7Qd"
TEXT = b"Dear Bob,\n\nplease find enclosed what we spoke of.\n\nAlice\n"


class Letter:
    """Text, then an attachment that holds `data`.  Every line is logical (\\n) until render(), but `raw` bodies, which are bytes already."""

    def __init__(self, encoding="base64", data=EICAR, subject=b"What we spoke of"):
        self.eol = b"\r\n"
        self.eols = {}                     # by zone: head, part, body, delimiter; `eol` elsewhere
        self.first = b""
        self.head = [b"Received: from out.sender.example (out.sender.example [192.0.2.7]) by mx.example.com; Mon, 2 Mar 2026 10:00:01 +0000",
                     b"From: Alice <alice@sender.example>", b"To: <bob@example.com>", b"Subject: " + subject,
                     b"Date: Mon, 2 Mar 2026 10:00:00 +0000", b"Message-ID: <20260302100000.7@sender.example>"]
        self.version = [b"MIME-Version: 1.0"]
        self.boundary = BOUNDARY
        self.kind = b"multipart/mixed"
        self.parameters = [b'boundary="' + BOUNDARY + b'"']
        self.type = None                   # whole lines instead of kind and parameters
        self.top = []                      # further lines of the top header
        self.gap = b"\n"                   # between the top header and the body
        self.preamble = b"This is a multi-part message in MIME format.\n"
        self.text = True                   # the harmless part before
        self.open = None                   # the delimiter before the infected part; and the closing one
        self.close = None
        self.epilogue = b""
        self.part_type = [b'Content-Type: application/octet-stream; name="eicar.com"']
        self.disposition = [b'Content-Disposition: attachment; filename="eicar.com"']
        self.encoding = encoding
        self.cte = None
        self.part_more = []
        self.order = ("part_type", "cte", "disposition", "part_more")
        self.part_gap = b"\n"
        self.data = data
        self.body = None                   # logical lines in place of the encoded data
        self.raw = None                    # bytes in place of that
        self.single = False                # no multipart: the infected part is the message
        self.around = []                   # what is done with the finished bytes

    def copy(self):
        return copy.deepcopy(self)

    def encoded(self):
        if self.body is not None:
            return self.body
        if self.encoding == "base64":
            return carriers.b64(self.data)
        if self.encoding == "quoted-printable":
            return carriers.qp(self.data)
        if self.encoding == "x-uuencode":
            return carriers.uu(self.data)
        return self.data + (b"\n" if self.single else b"")   # the line end before a delimiter belongs to the delimiter

    def part_head(self):
        lines = []
        for key in self.order:
            if key == "cte":
                lines += [b"Content-Transfer-Encoding: " + self.encoding.encode()] if self.cte is None else self.cte
            else:
                lines += getattr(self, key)
        return lines

    def _zone(self, name, text):
        return text.replace(b"\n", self.eols.get(name, self.eol))

    def _top(self):
        if self.type is not None:
            return self.type
        return [b"; ".join([b"Content-Type: " + self.kind] + self.parameters)]

    def render(self):
        z = self._zone
        body = self.raw if self.raw is not None else z("body", self.encoded())
        if self.single:
            out = self.first + z("head", b"".join(x + b"\n" for x in self.head + self.version)) + z(
                "part", b"".join(x + b"\n" for x in self.part_head()) + self.part_gap) + body
        else:
            mark = b"--" + self.boundary
            out = self.first + z("head", b"".join(x + b"\n" for x in self.head + self.version + self._top() + self.top) + self.gap)
            out += z("text", self.preamble)
            if self.text:
                out += z("delimiter", mark + b"\n") + z("text", b"Content-Type: text/plain; charset=us-ascii\n\n" + TEXT)
            out += z("delimiter", b"\n" + mark + b"\n" if self.open is None else self.open)
            out += z("part", b"".join(x + b"\n" for x in self.part_head()) + self.part_gap) + body
            out += z("delimiter", b"\n" + mark + b"--\n" if self.close is None else self.close) + z("text", self.epilogue)
        for change in self.around:
            out = change(out)
        return out
