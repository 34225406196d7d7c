"""A real slapd on loopback, with a few people in it.

SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""
import subprocess

from .place import answers, wait_for

BASE = "dc=example,dc=com"
PASSWORD = "directory-secret"

# proxyAddresses as Active Directory has it: a string without case.
AD_SCHEMA = """\
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.2.840.113556.1.4.7000.102.5061 NAME 'msExchRequireAuthToSendTo' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.2.840.113556.1.4.7000.102.50949 NAME 'msExchRecipientTypeDetails' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
objectclass ( 1.3.6.1.4.1.99999.1 NAME 'gatepostTestRecipient' SUP top AUXILIARY
  MAY ( proxyAddresses $ mail $ msExchRequireAuthToSendTo $ userAccountControl $ msExchRecipientTypeDetails ) )
"""


# For Slapd(conf=, db_conf=): it tells changes by itself (RFC 4533).
SYNCPROV = {"conf": "moduleload syncprov", "db_conf": "overlay syncprov\nindex entryUUID,entryCSN eq"}


def person(p, domain="example.com"):
    return (f"dn: uid={p},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: gatepostTestRecipient\nuid: {p}\ncn: {p}\n"
            f"sn: {p}\nmail: {p}@{domain}\nproxyAddresses: SMTP:{p}@{domain}\n"
            f"proxyAddresses: smtp:{p}.alias@{domain}\nproxyAddresses: SIP:{p}.sip@{domain}\n\n")


class Slapd:
    def __init__(self, place, people=("bob", "carol"), more_ldif="", conf="", name="slapd", db_conf="", access="access to * by * read", listen="", quick=False):
        self.place, self.name = place, name
        self.port = place.port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.listen = f"{self.url} {listen}".strip()
        db = place.folder(name + ".db", 0o700)
        schema = place.write(name + ".schema", AD_SCHEMA)
        self.conf = place.write(name + ".conf", f"""\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {schema}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {place.path(name + '.pid')}
{conf}
database mdb
suffix "{BASE}"
rootdn "cn=admin,{BASE}"
rootpw {PASSWORD}
directory {db}
index objectClass eq
index mail eq
{db_conf}
{access}
""")
        ldif = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
        ldif += "".join(person(p) for p in people)
        path = place.write(name + ".ldif", ldif + more_ldif)
        subprocess.run(["/usr/sbin/slapadd", *(["-q"] if quick else []), "-f", self.conf, "-l", path], check=True, capture_output=True)

    def start(self):
        self.process = self.place.start(self.name, ["/usr/sbin/slapd", "-f", self.conf, "-h", self.listen, "-d", "0"])
        wait_for("slapd", lambda: answers(("127.0.0.1", self.port)))
        return self

    def change(self, ldif):
        """What ldapmodify(1) reads; records without changetype are added."""
        subprocess.run(["/usr/bin/ldapmodify", "-x", "-a", "-H", self.url, "-D", f"cn=admin,{BASE}", "-w", PASSWORD], input=ldif, text=True,
                       check=True, capture_output=True)

    def add(self, *people):
        self.change("".join(person(p) for p in people))

    def remove(self, *people):
        self.change("".join(f"dn: uid={p},{BASE}\nchangetype: delete\n\n" for p in people))

    def stop(self):
        self.place.stop(self.process)
