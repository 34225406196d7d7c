"""A zip archive whose only member is the archive itself.

Deflate is taken as a language of two instructions, each a unit of ten bytes: L(n) puts the n units that follow into the output, R(n) the last n units
once more.  A program of those that puts out itself, with what stands before and behind it in the archive, is found with pencil and paper: at each step
it is known how far the output is ahead of the program, or behind.  The checksum of a file that holds its own checksum is an equation over GF(2).

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import struct
import zlib

UNIT = 10
NAME = b"quine1.zip"
EMPTY, FINAL = b"\0\0\0\xff\xff", b"\1\0\0\xff\xff"        # stored blocks without content (RFC 1951, 3.2.4)
LENGTHS = [(3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1), (17, 1), (19, 2), (23, 2), (27, 2), (31, 2),
           (35, 3), (43, 3), (51, 3), (59, 3), (67, 4), (83, 4), (99, 4)]
DISTANCES = [(1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3), (33, 4), (49, 4), (65, 5), (97, 5), (129, 6)]


class Bits:
    def __init__(self):
        self.bits = []

    def number(self, value, n):
        self.bits += [value >> i & 1 for i in range(n)]

    def code(self, value, n):
        """Huffman codes come with their first bit first."""
        self.bits += [value >> i & 1 for i in reversed(range(n))]

    def bytes(self):
        padded = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(b << i for i, b in enumerate(padded[k:k + 8])) for k in range(0, len(padded), 8))


def row(table, value):
    i = max(i for i, (least, _) in enumerate(table) if least <= value)
    return i, value - table[i][0], table[i][1]


def literal(units):
    return EMPTY + struct.pack("<BHH", 0, units * UNIT, 0xffff ^ units * UNIT)


def copies(lengths, distance, spare):
    """A block of fixed Huffman codes, perhaps an empty one behind it, and the beginning of a stored one; None: it does not fill six bytes."""
    b = Bits()
    b.number(0b010, 3)
    for length in lengths:
        i, extra, n = row(LENGTHS, length)
        b.code(i + 1, 7)
        b.number(extra, n)
        i, extra, n = row(DISTANCES, distance)
        b.code(i, 5)
        b.number(extra, n)
    b.code(0, 7)
    if spare:
        b.number(0b010, 3)
        b.code(0, 7)
    b.number(0, 3)
    return b.bytes() if 40 < len(b.bits) <= 48 else None


def repeat(units):
    size = units * UNIT
    for first in range(3, min(size, 114) + 1):
        rest = size - first
        if rest and not 3 <= rest <= 114:
            continue
        for spare in (False, True):
            head = copies([first, rest] if rest else [first], size, spare)
            if head:
                return head + EMPTY[1:]
    raise ValueError(units)


def archive(crc, packed_size, size):
    """All of it for one value of the checksum; sizes do not depend on it."""
    fields = struct.pack("<HHHHHIII", 20, 0, 8, 0, 0x21, crc, packed_size, size)
    before = b"PK\3\4" + fields + struct.pack("<HH", len(NAME), 0) + NAME
    directory = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHHHII", len(NAME), 0, 0, 0, 0, 0, 0) + NAME
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(before) + packed_size, 7) + b"itself!"
    behind = FINAL + directory + end
    p, s = len(before) // UNIT, len(behind) // UNIT
    assert p * UNIT == len(before) and s * UNIT == len(behind)
    none, one, four, put, again, last = literal(0), literal(1), literal(4), literal(p + 1), repeat(p + 1), repeat(s + 1)
    four_again, suffix = repeat(4), literal(s + 1)
    program = (put + before + put + again + one + again + one + one + four + again + one + one + four + four_again
               + four + four_again + four + four_again + four + four_again + four + four_again + none + none + suffix + four_again + none + none
               + suffix + last + behind + last)
    return before + program + behind, len(program) + len(FINAL)


def own_checksum(packed_size, size):
    """c with crc32(archive(c)) == c: crc32 is affine, so thirty-three of its values say all of it."""
    def value(c):
        return zlib.crc32(archive(c, packed_size, size)[0])
    constant = value(0)
    rows = [0] * 32                                        # of (M + 1) c = constant; bit 32: the right side
    for column in range(32):
        image = value(1 << column) ^ constant ^ 1 << column
        for i in range(32):
            rows[i] |= (image >> i & 1) << column
    rows = [r | (constant >> i & 1) << 32 for i, r in enumerate(rows)]
    for column in range(32):
        pivot = next(i for i in range(column, 32) if rows[i] >> column & 1)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows = [r ^ rows[column] if i != column and r >> column & 1 else r for i, r in enumerate(rows)]
    return sum((rows[i] >> 32) << i for i in range(32))


def zip_quine():
    whole, packed_size = archive(0, 0, 0)
    return archive(own_checksum(packed_size, len(whole)), packed_size, len(whole))[0]
