"""File systems that are full.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import pwd

from .place import USER


def mounted(place, name, size):
    """argv before the daemon's: a tmpfs of its own, which only it sees, at a folder of the place."""
    user = pwd.getpwnam(USER)
    folder = place.folder(name, 0o700, USER)
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            f"mount -t tmpfs -o size={size},uid={user.pw_uid},gid={user.pw_gid},mode=700 tmpfs {folder} && exec \"$@\"", "sh"]


def fill(path):
    """Takes all room that is left."""
    with open(path, "wb", buffering=0) as f:
        try:
            while f.write(b"\0" * 4096) == 4096:
                pass
        except OSError:
            pass
