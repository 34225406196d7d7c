"""socketmapd is restarted, killed and reloaded under a Postfix at work, behind a socket that a service manager holds: nobody gets 451.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import signal
import socket
import threading
import time

from rig import smtp
from rig.house import HouseTest

CLIENTS = 8


class Restarts(HouseTest):
    engine = False

    @classmethod
    def setUpClass(cls):
        cls.options = {"main": "smtpd_junk_command_limit = 1000000\nsmtpd_error_sleep_time = 0\n"
                               "smtpd_hard_error_limit = 1000000\nsmtpd_soft_error_limit = 1000000\n"}
        super().setUpClass()

    @classmethod
    def prepare(cls):
        path = cls.place.path("queue/gatepost/socketmap.sock")
        cls.held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        cls.held.bind(path)
        os.chmod(path, 0o666)
        cls.held.listen(4096)
        cls.place.closers.append(cls.held.close)
        fd = cls.held.fileno()
        # What systemd does for gatepost-socketmapd.socket: sd_listen_fds(3).
        cls.house.gatepost.wrap = ["/bin/sh", "-c", f"exec 3<&{fd}; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=socketmap; exec \"$@\"", "sh"]
        cls.house.gatepost.configure(cls.house.yaml().replace("socketmap: \"unix:queue/gatepost/socketmap.sock\"", "socketmap: \"systemd:socketmap\""))
        cls.house.gatepost.pass_fds = (fd,)

    def setUp(self):
        self.wrong, self.n, self.stop = [], 0, threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(CLIENTS)]
        for t in self.threads:
            t.start()

    def ask(self):
        while not self.stop.is_set():
            with smtp.Client(("127.0.0.1", self.house.postfix.port()), "127.0.0.9") as c:
                c.cmd("EHLO trusted.example.com")
                c.cmd("MAIL FROM:<alice@sender.example>")
                for i in range(50):
                    known = i % 2 == 0
                    code = c.cmd(f"RCPT TO:<{'bob' if known else 'nobody'}@example.com>").code
                    self.n += 1
                    if code != (250 if known else 550):
                        self.wrong.append(code)

    def done(self):
        self.stop.set()
        for t in self.threads:
            t.join()
        self.assertEqual(self.wrong, [])
        self.assertGreater(self.n, 200)

    def again(self, sig):
        for _ in range(4):
            time.sleep(0.3)
            self.house.gatepost.stop("socketmapd", sig)
            time.sleep(0.2)
            self.house.gatepost.start("socketmapd")
        time.sleep(0.3)
        self.done()

    def test_restarts(self):
        self.again(signal.SIGTERM)

    def test_kills(self):
        self.again(signal.SIGKILL)

    def test_reloads(self):
        for _ in range(20):
            self.house.gatepost.reload("socketmapd")
            time.sleep(0.1)
        self.done()
