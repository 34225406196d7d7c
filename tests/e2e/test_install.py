"""What make install leaves behind can be used as it lies there.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import shutil
import stat
import subprocess
import unittest

from rig.place import ROOT, Place

TOOLS = ("systemd-sysusers", "systemd-tmpfiles")


@unittest.skipUnless(os.geteuid() == 0 and all(shutil.which(t) for t in TOOLS), "needs root, " + " and ".join(TOOLS))
class InstallTest(unittest.TestCase):
    def test_daemons_may_read_their_files_and_others_not(self):
        with Place() as place:
            root = place.dir
            subprocess.run(["make", "-s", "install", "DESTDIR=" + root], cwd=ROOT, check=True, capture_output=True)
            secret = place.write("etc/gatepost/ad.secret", "secret\n", 0o600)
            subprocess.run(["systemd-sysusers", "--root=" + root], check=True, capture_output=True)
            subprocess.run(["systemd-tmpfiles", "--root=" + root, "--create", place.path("usr/lib/tmpfiles.d/gatepost.conf")],
                           check=True, capture_output=True)
            with open(place.path("etc/passwd"), encoding="ascii") as f:
                group = int(re.search(r"^gatepost:x:\d+:(\d+):", f.read(), re.M).group(1))
            for path in (os.path.dirname(secret), secret, place.path("etc/gatepost/gatepost.yaml")):
                st = os.stat(path)
                with self.subTest(path):
                    self.assertEqual((st.st_uid, st.st_gid), (0, group))
                    self.assertEqual(stat.S_IMODE(st.st_mode), 0o750 if stat.S_ISDIR(st.st_mode) else 0o640)


if __name__ == "__main__":
    unittest.main()
