"""policy.lua: a script of one's own in a process of its own - what it decides, what it asks, and what becomes of it when it runs wild.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import re
import threading
import time
import unittest

from rig.dnsbl import Dnsbl
from rig.place import Place, wait_for
from rig.policyhost import PolicyHost

LISTED = "127.0.0.66"
SCRIPT = r"""
local seen = 0
function rcpt(r)
  seen = seen + 1
  local who = r.sender:match("^[^@]*")
  if who == "reject" then return {name = "biz", action = "reject", text = "Not in the catalogue of " .. r.recipient_domain} end
  if who == "points" then return {{name = "one", points = 3}, {name = "two", points = 2.5}} end
  if who == "much" then return 1e9 end
  if who == "allow" then return {name = "friend", action = "allow"} end
  if who == "hits" then return r.hits.bl == 2 and r.score == 2 and {name = "sawbl", action = "reject"} or nil end
  if who == "list" then return in_list("partners", r.client) == true and in_list("staff", r.recipient) == true and in_list("own_domains", "example.com") == true
      and in_list("nowhere", "x") == nil and {name = "listed", action = "reject"} or nil end
  if who == "dns" then local txt = dns("words.example", "TXT") return txt and {name = "dns", action = "reject", text = txt[1]} or nil end
  if who == "memory" then
    local n = tonumber(recall("n") or 0) + 1
    remember("n", tostring(n), 60)
    return n > 2 and {name = "often", action = "defer", text = "seen " .. n} or nil
  end
  if who == "count" then return count("c", 2, 3600) == false and {name = "many", action = "reject"} or nil end
  if who == "header" then return {name = "h", action = "prepend", header = "X-Lua: seen"} end
  if who == "badheader" then return {name = "h", action = "prepend", header = "X-Lua: a\r\nEvil: b"} end
  if who == "loop" then while true do end end
  if who == "pattern" then return ("a"):rep(2500):find(".-.-.-b") and 1 or nil end
  if who == "eat" then local t = {} while true do t[#t + 1] = ("x"):rep(1000000) .. #t end end
  if who == "error" then error("by hand") end
  if who == "odd" then return "a string" end
  if who == "verb" then return {action = "explode"} end
  if who == "login" then return r.sasl_username == "alice" and r.trusted == false and r.recipients == 1 and {name = "who", action = "reject"} or nil end
  if who == "fork" then return (os.execute or io) and {name = "escape", action = "reject"} or nil end
end
function data(r) return r.recipient_count == 3 and {name = "three", action = "reject"} or nil end
"""
POLICY = """{dns: {servers: ["127.0.0.1:%d"]}, score: {reject: 5}, dnsbl: [{name: bl, zone: bl.example, weight: 2}],
  lists: {staff: [bob@example.com]}, lua: {file: policy.lua, at: [rcpt, data], timeout: 1s, memory: 8M}}"""


class Lua(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.dns = Dnsbl(cls.place, {"bl.example": {LISTED: ("127.0.0.2", "on bl")}})
        cls.dns.texts["words.example"] = "words of a stranger"
        cls.host = PolicyHost(POLICY % cls.dns.port, more="networks: {partners: [192.0.2.0/24]}")
        cls.addClassCleanup(cls.host.close)
        cls.host.place.write("policy.lua", SCRIPT)
        cls.host.start()
        wait_for("the list", lambda: " up" in cls.host.ctl("dnsbl", "status").stdout)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print("---- policyd\n" + self.host.log()[-4000:])

    def ask(self, who, **attributes):
        return self.host.message(sender=f"{who}@sender.example", until="RCPT", **attributes)

    def test_it_decides(self):
        self.assertEqual(self.ask("nobody"), "DUNNO")
        self.assertRegex(self.ask("reject"), r"REJECT 5\.7\.1 Not in the catalogue of example\.com \(id")
        self.assertRegex(self.ask("points"), r"^(REJECT|554)")
        self.assertRegex(self.ask("much"), r"^(REJECT|554)")
        self.assertEqual(self.ask("allow", client_address=LISTED), "DUNNO")
        self.assertRegex(self.ask("login", sasl_username="alice"), "^REJECT")
        self.host.wait_log("hits=one:3,two:2.5")

    def test_it_sees_the_other_hits(self):
        self.assertRegex(self.ask("hits", client_address=LISTED), "^REJECT")
        self.assertEqual(self.ask("hits"), "DUNNO")

    def test_it_asks(self):
        self.assertRegex(self.ask("list"), "^REJECT")
        self.assertEqual(self.ask("list", client_address="198.51.100.1"), "DUNNO")
        self.assertIn("words of a stranger", self.ask("dns"))
        self.assertEqual([self.ask("memory")[:5] for _ in range(3)], ["DUNNO", "DUNNO", "450 4"])
        self.assertEqual([self.ask("count")[:5] for _ in range(3)], ["DUNNO", "DUNNO", "REJEC"])
        self.assertIn("lua/c", self.host.ctl("limits", "show", "lua/").stdout)

    def test_header(self):
        with self.host.connect() as c:
            self.assertEqual(c.ask(sender="header@sender.example", instance="lua.3"), "PREPEND X-Lua: seen")
            self.assertEqual(c.ask(sender="badheader@sender.example", instance="lua.4"), "DUNNO")

    def test_data(self):
        with self.host.connect() as c:
            self.assertEqual(c.ask(protocol_state="DATA", recipient="", recipient_count="2", instance="lua.1"), "DUNNO")
            self.assertRegex(c.ask(protocol_state="DATA", recipient="", recipient_count="3", instance="lua.2"), "^REJECT")

    def test_runs_wild(self):
        """Ended at its deadline, or by its memory: the message passes, the log says why, the next is served."""
        for who, why in (("loop", "policy.lua.timeout"), ("pattern", "policy.lua.timeout"), ("eat", "not enough memory"), ("error", "by hand"),
                         ("odd", "is a string"), ("verb", "action is none of")):
            with self.subTest(who):
                begun = time.monotonic()
                self.assertEqual(self.ask(who), "DUNNO")
                self.assertLess(time.monotonic() - begun, 4)
                told = self.host.ctl("policy", "explain", f"sender={who}@sender.example", "recipient=bob@example.com", "client_address=192.0.2.1").stdout
                self.assertRegex(told, rf"lua +lua +unknown .*{why}")
                self.assertRegex(self.ask("reject"), "^REJECT")
        self.assertEqual(self.ask("fork"), "DUNNO")
        self.host.wait_log("policy.lua:")

    def test_many_at_once_with_wild_ones_among_them(self):
        answers = {}

        def many(n):
            for i in range(40):
                who = "loop" if n == 0 and i % 10 == 0 else "reject" if i % 2 else "nobody"
                answers.setdefault(who, []).append(self.ask(who))

        threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertEqual(set(answers["nobody"]), {"DUNNO"})
        self.assertEqual(set(answers["loop"]), {"DUNNO"})
        refused = sum(a.startswith("REJECT") for a in answers["reject"])
        self.assertGreater(refused, len(answers["reject"]) * 0.9)     # a few may have waited behind a wild one for too long

    def test_reload(self):
        place, reload = self.host.place, lambda: self.host.gatepost.reload("policyd")
        try:
            place.write("policy.lua", SCRIPT + "\nif x then\n")
            reload()
            wait_for("the log says where", lambda: re.search(r"policy\.lua:\d+: 'end' expected", self.host.log()))
            self.assertRegex(self.ask("reject"), "catalogue")
            place.write("policy.lua", SCRIPT.replace("catalogue", "register"))
            reload()
            wait_for("the new script", lambda: "register" in self.ask("reject"))
        finally:
            place.write("policy.lua", SCRIPT)
            reload()
            wait_for("the old script", lambda: "catalogue" in self.ask("reject"))

    def test_on_failure(self):
        host = PolicyHost("{lua: {file: policy.lua, timeout: 3s, on_failure: defer}}")
        self.addCleanup(host.close)
        host.place.write("policy.lua", SCRIPT)
        host.start()
        self.assertRegex(host.message(sender="error@sender.example", until="RCPT"), r"^450 4\.7\.1 A check cannot be made now")
        self.assertEqual(host.message(sender="nobody@sender.example", until="RCPT"), "DUNNO")


if __name__ == "__main__":
    unittest.main()
