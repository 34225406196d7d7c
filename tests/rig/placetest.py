"""What test classes share: one place for all tests of a class, and the logs when one fails.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import unittest

from .place import Place, wait_for


class PlaceTest(unittest.TestCase):
    """A kind of test makes its world in make(); prepare() is for each class of tests."""

    daemons = ()                     # whose logs are shown

    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        try:
            cls.make()
        except BaseException:
            print(cls.logs())
            cls.place.close()
            raise

    @classmethod
    def make(cls):
        raise NotImplementedError

    @classmethod
    def prepare(cls):
        """Before the daemons start."""

    @classmethod
    def tearDownClass(cls):
        cls.place.close()

    @classmethod
    def logs(cls):
        return "\n".join(f"--- {n}\n{cls.place.log(n)[-8000:]}" for n in cls.daemons)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(self.logs())

    def eventually(self, what, test, seconds=10):
        wait_for(what, test, seconds)

    def assertLogged(self, daemon, text):
        """The reply may reach the client before the line reaches the log."""
        self.eventually(f"{text} in the log of {daemon}", lambda: text in self.place.log(daemon))
