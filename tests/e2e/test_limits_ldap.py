"""Overrides of a limit out of a real directory: read in pages, kept when it is down, and not lost when it says it has none.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import signal
import subprocess
import time
import unittest

from rig.place import Place, wait_for
from rig.policyhost import PolicyHost
from rig.slapd import BASE, PASSWORD, Slapd

PEOPLE = 1200
PUT_OFF = r"^(DEFER|4\d\d )"


def person(uid, *rates):
    return (f"dn: uid={uid},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"
            + "".join(f"departmentNumber: {r}\n" for r in rates) + "\n")


class LdapOverrides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        more = "".join(person(f"u{i}", "3/h") for i in range(PEOPLE)) + person("broken", "quick") + person("none") + person("free", "unlimited")
        cls.slapd = Slapd(cls.place, people=(), more_ldif=more, conf="sizelimit unlimited").start()
        cls.host = PolicyHost(f"""{{limits: [{{name: user, key: sasl_username, count: messages, rate: 1/h,
          overrides_ldap: {{servers: ["{cls.slapd.url}"], base: "{BASE}", filter: "(departmentNumber=*)", who: uid, rate: departmentNumber, every: 1s, timeout: 2s}}}}]}}""")
        cls.addClassCleanup(cls.host.close)
        cls.host.start()
        wait_for("the overrides", lambda: f"{PEOPLE + 1} overrides" in cls.host.log(), 20)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print("---- policyd\n" + self.host.log()[-3000:])

    def may_send(self, login, most=6):
        for n in range(most):
            if self.host.message(sasl_username=login) != "DUNNO":
                return n
        return most

    def modify(self, text):
        subprocess.run(["ldapmodify", "-x", "-H", self.slapd.url, "-D", f"cn=admin,{BASE}", "-w", PASSWORD], input=text, text=True, check=True,
                       capture_output=True)

    def test_1_rates_of_the_directory(self):
        self.assertEqual(self.may_send("u0"), 3)
        self.assertEqual(self.may_send(f"u{PEOPLE - 1}"), 3)
        self.assertEqual(self.may_send("stranger"), 1)
        self.assertEqual(self.may_send("none"), 1)
        self.assertEqual(self.may_send("free"), 6)
        self.assertEqual(self.may_send("broken"), 1)
        self.host.wait_log('"quick" is not a rate')

    def test_2_changes_live(self):
        before = self.host.log().count("was read again")
        time.sleep(2.5)                                  # twice what "every" says
        self.assertEqual(self.host.log().count("was read again"), before, "nothing has changed")
        self.modify(f"dn: uid=u1,{BASE}\nchangetype: modify\nreplace: departmentNumber\ndepartmentNumber: 5/h\n\n")
        wait_for("it is read again", lambda: self.host.log().count("was read again") > before, 10)
        self.assertEqual(self.may_send("u1"), 5)

    def test_3_directory_down(self):
        """Those read before stay, also over a restart."""
        self.slapd.stop()
        wait_for("the log says so", lambda: "those read before stay in force" in self.host.log(), 10)
        self.assertEqual(self.may_send("u2"), 3)
        self.host.gatepost.stop("policyd", signal.SIGKILL)
        self.host.gatepost.start("policyd")
        self.assertEqual(self.may_send("u3"), 3)
        wait_for("the log says so again", lambda: self.host.log().count("those read before stay in force") > 1, 10)
        self.slapd.start()
        wait_for("all is well again", lambda: "in order again" in self.host.log(), 40)

    def test_4_it_has_none_any_more(self):
        """Success without an entry is believed the third time."""
        text = "".join(f"dn: uid={u},{BASE}\nchangetype: modify\ndelete: departmentNumber\n\n" for u in
                       [f"u{i}" for i in range(PEOPLE)] + ["broken", "free"])
        self.modify(text)
        wait_for("the log says so", lambda: "it has none any more" in self.host.log(), 10)
        self.assertEqual(self.may_send("free"), 6)       # the last of them to go
        wait_for("it is believed", lambda: " 0 overrides" in self.host.log(), 20)
        self.assertEqual(self.may_send("free"), 1)


if __name__ == "__main__":
    unittest.main()
