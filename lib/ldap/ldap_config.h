/* ldap_config.h - which directory is asked, and how: from settings, and from a daemon to its child.
 *
 * A job for a child carries the whole configuration, so that the child needs no start-up dialogue and a reload no new child: it keeps
 * its connection as long as the configuration bytes stay the same.  Fields that each end in a NUL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_LDAP_LDAP_CONFIG_H
#define GATEPOST_LDAP_LDAP_CONFIG_H

#include "lib/base/buf.h"
#include "lib/settings/settings.h"

enum { LDAP_JOB_MAX = 16 * 1024, LDAP_SERVERS_MAX = 16,
       LDAP_SRV_HOSTS = 3 };                /* an SRV name stands for so many servers: a URL of its own each */

struct ldap_config {
    span servers[LDAP_SERVERS_MAX];     /* URLs, in order of preference */
    size_t n_servers;
    span base, bind_user, password, ca_file, certificate, key, keytab;
    int bind_method;                    /* enum ldap_bind_method */
    bool starttls;                      /* ldap:// URLs are secured before the bind */
    bool skip_references;               /* search references are normal here (AD) and prove nothing */
    int64_t timeout_ms;                 /* of one step with one server */
};

/* Where the settings of a directory stand. */
struct ldap_settings {
    const struct conf_strings *servers;
    const char *base;
    const struct set_ldap_bind *bind;
    int tls;                            /* enum ldap_tls */
    const char *ca_file;
    int64_t timeout_ms;                 /* of all servers together */
};

/* Reads the password file into `password`, which must live as long as *c.  0, or -1 with err. */
int ldap_config_fill(const struct ldap_settings *set, struct ldap_config *c, struct buf *password, struct errtext *err);
void ldap_config_encode(const struct ldap_config *c, struct buf *to);
bool ldap_config_take(span *rest, struct ldap_config *c);    /* spans point into the bytes, and end in NUL there */

bool ldap_url_is_srv(span url);                  /* ldaps+srv://DOMAIN: servers of SRV records (RFC 2782) */

/* Single fields of a message. */
void ldap_put(struct buf *to, span field);
void ldap_put_number(struct buf *to, uint64_t n);
bool ldap_take(span *rest, span *field_out);
bool ldap_take_number(span *rest, uint64_t max, uint64_t *out);

#endif
