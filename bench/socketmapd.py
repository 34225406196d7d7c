"""socketmapd: look-ups among a million recipients, beside a bare netstring echo server.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os

from echoes import compare, yaml
from processes import rss_mb
import socketmapd_callout
import socketmapd_share
import socketmapd_sync
from rig.gatepost import Gatepost
from rig.place import Place

KEYS = 1_000_000


def run(place, options):
    place.write("people.txt", "".join(f"user{i}@example.com\n" for i in range(KEYS)))
    print(f"socketmapd: static list of {KEYS} recipients")
    gatepost = Gatepost(place, yaml("")).start("socketmapd")
    pid = gatepost.processes["socketmapd"].pid
    print(f"  memory {rss_mb(pid):.0f} MB, {rss_mb(pid) * 1e6 / KEYS:.0f} bytes a recipient")
    compare(place, "socketmap", place.path("map.sock"), pid, options.seconds, KEYS)
    gatepost.stop("socketmapd")
    for part in (socketmapd_callout, socketmapd_share, socketmapd_sync):
        with Place() as other:
            os.chmod(other.dir, 0o777)
            part.run(other, options)
    return 0
