"""A real Sendmail of its own, with the fragment of config/sendmail/ as a user would paste it.

The one that tests/deps.sh unpacked into build/peers: Debian's package would take Postfix' place.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import re
import subprocess

from .place import ROOT, answers, wait_for

PEERS = os.path.join(ROOT, "build", "peers", "sendmail")
FRAGMENT = os.path.join(ROOT, "config", "sendmail", "gatepost.m4")


def available():
    return os.geteuid() == 0 and os.path.exists(os.path.join(PEERS, "usr/libexec/sendmail/sendmail"))


class Sendmail:
    def __init__(self, place, map_port, domain="example.com"):
        self.place, self.port = place, place.port()
        self.queue = place.folder("sendmail-queue", 0o700)
        cf = os.path.join(PEERS, "usr/share/sendmail/cf")
        with open(FRAGMENT, encoding="ascii") as f:
            fragment = re.sub(r"inet:10028@", f"inet:{map_port}@", f.read())
        mc = place.write("sendmail.mc", f"""\
include(`{cf}/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.example.com')dnl
define(`confPID_FILE', `{place.path('sendmail.pid')}')dnl
define(`QUEUE_DIR', `{self.queue}')dnl
define(`STATUS_FILE', `{place.path('sendmail.st')}')dnl
define(`ALIAS_FILE', `{place.write('aliases', '')}')dnl
define(`confCW_FILE', `-o {place.path('local-host-names')}')dnl
define(`confTO_IDENT', `0')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
DAEMON_OPTIONS(`Port={self.port}, Addr=127.0.0.1, Name=MTA')dnl
RELAY_DOMAIN(`{domain}')dnl
MAILER(`smtp')dnl
{fragment}
""")
        made = subprocess.run(["m4", "-I", cf, mc], capture_output=True, text=True, check=True)
        self.cf = place.write("sendmail.cf", made.stdout)

    def start(self):
        """In a UTS namespace of its own: without a full host name Sendmail sleeps a minute."""
        binary = os.path.join(PEERS, "usr/libexec/sendmail/sendmail")
        self.process = self.place.start("sendmail", ["/usr/bin/unshare", "-u", "/bin/sh", "-c",
                                                     f"hostname mx.example.com && exec {binary} -C {self.cf} -bD"])
        wait_for("Sendmail", lambda: answers(("127.0.0.1", self.port)), 30)
        return self
