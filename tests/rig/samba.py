"""A real Samba Active Directory domain controller, in a network namespace of its own (its ports are fixed).

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import base64
import datetime
import os
import shutil
import subprocess

from .place import wait_for

BASE = "DC=example,DC=com"
ADMIN, PASSWORD = "administrator@example.com", "Directory-Secret-1"
URL = "ldaps://127.0.0.1"


def available():
    return os.geteuid() == 0 and shutil.which("samba") is not None and shutil.which("samba-tool") is not None


def unicode_password(text):
    """As unicodePwd has it in LDIF."""
    return base64.b64encode(f'"{text}"'.encode("utf-16-le")).decode()


class Samba:
    def __init__(self, place):
        self.place = place
        hosts = place.write("hosts", "127.0.0.1 localhost dc1.example.com dc2.example.com\n")
        resolver = place.write("resolv.conf", "nameserver 127.0.0.1\n")
        begin = (f"ip link set lo up && mount --make-rprivate / && mount --bind {hosts} /etc/hosts && mount --bind {resolver} /etc/resolv.conf"
                 " && echo up && exec sleep 3600")
        self.holder = place.start("netns", ["/usr/bin/unshare", "-n", "-m", "/bin/sh", "-c", begin])
        wait_for("the namespace", lambda: "up" in place.log("netns"))
        self.inside = ["/usr/bin/nsenter", f"--net=/proc/{self.holder.pid}/ns/net", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        self.dir = place.path("samba")
        self._run(["samba-tool", "domain", "provision", f"--targetdir={self.dir}", "--realm=EXAMPLE.COM", "--domain=EXAMPLE", "--server-role=dc",
                   "--dns-backend=NONE", f"--adminpass={PASSWORD}", "--host-ip=127.0.0.1", "--host-name=dc1", "--quiet"])
        self._configure()
        self.certificate(2)

    def _run(self, argv, **more):
        p = subprocess.run([*self.inside, *argv], capture_output=True, text=True, check=False, **more)
        if p.returncode != 0:
            raise RuntimeError(f"{argv}: {p.stdout}{p.stderr}")
        return p.stdout

    def certificate(self, days):
        """For 127.0.0.1, valid so long from yesterday on; -1: expired.  It is its own authority."""
        day = datetime.datetime.now(datetime.timezone.utc)
        dates = [(day + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in (-3, days)]
        run = {"check": True, "capture_output": True, "cwd": self.dir}
        if not os.path.exists(self.key):
            subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dc1.example.com", "-keyout", self.key,
                            "-out", "request.pem"], **run)
            os.chmod(self.key, 0o600)
        self.place.write("samba/ca.cnf", f"""\
[ca]
default_ca = own
[own]
database = {self.place.write("samba/index.txt", "")}
rand_serial = yes
new_certs_dir = {self.dir}
default_md = sha256
policy = any
x509_extensions = names
unique_subject = no
[any]
commonName = supplied
[names]
basicConstraints = CA:TRUE
subjectAltName = IP:127.0.0.1,DNS:dc1.example.com
""")
        subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", "ca.cnf", "-keyfile", self.key, "-in", "request.pem", "-out", self.ca,
                        "-notext", "-startdate", dates[0], "-enddate", dates[1]], **run)
        os.chmod(self.ca, 0o644)

    def _configure(self):
        self.key, self.ca = self.place.path("samba/key.pem"), self.place.path("samba.crt")
        self.conf = self.place.path("samba/etc/smb.conf")
        own = {"server services": "ldap kdc", "interfaces": "lo", "bind interfaces only": "yes", "pid directory": self.place.folder("samba/run"),
               "ncalrpc dir": self.place.folder("samba/ncalrpc"), "tls keyfile": self.key, "tls certfile": self.ca, "tls cafile": self.ca}
        with open(self.conf, encoding="ascii") as f:
            text = f.read()
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(text.replace("[global]", "[global]\n" + "".join(f"\t{k} = {v}\n" for k, v in own.items()), 1))

    def start(self):
        self.process = self.place.start("samba", [*self.inside, "samba", "-i", "--model=single", f"--configfile={self.conf}", "--debuglevel=1"])
        wait_for("Samba", lambda: self.process.poll() is None and self._answers(), 30)
        return self

    def _answers(self):
        return subprocess.run([*self.inside, "/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/636"], capture_output=True, check=False).returncode == 0

    def names(self):
        """A DNS server with the records that find the controllers."""
        conf = self.place.write("unbound.conf", """\
server:
  interface: 127.0.0.1
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  pidfile: ""
  module-config: "iterator"
  local-zone: "example.com." static
  local-data: "_ldap._tcp.example.com. SRV 0 100 389 dc1.example.com."
  local-data: "_ldap._tcp.example.com. SRV 10 100 389 nowhere.example.com."
  local-data: "dc1.example.com. A 127.0.0.1"
  local-data: "nowhere.example.com. A 127.0.0.99"
""")
        self.place.start("unbound", [*self.inside, "unbound", "-d", "-p", "-c", conf])
        wait_for("unbound", lambda: subprocess.run([*self.inside, "/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/53"], capture_output=True,
                                                   check=False).returncode == 0)

    def keytab(self, name):
        """For user NAME; and what Kerberos has to know, as environment."""
        path = self.place.path(name + ".keytab")
        self._run(["samba-tool", "domain", "exportkeytab", path, f"--principal={name}", f"--configfile={self.conf}"])
        conf = self.place.write("krb5.conf", """\
[libdefaults]
  default_realm = EXAMPLE.COM
  dns_lookup_kdc = false
  rdns = false
  dns_canonicalize_hostname = false
[realms]
  EXAMPLE.COM = {
    kdc = 127.0.0.1
  }
[domain_realm]
  .example.com = EXAMPLE.COM
""")
        return path, {"KRB5_CONFIG": conf}

    def stop(self, *how):
        self.place.stop(self.process, *how)

    def change(self, ldif):
        self._run(["ldapmodify", "-x", "-a", "-H", URL, "-D", ADMIN, "-w", PASSWORD], input=ldif,
                  env=dict(os.environ, LDAPTLS_CACERT=self.ca))

    def user(self, name, *addresses, control=512, more=""):
        """control 514 is a disabled account."""
        proxies = "".join(f"proxyAddresses: {a}\n" for a in addresses)
        return (f"dn: CN={name},CN=Users,{BASE}\nobjectClass: user\nsAMAccountName: {name}\nuserAccountControl: {control | 32}\n{proxies}{more}\n")

    def remove(self, name):
        self.change(f"dn: CN={name},CN=Users,{BASE}\nchangetype: delete\n\n")
