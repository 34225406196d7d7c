"""Limits behind a real Postfix that asks at RCPT, DATA and END-OF-MESSAGE, and gatepostctl limits.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import http.server
import json
import os
import signal
import threading
import time

from rig import mails
from rig.house import LISTED, HouseTest
from rig.raw import Policy


class LimitsTest(HouseTest):
    @classmethod
    def prepare(cls):
        cls.socket = cls.place.path("queue/gatepost/policy.sock")

    def message(self, *args, **more):
        with Policy(self.socket) as c:
            return c.message(*args, **more)

    def limits(self, *words):
        return self.house.gatepost.ctl("limits", *words)


PUT_OFF = r"^(DEFER|4\d\d )"


class Limits(LimitsTest):
    options = {"policy": ", limits: [{name: per-client, key: [client], count: messages, rate: 3/h}, "
                         "{name: per-user, key: [sasl_username], count: recipients, rate: 2/h, burst: 2}, "
                         "{name: volume, key: [sender], count: bytes, rate: 20k/h}]".replace("20k", "20000")}

    def test_the_fourth_message_is_put_off(self):
        source = "127.0.0.41"
        for _ in range(6):                           # neither of these is counted: refused by Postfix, and by a list
            self.assertReply(self.house.send(source=source, to="mallory@example.com"), 550)
        for _ in range(3):
            self.assertReply(self.house.send(source=source), 250)
        outcome = self.house.send(source=source)
        self.assertEqual(outcome.code // 100, 4, str(outcome))
        self.assertIn("per-client", str(outcome))
        self.assertReply(self.house.send(source="127.0.0.42"), 250)
        self.assertReply(self.house.send(source=LISTED), 554)
        self.assertNotIn(LISTED, self.limits("show").stdout)

    def test_one_message_counts_once_for_all_its_questions(self):
        for _ in range(3):
            self.assertEqual(self.message(("bob@example.com", "carol@example.com"), times=3, client_address="192.0.2.50"), "DUNNO")
        self.assertRegex(self.message(client_address="192.0.2.50"), PUT_OFF)

    def test_who_leaves_before_data_is_not_counted(self):
        for _ in range(8):
            self.assertEqual(self.message(client_address="192.0.2.51", until="RCPT"), "DUNNO")
        self.assertIn("nothing is counted", self.limits("show", "per-client/192.0.2.51").stdout)

    def test_logins_have_limits_too(self):
        answers = [self.message(client_address=f"192.0.2.{60 + i}", sasl_username="mallory") for i in range(3)]
        self.assertEqual(answers[:2], ["DUNNO", "DUNNO"])
        self.assertRegex(answers[2], PUT_OFF)
        self.assertRegex(self.message(("a@example.com", "b@example.com", "c@example.com"), sasl_username="trent"), PUT_OFF)

    def test_bytes_are_those_of_the_message(self):
        """The client announces no size; what it sent is known at END-OF-MESSAGE."""
        letter = mails.plain("Large", b"All work and no play makes Jack a dull boy.\r\n" * 300)
        self.assertReply(self.house.send(letter, sender="large@sender.example", source="127.0.0.43"), 250)
        outcome = self.house.send(letter, sender="large@sender.example", source="127.0.0.44")
        self.assertEqual(outcome.code // 100, 4, str(outcome))
        self.assertIn("volume", str(outcome))

    def test_counts_survive_kill_and_restart(self):
        for _ in range(3):
            self.assertEqual(self.message(client_address="192.0.2.70"), "DUNNO")
        self.house.gatepost.stop("policyd", signal.SIGKILL)
        self.house.gatepost.start("policyd")
        self.assertRegex(self.message(client_address="192.0.2.70"), PUT_OFF)

    def test_seen_and_steered(self):
        for _ in range(3):
            self.assertEqual(self.message(client_address="192.0.2.80"), "DUNNO")
        self.assertRegex(self.message(client_address="192.0.2.80"), PUT_OFF)
        self.assertIn("left=0 of=3", self.limits("show", "per-client/192.0.2.80").stdout)
        self.assertIn("per-client/192.0.2.80", self.limits("top", "50").stdout)
        self.assertEqual(self.limits("reset", "per-client/192.0.2.80").returncode, 0)
        self.assertEqual(self.limits("reset", "per-client/192.0.2.80").returncode, 1)
        self.assertEqual(self.message(client_address="192.0.2.80"), "DUNNO")
        self.assertEqual(self.limits("exempt", "per-client/192.0.2.80", "2h").returncode, 0)
        for _ in range(5):
            self.assertEqual(self.message(client_address="192.0.2.80"), "DUNNO")
        self.assertIn("per-client/192.0.2.80", self.limits("marks").stdout)
        self.assertEqual(self.limits("exempt", "per-client/192.0.2.80", "0").returncode, 0)
        told = self.limits("override", "per-client/192.0.2.82", "5/h")
        self.assertEqual(told.returncode, 0, told.stderr)
        for _ in range(5):
            self.assertEqual(self.message(client_address="192.0.2.82", sender="override@sender.example"), "DUNNO")
        self.assertRegex(self.message(client_address="192.0.2.82", sender="override@sender.example"), PUT_OFF)
        self.assertRegex(self.limits("marks").stdout, r"rate +per-client/192\.0\.2\.82 +5/h")
        self.assertEqual(self.limits("override", "per-client/192.0.2.82", "default").returncode, 0)
        self.assertEqual(self.limits("override", "per-client/192.0.2.82", "1/h, 2/d").returncode, 64)
        self.assertEqual(self.limits("override", "nothing/192.0.2.82", "1/h").returncode, 64)
        self.assertEqual(self.limits("block", "oscar").returncode, 0)
        self.assertRegex(self.message(client_address="192.0.2.81", sasl_username="oscar"), r"^(REJECT|5\d\d )")
        self.assertEqual(self.limits("release", "oscar").returncode, 0)
        self.assertEqual(self.message(client_address="192.0.2.81", sasl_username="oscar"), "DUNNO")
        self.assertEqual(self.limits("release", "oscar").returncode, 1)
        self.assertEqual(self.limits("exempt", "x/y", "soon").returncode, 64)


HARVEST_HOOK = """\
smtpd_helo_restrictions =
smtpd_sender_restrictions =
smtpd_relay_restrictions = check_policy_service { unix:gatepost/policy.sock, policy_context=harvest }, reject_unlisted_recipient,
    permit_mynetworks, reject_unauth_destination
"""


class Harvest(LimitsTest):
    options = {"policy": ", limits: [{name: harvest, key: client, count: refused_recipients, rate: 3/h, action: reject}]", "main": HARVEST_HOOK}

    def test_who_asks_for_many_unknown_recipients_learns_no_more(self):
        for _ in range(6):
            self.assertReply(self.house.send(source="127.0.0.45"), 250)
        for i in range(3):
            self.assertReply(self.house.send(source="127.0.0.45", to=f"guess{i}@example.com"), 550, "5.1.1")
        self.assertReply(self.house.send(source="127.0.0.45", to="guess9@example.com"), 554, "harvest")
        self.assertReply(self.house.send(source="127.0.0.45"), 554, "harvest")
        self.assertReply(self.house.send(source="127.0.0.46"), 250)


class RefusedBehind(LimitsTest):
    """cfilter judges after the limits were charged: what it refuses is given back, or counts more."""
    options = {"policy": ", limits: [{name: fair, key: client, count: messages, rate: 2/h}, "
                         "{name: stern, key: client, count: messages, rate: 10/h, refused_weight: 4}]"}

    def left(self, limit, source):
        shown = self.limits("show", f"{limit}/{source}").stdout
        return int(shown.split("left=")[1].split()[0]) if "left=" in shown else None

    def test_refused_viruses(self):
        source = "127.0.0.47"
        for after in (6, 2):                         # neither is counted by fair; each is four to stern
            self.assertReply(self.house.send(mails.eicar_base64(), source=source), 554)
            deadline = time.monotonic() + 20
            while self.left("stern", source) != after and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual((self.left("fair", source), self.left("stern", source)), (None, after))
        for _ in range(2):
            self.assertReply(self.house.send(source=source), 250)
        self.assertEqual(self.house.send(source=source).code // 100, 4)


SCRIPT = """\
#!/bin/sh
case "$GATEPOST_LOGIN" in
slow) sleep 60 ;;
wrong) exit 3 ;;
esac
body=$(cat)
echo "$1 $GATEPOST_LIMIT $GATEPOST_KEY $GATEPOST_LOGIN $GATEPOST_BLOCKED $PATH $HOME|$body" >> "$2"
"""


class Web:
    """Keeps what is posted."""

    def __init__(self):
        self.bodies = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Hook(LimitsTest):
    """A command and a web server are told of who exceeds a limit: once, whatever either of them does."""

    @classmethod
    def setUpClass(cls):
        cls.web = Web()
        cls.addClassCleanup(cls.web.close)
        cls.options = {"policy": ", limits: [{name: per-user, key: [sasl_username], count: messages, rate: 1/h, hook: yes, block: yes}, "
                                 "{name: quiet, key: [client], count: messages, rate: 1/h}], "
                                 f"hook: {{command: [/bin/sh, told.sh, fixed, told], url: \"http://127.0.0.1:{cls.web.server.server_port}/limit\", timeout: 1s}}"}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.told = cls.place.write("told", "")
        os.chmod(cls.told, 0o666)
        script = cls.place.write("told.sh", SCRIPT)
        parts = cls.house.parts
        parts["policy"] = parts["policy"].replace("told.sh", script).replace("fixed, told", f"fixed, {cls.told}")
        cls.house.gatepost.configure(cls.house.yaml())

    def lines(self, login):
        with open(self.told, encoding="utf-8") as f:
            return [line for line in f if f" {login} " in line]

    def posts(self, login):
        return [body for path, body in self.web.bodies if path == "/limit" and body["login"] == login]

    def exceed(self, login, times=1):
        self.assertEqual(self.message(client_address="192.0.2.90", sasl_username=login), "DUNNO")
        for _ in range(times):
            self.assertRegex(self.message(client_address="192.0.2.91", sasl_username=login), r"^(DEFER|REJECT|[45]\d\d )")

    def test_told_once(self):
        self.exceed("alice", times=5)
        self.eventually("the hook is told", lambda: self.lines("alice") and self.posts("alice"))
        line, = self.lines("alice")
        words, body = line.split("|", 1)
        self.assertEqual(words.split()[:5], ["fixed", "per-user", "per-user/alice", "alice", "yes"])
        self.assertNotIn("/root", words)
        body = json.loads(body)
        self.assertEqual((body["event"], body["key"], body["client"], body["blocked"]), ("limit", "per-user/alice", "192.0.2.91", True))
        self.assertEqual(self.posts("alice"), [body])
        self.assertIn("policy_hooks", self.house.gatepost.ctl("stats").stdout)

    def test_slow_and_wrong(self):
        log = lambda: self.place.log("policyd")
        self.exceed("slow")
        self.eventually("the slow command is ended", lambda: "it took longer than policy.hook.timeout" in log())
        self.exceed("wrong")
        self.eventually("the web server is told all the same", lambda: self.posts("wrong"))
        self.exceed("bob")
        self.eventually("the next is told", lambda: self.lines("bob") and self.posts("bob"))
        self.assertEqual(self.lines("slow"), [])

    def test_no_limit_without_it(self):
        for _ in range(3):
            self.message(client_address="192.0.2.95", sender="quiet@sender.example")
        self.exceed("carol")
        self.eventually("the other is told", lambda: self.posts("carol"))
        self.assertEqual([b for _, b in self.web.bodies if b["limit"] == "quiet"], [])
