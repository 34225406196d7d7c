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
objectclass ( 1.3.6.1.4.1.99999.1 NAME 'gatepostTestRecipient' SUP top AUXILIARY MAY ( proxyAddresses $ mail ) )
"""


class Slapd:
    def __init__(self, place, people=("bob", "carol"), more_ldif="", conf="", name="slapd"):
        self.place, self.name = place, name
        self.port = place.port()
        self.url = f"ldap://127.0.0.1:{self.port}"
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
access to * by * read
""")
        ldif = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
        for p in people:
            ldif += (f"dn: uid={p},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: gatepostTestRecipient\nuid: {p}\ncn: {p}\n"
                     f"sn: {p}\nmail: {p}@example.com\nproxyAddresses: SMTP:{p}@example.com\n"
                     f"proxyAddresses: smtp:{p}.alias@example.com\nproxyAddresses: SIP:{p}.sip@example.com\n\n")
        path = place.write(name + ".ldif", ldif + more_ldif)
        subprocess.run(["/usr/sbin/slapadd", "-f", self.conf, "-l", path], check=True, capture_output=True)

    def start(self):
        self.process = self.place.start(self.name, ["/usr/sbin/slapd", "-f", self.conf, "-h", self.url, "-d", "0"])
        wait_for("slapd", lambda: answers(("127.0.0.1", self.port)))
        return self

    def stop(self):
        self.place.stop(self.process)
