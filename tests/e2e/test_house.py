"""The house as a whole: snippets, installation, units, checks of the file, privileges.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from rig import mails, smtp
from rig.house import HouseTest
from rig.place import BUILD, ROOT, Place
from rig.postfix import PEERS

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
    """The inner server's own port: trusted, so spam rules are silent; viruses are refused."""
    options = {"services": ("mx-in.cf",)}

    def test_trusted(self):
        self.assertReply(self.house.send(mails.gtube(), source="127.0.0.9"), 250)
        self.assertReply(self.house.send(mails.eicar_zip(), source="127.0.0.9"), 554, "virus")


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

    def test_the_shipped_files_are_good(self):
        for name in ("gatepost.yaml",):
            for daemon in DAEMONS:
                said = subprocess.run([os.path.join(BUILD, "bin", "gatepost-" + daemon), "-t", "-c", os.path.join(ROOT, "config", name)],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(said.returncode, 0, daemon + said.stdout + said.stderr)

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
