"""The house as a whole: snippets, installation, units, checks of the file, privileges.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from rig import mails, smtp
from rig.house import LISTED, HouseTest
from rig.place import BUILD, ROOT, Place, answers, wait_for
from rig.postfix import PEERS, snippet
from rig.raw import Policy, Socketmap

DAEMONS = ("socketmapd", "policyd", "cfilter")


class Snippets(HouseTest):
    options = {"services": ("mx-in.cf", "submission.cf", "outbound.cf"),
               "main": "smtpd_milters =\nvirtual_alias_domains = virtual.example\nvirtual_alias_maps = inline:{u@virtual.example=bob@example.com}\n"}

    def test_postfix_has_nothing_to_say_against_them(self):
        for line in self.house.postfix.log_text().splitlines():
            self.assertNotRegex(line, r"(fatal|error|unused parameter)", line)
        said = subprocess.run([os.path.join(PEERS, "usr/sbin/postconf"), "-c", self.house.postfix.config, "-M"],
                              env=dict(os.environ, **self.house.postfix.env), capture_output=True, text=True, check=True)
        self.assertEqual(said.stderr, "")

    def test_other_domains_of_the_host_stay(self):
        self.assertEqual(self.house.postfix.postconf("-h", "virtual_alias_domains").strip(), "virtual.example")

    def test_submission_without_login_is_refused(self):
        with smtp.Client(("127.0.0.1", self.house.postfix.port("submission.cf"))) as c:
            c.cmd("EHLO x.example")
            self.assertIn(c.cmd("MAIL FROM:<a@example.com>").code, (530, 454))

    def test_every_service_is_described(self):
        folder = os.path.join(ROOT, "config", "postfix")
        with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
            readme = f.read()
        for name in os.listdir(folder):
            self.assertIn(name, readme) if name != "README.md" else None


class Outbound(HouseTest):
    """The inner server's own port: trusted, so spam rules are silent; viruses are refused; nobody else is let in."""
    options = {"services": ("mx-in.cf", "outbound.cf")}

    def test_the_inner_server_is_trusted(self):
        self.assertReply(self.house.send(mails.gtube(), source="127.0.0.9", service="outbound.cf"), 250)
        self.assertReply(self.house.send(mails.eicar_zip(), source="127.0.0.9", service="outbound.cf"), 554, "virus")

    def test_nobody_else(self):
        self.assertEqual(self.house.send(source="127.0.0.8", service="outbound.cf").code, 554)


class LoadBalancer(HouseTest):
    """The PROXY protocol names the client: lists judge that address, not the balancer's."""
    options = {"services": ("load-balancer.cf",)}

    def dialogue(self, client):
        sock = socket.create_connection(("127.0.0.1", self.house.postfix.port("load-balancer.cf")), timeout=30)
        with sock, sock.makefile("rb") as replies:
            sock.sendall(f"PROXY TCP4 {client} 127.0.0.1 40000 25\r\n".encode())
            replies.readline()
            for line in ("HELO client.sender.example", "MAIL FROM:<a@sender.example>", "RCPT TO:<bob@example.com>"):
                sock.sendall(line.encode() + b"\r\n")
                reply = replies.readline().decode()
            return reply

    def test_the_client_behind_the_balancer_is_judged(self):
        self.assertTrue(self.dialogue("192.0.2.7").startswith("250"))
        reply = self.dialogue(LISTED)
        self.assertTrue(reply.startswith("554"), reply)
        self.assertIn("listed for the test", reply)


class Postscreen(HouseTest):
    """postscreen hands tested clients to the smtpd of the snippet."""

    @classmethod
    def setUpClass(cls):
        cls.options = {"services": (), "main": "postscreen_greet_wait = 1s\npostscreen_cache_map = internal:ps\n"}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.screen_port = cls.place.port()
        postfix = cls.house.postfix
        master = os.path.join(postfix.config, "master.cf")
        with open(master, "a", encoding="utf-8") as f:
            f.write(snippet("postscreen.cf", "", f"127.0.0.1:{cls.house.filter_port}", f"127.0.0.1:{postfix.reinject_port}"))
            f.write(f"127.0.0.1:{cls.screen_port} inet n - y - 1 postscreen\n"
                    "dnsblog unix - - y - 0 dnsblog\ntlsproxy unix - - y - 0 tlsproxy\n")

    def send(self, message, **more):
        return smtp.deliver(("127.0.0.1", self.screen_port), "a@sender.example", ["bob@example.com"], message, **more)

    def test_behind_postscreen(self):
        wait_for("postscreen", lambda: answers(("127.0.0.1", self.screen_port)))
        self.assertReply(self.send(mails.plain()), 250)
        self.assertReply(self.send(mails.eicar_zip()), 554, "virus")
        self.assertReply(self.send(mails.plain(), source=LISTED), 554, "listed for the test")


class SeveralAddresses(HouseTest):
    def test_each_daemon_listens_everywhere_it_is_told(self):
        more = self.place.path("queue/gatepost/second.sock")
        text = self.house.yaml().replace("listen: {socketmap: \"unix:queue/gatepost/socketmap.sock\"",
                                         f"listen: {{socketmap: [\"unix:queue/gatepost/socketmap.sock\", \"unix:{more}\"]")
        self.house.gatepost.configure(text)
        self.house.gatepost.stop("socketmapd")
        self.house.gatepost.start("socketmapd")
        for path in (more, self.place.path("queue/gatepost/socketmap.sock")):
            with Socketmap(path) as c:
                self.assertEqual(c.ask("bob@example.com"), "OK x")


class SharedStore(HouseTest):
    """Limits in a real Redis; Redis killed, hung, and back."""

    @classmethod
    def prepare(cls):
        cls.redis_socket = cls.place.path("redis.sock")
        cls.start_redis()
        cls.house.parts["policy"] = ", limits: [{name: per-client, key: [client], count: messages, rate: 3/h}]"
        cls.house.parts["more"] = f"store: {{type: redis, redis: {{server: \"unix:{cls.redis_socket}\", timeout: 300ms}}}}"
        cls.house.gatepost.configure(cls.house.yaml())

    @classmethod
    def start_redis(cls):
        cls.redis = cls.place.start("redis", ["redis-server", "--port", "0", "--unixsocket", cls.redis_socket, "--unixsocketperm", "777",
                                              "--save", "", "--appendonly", "no", "--dir", cls.place.dir])
        wait_for("redis", lambda: answers(cls.redis_socket))

    def count(self, client, n):
        with Policy(self.place.path("queue/gatepost/policy.sock")) as c:
            return [c.ask(client_address=client, protocol_state="DATA", recipient_count="1", instance=f"{client}.{i}.{time.time_ns():x}")
                    .replace("PREPEND X-Gatepost", "DUNNO PREPEND X-Gatepost").split(" PREPEND")[0] for i in range(n)]

    def test_limits_are_counted_in_redis(self):
        got = self.count("192.0.2.80", 4)
        self.assertEqual(got[:3], ["DUNNO"] * 3)
        self.assertRegex(got[3], r"^(DEFER|4\d\d )")
        keys = subprocess.run(["redis-cli", "-s", self.redis_socket, "--raw", "keys", "*192.0.2.80*"], capture_output=True, text=True,
                              check=True).stdout
        self.assertIn("per-client", keys)

    def test_redis_killed_hung_and_back(self):
        self.place.stop(self.redis, signal.SIGKILL)
        begun = time.monotonic()
        for answer in self.count("192.0.2.81", 6):
            self.assertRegex(answer, r"^(DUNNO|DEFER|4\d\d )")
        self.assertLess(time.monotonic() - begun, 4)
        type(self).start_redis()
        self.eventually("Redis in use again", lambda: "per-client" in subprocess.run(
            ["redis-cli", "-s", self.redis_socket, "--raw", "keys", "*"], capture_output=True, text=True, check=True).stdout
            or not self.count(f"192.0.2.{time.time_ns() % 200}", 1), 15)
        os.kill(self.redis.pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            for answer in self.count("192.0.2.82", 4):
                self.assertRegex(answer, r"^(DUNNO|DEFER|4\d\d )")
            self.assertLess(time.monotonic() - begun, 4)
        finally:
            os.kill(self.redis.pid, signal.SIGCONT)


class Privileges(HouseTest):
    def status(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    def test_nobody_keeps_a_privilege(self):
        from test_filter import children
        for name, process in self.house.gatepost.processes.items():
            for pid in [process.pid, *children(process.pid)]:
                status = self.status(pid)
                self.assertNotEqual(status["Uid"].split()[1], "0", (name, pid))
                self.assertEqual(int(status["CapEff"], 16), 0, (name, pid))
                self.assertEqual(status["NoNewPrivs"].strip(), "1", (name, pid, status["Name"]))


class Files(unittest.TestCase):
    def run_t(self, daemon, text):
        with Place() as place:
            path = place.write("gatepost.yaml", text)
            return subprocess.run([os.path.join(BUILD, "bin", "gatepost-" + daemon), "-t", "-c", path], capture_output=True, text=True,
                                  timeout=60, check=False)

    def test_all_errors_of_a_file_in_one_run(self):
        for daemon in DAEMONS:
            said = self.run_t(daemon, "mode: enforec\ndomains: [example.com]\npolicy:\n  timeout: 5 minuts\n  scroe: {reject: 5}\n")
            self.assertEqual(said.returncode, 1)
            text = said.stdout + said.stderr
            self.assertRegex(text, r"gatepost\.yaml:1:1: mode: ")
            self.assertRegex(text, r"gatepost\.yaml:4:3: policy\.timeout: \"5 minuts\" is not a duration")
            self.assertRegex(text, r"gatepost\.yaml:5:3: policy\.scroe: .*score")

    def test_the_shipped_example_lacks_only_what_nobody_can_know(self):
        for daemon, status in (("socketmapd", 0), ("policyd", 0), ("cfilter", 1)):
            said = subprocess.run([os.path.join(BUILD, "bin", "gatepost-" + daemon), "-t", "-c", os.path.join(ROOT, "config/gatepost.yaml")],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(said.returncode, status, daemon + said.stdout + said.stderr)
            for line in (said.stdout + said.stderr).splitlines():
                self.assertIn("filter.reinject: must be given", line)

    def test_version(self):
        for daemon in DAEMONS:
            said = subprocess.run([os.path.join(BUILD, "bin", "gatepost-" + daemon), "-V"], capture_output=True, text=True, check=False)
            self.assertEqual(said.returncode, 0)
            self.assertRegex(said.stdout, r"\d+\.\d+")

    def test_install(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["make", "-s", "install", "DESTDIR=" + folder], cwd=ROOT, check=True, capture_output=True)
            for path in ("usr/sbin/gatepostctl", "usr/sbin/gatepost-cfilter", "etc/gatepost/gatepost.yaml",
                         "usr/lib/systemd/system/gatepost-policyd.service", "usr/share/man/man8/gatepostctl.8",
                         "usr/share/man/man5/gatepost.yaml.5", "usr/lib/sysusers.d/gatepost.conf"):
                self.assertTrue(os.path.exists(os.path.join(folder, path)), path)
            with open(os.path.join(folder, "etc/gatepost/gatepost.yaml"), "a", encoding="utf-8") as f:
                f.write("# mine\n")
            subprocess.run(["make", "-s", "install", "DESTDIR=" + folder], cwd=ROOT, check=True, capture_output=True)
            with open(os.path.join(folder, "etc/gatepost/gatepost.yaml"), encoding="utf-8") as f:
                self.assertIn("# mine", f.read())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not there")
    def test_units(self):
        for daemon in DAEMONS:
            unit = os.path.join(ROOT, "systemd", f"gatepost-{daemon}.service")
            said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True,
                                  check=False)
            score = re.search(r"exposure level for .*: ([0-9.]+)", said.stdout)
            self.assertIsNotNone(score, said.stdout + said.stderr)
            self.assertLessEqual(float(score.group(1)), 1.2)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not there")
    def test_manual_pages(self):
        for name in sorted(os.listdir(os.path.join(ROOT, "man"))):
            if name[-1] in "578":
                said = subprocess.run(["mandoc", "-T", "lint", "-W", "error", os.path.join(ROOT, "man", name)], capture_output=True,
                                      text=True, check=False)
                self.assertEqual(said.returncode, 0, said.stdout)


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class Unprivileged(unittest.TestCase):
    """Any number of instances run unprivileged, each in a folder of its own, with no more written than its paths."""

    def test_two_instances_of_nobody(self):
        with Place() as place:
            for daemon in DAEMONS:              # the build may lie where nobody may not look
                shutil.copy(os.path.join(BUILD, "bin", "gatepost-" + daemon), place.path("gatepost-" + daemon))
            for n in ("one", "two"):
                folder = place.folder(n, 0o755, "nobody")
                path = place.write(f"{n}/gatepost.yaml", f"""\
domains: [example.com]
process: {{run_directory: run, state_directory: state}}
listen: {{socketmap: "unix:map.sock", policy: "unix:policy.sock", filter: "127.0.0.1:{place.port()}"}}
recipients: {{addresses: [bob@example.com]}}
filter: {{reinject: "127.0.0.1:1", virus: {{database: .}}}}
""")
                for daemon in DAEMONS:
                    place.start(f"{n}-{daemon}", [place.path("gatepost-" + daemon), "-f", "-c", path], user="nobody",
                                extra_groups=[])
                for daemon in DAEMONS:
                    wait_for(place.log(f"{n}-{daemon}") or f"{n}-{daemon}", lambda f=folder, d=daemon: answers(f"{f}/run/{d}.ctl"))
                with Socketmap(os.path.join(folder, "map.sock")) as c:
                    self.assertEqual(c.ask("bob@example.com"), "OK x")
