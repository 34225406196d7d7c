"""cfilter's word on many messages, through `gatepostctl scan --json`.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import hashlib
import json
import os

from rig.gatepost import Gatepost
from rig.mails import EICAR, signature_database

BATCH = 200
# One signature that may match anywhere, one that wants the beginning of the decoded file, and one the whole of it and nothing more.
DATABASES = {"anywhere": ("test.ndb", signature_database()), "beginning": ("test.ndb", b"Eicar-Test-Signature:0:0:" + EICAR.hex().encode() + b"\n"),
             "whole-file": ("test.hdb", b"%s:%d:Eicar-Test-Signature\n" % (hashlib.md5(EICAR).hexdigest().encode(), len(EICAR)))}


class Scanner:
    """A cfilter of its own in `place`, with time enough for a loaded machine; parsers: YAML of filter.mime.parsers, or the default."""

    def __init__(self, place, database="anywhere", parsers=None, more=""):
        name, content = DATABASES[database]
        place.write(f"db/{name}", content)
        place.folder("in")
        self.place = place
        chosen = f", mime: {{parsers: {parsers}}}" if parsers else ""
        self.gatepost = Gatepost(place, f"""\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{filter: "127.0.0.1:{place.port()}"}}
filter: {{reinject: "127.0.0.1:1", scan_timeout: 80s, virus: {{database: db, trusted_databases: [{name}]}}, spam: {{mode: off}}{chosen}{more}}}
events: {{enabled: no}}
log: {{level: warning}}
""")
        self.gatepost.start("cfilter")
        self.gatepost.wait_engine()

    def scan(self, mails):
        """mails: (name, bytes).  The answers by name; a message without an answer is missing."""
        answers = {}
        for begin in range(0, len(mails), BATCH):
            files = {}
            for i, (name, data) in enumerate(mails[begin:begin + BATCH], begin):
                files[self.place.write(f"in/{i}.eml", data)] = name
            said = self.gatepost.ctl("scan", "--json", *files, timeout=900)
            for line in said.stdout.splitlines():
                answer = json.loads(line)
                answers[files[answer["file"]]] = answer
            for path in files:
                os.unlink(path)
        return answers
