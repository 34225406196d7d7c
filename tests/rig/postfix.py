"""A real Postfix of its own, with the services of config/postfix/ as a user would paste them.

Only addresses and ports are exchanged; every other word of the snippets is used as printed.  The Postfix is the
one that tests/deps.sh unpacked into build/peers, so that one installed on the machine is never touched.
SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import os
import pwd
import re
import subprocess

from .place import ROOT, USER, answers, wait_for

PEERS = os.path.join(ROOT, "build", "peers", "root")
SNIPPETS = os.path.join(ROOT, "config", "postfix")

# The services that a Debian master.cf has beside the ones that the snippets replace.
MASTER_REST = """\
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""

QUEUE_FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid",
                 "private", "public", "saved", "trace")


def mail_owner():
    """Postfix wants an account of its own; one of Debian's fixed ones serves where there is no "postfix"."""
    for name in ("postfix", "news"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise RuntimeError("neither the account postfix nor news is there")


def group_name():
    import grp
    for name in ("postdrop", "uucp"):
        try:
            return grp.getgrnam(name).gr_name
        except KeyError:
            pass
    raise RuntimeError("neither the group postdrop nor uucp is there")


def snippet(name, service_address, filter_address, reinject_address):
    """The text of one snippet with our addresses in it."""
    with open(os.path.join(SNIPPETS, name), encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"^(smtp|submission|2525)(\s+inet)", lambda m: service_address + m.group(2), text, flags=re.M)
    text = text.replace("127.0.0.1:10025", filter_address).replace("127.0.0.1:10026", reinject_address)
    return text.replace("10.20.0.10", "127.0.0.9")


def without(base, later):
    """The lines of `base` whose parameter `later` does not set.  Set twice, every process says so as it starts, postlogd too: to its own socket, which it
    does not read yet, and whose ten places the others may have taken; then all wait for ever."""
    again = set(re.findall(r"^(\w+)\s*=", later, re.M))
    return "".join(line for line in base.splitlines(True) if line.split("=")[0].strip() not in again)


class Postfix:
    """services: {snippet file: port}.  The sockets of policyd and socketmapd lie in queue/gatepost, as the snippets say."""

    def __init__(self, place, services, filter_port, inner_port, main="", master="", domain="example.com"):
        if os.geteuid() != 0:
            raise PermissionError("Postfix' master runs as root only: use root or sudo")
        self.place, self.services = place, services
        self.reinject_port = place.port()
        self.queue = place.folder("queue")
        self.config = place.folder("postfix")
        self.log = place.path("mail.log")
        self.sockets = place.folder("queue/gatepost", 0o755, USER)
        self._folders()
        self._main(main, domain, inner_port)
        self._master(filter_port, master)
        self.env = {"LD_LIBRARY_PATH": os.path.join(PEERS, "usr/lib/postfix"), "MAIL_CONFIG": self.config}

    def _folders(self):
        owner = mail_owner()
        for name in QUEUE_FOLDERS:
            path = self.place.folder("queue/" + name, 0o700 if name not in ("public", "pid", "maildrop") else 0o755)
            if name != "pid":
                os.chown(path, owner.pw_uid, -1)
        data = self.place.folder("data", 0o700)
        os.chown(data, owner.pw_uid, -1)

    def _main(self, more, domain, inner_port):
        with open(os.path.join(SNIPPETS, "main.cf"), encoding="utf-8") as f:
            pasted = f.read()
        lib = os.path.join(PEERS, "usr/lib/postfix")
        base = f"""\
compatibility_level = 3.6
queue_directory = {self.queue}
data_directory = {self.place.path('data')}
daemon_directory = {lib}/sbin
command_directory = {PEERS}/usr/sbin
shlib_directory = {lib}
meta_directory = {self.config}
mail_owner = {mail_owner().pw_name}
setgid_group = {group_name()}
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH POSTLOG_SERVICE POSTLOG_HOSTNAME
maillog_file = {self.log}
maillog_file_prefixes = {self.place.dir}
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.example.com
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.9/32
relay_domains = {domain}
relay_transport = relay:[127.0.0.1]:{inner_port}
smtp_tls_security_level = none
smtp_line_length_limit = 0
smtp_dns_support_level = disabled
smtp_host_lookup = native
in_flow_delay = 0
anvil_rate_time_unit = 60s
"""
        self.place.write("postfix/main.cf", without(base, pasted + "\n" + more) + f"{pasted}\n{more}\n")
        self.place.write("postfix/dynamicmaps.cf", f"ldap\t{lib}/postfix-ldap.so\tdict_ldap_open\n")

    def _master(self, filter_port, more):
        reinject = f"127.0.0.1:{self.reinject_port}"
        parts = [snippet("reinject.cf", reinject, f"127.0.0.1:{filter_port}", reinject)]
        for name, port in self.services.items():
            parts.append(snippet(name, f"127.0.0.1:{port}", f"127.0.0.1:{filter_port}", reinject))
        self.place.write("postfix/master.cf", "\n".join(parts) + "\n" + MASTER_REST + more)

    def start(self):
        master = os.path.join(PEERS, "usr/lib/postfix/sbin/master")
        self.process = self.place.start("postfix", [master, "-c", self.config, "-d"], self.env)
        for port in [self.reinject_port, *self.services.values()]:
            wait_for(f"Postfix on port {port} (see {self.log})", lambda p=port: answers(("127.0.0.1", p)))
        return self

    def stop(self):
        self.place.stop(self.process)

    def port(self, name="mx-in.cf"):
        return self.services[name]

    def postconf(self, *args):
        return subprocess.run([os.path.join(PEERS, "usr/sbin/postconf"), "-c", self.config, *args], env=dict(os.environ, **self.env),
                              capture_output=True, text=True, check=True).stdout

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""
