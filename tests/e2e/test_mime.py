"""Every virus found, whatever the shape of its MIME; no clean mail refused, whatever it looks like.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import subprocess
import unittest
from collections import Counter

from mime import giants, honest, hostile_set, rows_hidden, rows_honest, shapes
from mime.scan import Scanner
from rig import mails
from rig.mails import EICAR
from rig.place import Place

WANTED = 0.99                     # of what some mail reader opens
MISSED_MAX = 2                    # of a family


def told(answer):
    return answer and f"{answer['action']} {answer['cause']} {[r['name'] for r in answer['reasons']]}"


class MimeTest(unittest.TestCase):
    database = "anywhere"

    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        try:
            cls.scanner = Scanner(cls.place, cls.database)
        except BaseException:
            print(cls.place.log("cfilter")[-4000:])
            cls.place.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.place.close()

    def scan(self, letters):
        """Answers by name; every message has one, and cfilter nothing to complain of."""
        answers = self.scanner.scan(letters)
        self.assertEqual(len(answers), len(letters))
        self.assertEqual(self.place.log("cfilter"), "")
        return answers

    def finds_all_rows(self):
        rows = list(rows_hidden.all_messages(EICAR))
        answers = self.scan(rows)
        self.assertEqual({name: told(answers[name]) for name, _ in rows if (answers[name]["action"], answers[name]["cause"]) != ("reject", "virus")}, {})

    def finds_enough(self, letters):
        answers = self.scan([(m.name, m.data) for m in letters])
        missed = [m for m in letters if answers[m.name]["action"] != "reject"]
        self.assertGreaterEqual(len(letters), 1000)
        self.assertGreaterEqual(1 - len(missed) / len(letters), WANTED, "\n".join(f"{m.name}: {told(answers[m.name])}" for m in missed))
        for family, n in Counter(m.family for m in missed).items():
            self.assertLessEqual(n, MISSED_MAX, [m.name for m in missed if m.family == family])


class Anywhere(MimeTest):
    def test_rows(self):
        self.finds_all_rows()

    def test_rows_as_saved_messages(self):
        """What is saved as a file and packed is opened by the same programs."""
        rows = [(name, mails.attachment(mails.zipped(data, "saved.eml"), "saved.zip", "application/zip")) for name, data in rows_hidden.all_messages(EICAR)]
        answers = self.scan(rows)
        self.assertEqual({name: told(answers[name]) for name, _ in rows if (answers[name]["action"], answers[name]["cause"]) != ("reject", "virus")}, {})

    def test_what_readers_open(self):
        self.finds_enough(hostile_set.opened())

    def test_honest_rows_pass_untouched(self):
        rows = list(rows_honest.all_messages())
        answers = self.scan(rows)
        self.assertEqual({name: told(answers[name]) for name, _ in rows if answers[name]["action"] != "accept"}, {})

    def test_honest_mail_passes(self):
        letters = list(honest.mails("gatepost"))
        answers = self.scan([(m.name, m.data) for m in letters])
        self.assertGreaterEqual(len(letters), 300)
        self.assertEqual({m.name: told(answers[m.name]) for m in letters if answers[m.name]["action"] not in ("accept", "tag")}, {})
        tagged = {m.name for m in letters if answers[m.name]["action"] == "tag"}
        self.assertLessEqual(tagged, honest.MAY_BE_TAGGED)

    def test_the_short_list_by_name_and_its_neighbours(self):
        rows = shapes.mails()
        answers = self.scan([(row.name, row.data) for row in rows])
        for row in rows:
            with self.subTest(row.name):
                answer = answers[row.name]
                if row.wanted is None:
                    self.assertEqual(answer["action"], "accept", told(answer))
                else:
                    self.assertEqual(answer["action"], "reject", told(answer))
                    self.assertTrue(answer["reply"].startswith("554 5.6.0 "), answer["reply"])
                    self.assertIn(row.wanted, [r["name"] for r in answer["reasons"]])

    def test_giants_end_and_do_not_pass_as_checked(self):
        large = list(giants.mails())
        answers = self.scan([(m.name, m.data) for m in large])
        for m in large:
            with self.subTest(m.name):
                answer = answers[m.name]
                self.assertNotEqual(answer["action"], "defer", told(answer))
                clean = m.name.endswith("-clean") or m.name in giants.CLEAN
                self.assertTrue(clean or answer["action"] == "reject" or any(r["kind"] == "unchecked" for r in answer["reasons"]), told(answer))


class Beginning(MimeTest):
    database = "beginning"

    def test_rows(self):
        self.finds_all_rows()


class WholeFile(MimeTest):
    database = "whole-file"

    def test_rows(self):
        self.finds_all_rows()

    def test_what_readers_open_comes_out_byte_for_byte(self):
        self.finds_enough(hostile_set.opened(whole=True))


class Packed(MimeTest):
    """The same shapes, and in each an archive that libclamav does not open."""

    # Readings that take bytes out of what is no text, so out of the archive, if it has such bytes.
    MAY_BE_DESTROYED = {"qp_odd/bad-escape-dropped", "qp_odd/bad-escape-dropped-zz", "qp_odd/soft-cr", "embedded/data-uri-percent"}

    def test_rows(self):
        folder = self.place.folder("pack")
        with open(f"{folder}/eicar.com", "wb") as f:
            f.write(EICAR)
        subprocess.run(["bsdtar", "-c", "-f", "packed.7z", "--format=7zip", "--options=7zip:compression=bzip2", "eicar.com"], cwd=folder, check=True)
        with open(f"{folder}/packed.7z", "rb") as f:
            packed = f.read()
        rows = [(f"{family.__name__}/{name}", data) for family in rows_hidden.FAMILIES if family is not rows_hidden.charsets for name, data in family(packed)]
        answers = self.scan(rows)
        self.assertGreater(len(rows), 300)
        missed = {name for name, _ in rows if (answers[name]["action"], answers[name]["cause"]) != ("reject", "virus")}
        self.assertLessEqual(missed, self.MAY_BE_DESTROYED)


if __name__ == "__main__":
    unittest.main()
