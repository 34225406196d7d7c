"""A small database of MaxMind's format: networks and their countries.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
Source: MaxMind DB File Format Specification 2.0.
"""
import ipaddress
import struct
import time

STRING, MAP, UINT16, UINT32, UINT64, ARRAY = 2, 7, 5, 6, 9, 11


def control(kind, size):
    return bytes([(kind << 5 | size)]) if kind < 8 else bytes([size, kind - 7])


def encode(value):
    if isinstance(value, str):
        return control(STRING, len(value)) + value.encode()
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode(v) for v in value)
    kind, number = value
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return control(kind, len(data)) + data


def database(countries):
    """{"192.0.2.0/24": "DE", "2001:db8::/32": "FR"}; IPv4 stands below ::/96, as the format wants it."""
    nodes, data, at = [[None, None]], b"", {}
    for text, code in countries.items():
        net = ipaddress.ip_network(text)
        bits = format(int(net.network_address), "0128b")[:96 * (net.version == 4) + net.prefixlen]
        if code not in at:
            at[code] = len(data)
            data += encode({"country": {"iso_code": code}})
        node = 0
        for bit in map(int, bits[:-1]):
            if not isinstance(nodes[node][bit], list):
                nodes.append([None, None])
                nodes[node][bit] = [len(nodes) - 1]
            node = nodes[node][bit][0]
        nodes[node][int(bits[-1])] = code
    n = len(nodes)
    tree = b""
    for left_right in nodes:
        for record in left_right:
            value = n if record is None else record[0] if isinstance(record, list) else n + 16 + at[record]
            tree += struct.pack("!I", value)
    meta = {"node_count": (UINT32, n), "record_size": (UINT16, 32), "ip_version": (UINT16, 6), "database_type": "Test-Country",
            "languages": ["en"], "binary_format_major_version": (UINT16, 2), "binary_format_minor_version": (UINT16, 0),
            "build_epoch": (UINT64, int(time.time())), "description": {"en": "of a test"}}
    return tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + encode(meta)
