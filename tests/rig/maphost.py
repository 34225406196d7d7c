"""socketmapd by itself, in a place of its own.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import pwd

from .gatepost import Gatepost
from .place import USER
from .placetest import PlaceTest
from .raw import Socketmap
from .slapd import BASE, PASSWORD


class MapHost:
    def __init__(self, place, recipients, more=""):
        self.place = place
        self.recipients, self.more = recipients, more
        self.socket = place.path("map.sock")
        self.gatepost = Gatepost(place, self.yaml())

    def yaml(self, **changes):
        p = dict({"recipients": self.recipients, "more": self.more, "domains": "[example.com]"}, **changes)
        return f"""\
mode: enforce
domains: {p['domains']}
process: {{user: nobody, run_directory: run, state_directory: state, hostname: mx.example.com}}
listen: {{socketmap: "unix:map.sock", mode: "0666"}}
recipients: {p['recipients']}
filter: {{reinject: "127.0.0.1:1"}}
log: {{level: debug}}
{p['more']}
"""

    @property
    def pid(self):
        return self.gatepost.processes["socketmapd"].pid

    def start(self):
        self.gatepost.start("socketmapd")
        return self

    def stop(self, *how):
        self.gatepost.stop("socketmapd", *how)

    def restart(self, *how):
        self.stop(*how)
        self.start()

    def reload(self, **changes):
        self.gatepost.configure(self.yaml(**changes))
        said = self.gatepost.ctl("reload")
        if said.returncode != 0:
            raise RuntimeError(said.stdout + said.stderr)

    def client(self):
        return Socketmap(self.socket)

    def ask(self, key, name="recipients"):
        with self.client() as c:
            return c.ask(key, name=name)

    def ctl(self, *args):
        return self.gatepost.ctl("recipient", *args)

    def status(self):
        return self.ctl("sync", "status").stdout

    def log(self):
        return self.place.log("socketmapd")

    def secret(self):
        """A file with the directory's password, readable for the daemon."""
        path = self.place.write("ldap.secret", PASSWORD + "\n", 0o600)
        if os.geteuid() == 0:
            os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
        return path


def bind():
    return f"bind: {{user: \"cn=admin,{BASE}\", password_file: ldap.secret}}"


class MapTest(PlaceTest):
    """prepare() makes cls.host, started."""

    daemons = ("socketmapd",)

    @classmethod
    def make(cls):
        cls.prepare()

    def eventually(self, what, test, seconds=15):
        super().eventually(what, test, seconds)

    def assertTold(self, text):
        self.assertLogged("socketmapd", text)
