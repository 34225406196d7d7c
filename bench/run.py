#!/usr/bin/env python3
"""run.py [SUBJECT ...] [--seconds N] [--signatures N] [--rounds N] - measurements, as ratios inside one run, with CPU per item beside the rate.

Subjects: socketmapd, policyd, cfilter, mime; without one, all.  Single figures depend on the machine and its noise; ratios less.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))
import cfilter                             # noqa: E402
import mime_found                          # noqa: E402
import policyd                             # noqa: E402
import socketmapd                          # noqa: E402
from rig.place import Place               # noqa: E402

SUBJECTS = {"socketmapd": socketmapd.run, "policyd": policyd.run, "cfilter": cfilter.run, "mime": mime_found.run}


def main():
    p = argparse.ArgumentParser(description="Measures the daemons.")
    p.add_argument("subject", nargs="*", choices=[*SUBJECTS, []], help="what to measure; all of them without")
    p.add_argument("--seconds", type=int, default=3, help="of each measurement of socketmapd and policyd (3)")
    p.add_argument("--signatures", type=int, default=1_000_000, help="of cfilter's large database; 0 leaves it out (1000000)")
    p.add_argument("--rounds", type=int, default=3, help="of each measurement of cfilter with the small database (3)")
    options = p.parse_args()
    status = 0
    for subject in options.subject or SUBJECTS:
        with Place() as place:
            os.chmod(place.dir, 0o777)
            status |= SUBJECTS[subject](place, options)
    return status


if __name__ == "__main__":
    sys.exit(main())
