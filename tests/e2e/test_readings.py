"""Some hundreds of messages that hide a file in odd MIME, each in a form that some mail reader opens, and clean ones that look like them, through
`gatepostctl scan` of a running cfilter; once with a pattern, once with a pattern at the start of the file, once with the digest of the whole file.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import hashlib
import json
import os
import subprocess
import unittest

from readings import hidden, honest
from rig import mails
from rig.gatepost import Gatepost
from rig.place import Place

CONFIGURATION = """\
domains: [example.com]
process: {{user: nobody, run_directory: run, state_directory: state}}
listen: {{filter: "127.0.0.1:{port}"}}
filter: {{reinject: "127.0.0.1:1", virus: {{mode: enforce, database: db, trusted_databases: [{file}]}}, spam: {{mode: off}}}}
events: {{enabled: no}}
log: {{level: warning}}
"""
AT_A_TIME = 100


class Readings(unittest.TestCase):
    def scan(self, file, signature, messages):
        """The answers of gatepostctl scan --json, by name."""
        answers = {}
        with Place(prefix="gp-readings-") as place:
            place.write("db/" + file, signature)
            place.folder("in", 0o755)
            gatepost = Gatepost(place, CONFIGURATION.format(port=place.port(), file=file))
            gatepost.start("cfilter")
            gatepost.wait_engine()
            for start in range(0, len(messages), AT_A_TIME):
                names = {}
                for number, (name, data) in enumerate(messages[start:start + AT_A_TIME]):
                    path = place.path("in", f"{start + number}.eml")
                    with open(path, "wb") as f:
                        f.write(data)
                    names[path] = name
                answer = subprocess.run([gatepost.binary("gatepostctl"), "-c", gatepost.file, "scan", "--json", *names],
                                        capture_output=True, text=True, timeout=300, check=False)
                self.assertEqual(answer.stderr, "")
                for line in answer.stdout.splitlines():
                    told = json.loads(line)
                    answers[names[told["file"]]] = told
                for path in names:
                    os.unlink(path)
            self.assertEqual(place.log("cfilter"), "")
        self.assertEqual(len(answers), len(messages))
        return answers

    def finds_all(self, file, signature):
        messages = list(hidden.all_messages(mails.EICAR))
        answers = self.scan(file, signature, messages)
        missed = [name for name, _ in messages if answers[name]["action"] != "reject" or answers[name]["cause"] != "virus"]
        self.assertEqual(missed, [])

    def test_by_a_pattern(self):
        self.finds_all("test.ndb", mails.signature_database())

    def test_by_a_pattern_at_the_start_of_the_file(self):
        self.finds_all("test.ndb", b"Eicar-Test-Signature:0:0:" + mails.EICAR.hex().encode() + b"\n")

    def test_by_the_digest_of_the_file(self):
        self.finds_all("test.hdb", hashlib.md5(mails.EICAR).hexdigest().encode() + b":68:Eicar-Test-Signature\n")

    def test_honest_mail_passes(self):
        messages = list(honest.all_messages())
        answers = self.scan("test.ndb", mails.signature_database(), messages)
        self.assertEqual({name: told for name, told in answers.items() if told["action"] != "accept"}, {})


if __name__ == "__main__":
    unittest.main()
