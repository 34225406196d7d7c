/* directory.h - a connection to a directory, for a child process: these calls block.
 *
 * libldap cannot be bounded from inside (no option limits its TLS handshake) and resolves names blocking, so it lives in a child that
 * the daemon kills at the deadline.  One connection is kept as long as the configuration stays the same.
 * Source:    RFC 4511, ldap_search_ext(3).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_LDAP_DIRECTORY_H
#define GATEPOST_LDAP_DIRECTORY_H

#include <ldap.h>

#include "lib/ldap/ldap_config.h"

struct directory {
    LDAP *ld;
    struct buf config_bytes;      /* of the configuration that `ld` was made for */
    size_t server;
    char *base;
    int64_t used_s;               /* of directory_now_s, when it was of use last */
};

/* Goes through the servers once, beginning with `first`; an open connection of the same configuration is kept.  0, or -1 with words in detail. */
int directory_connect(struct directory *d, const struct ldap_config *c, span config_bytes, size_t first, char *detail, size_t size);
void directory_close(struct directory *d);
/* ldap_search_ext_s(3), but never success without a result: on a connection that is lost libldap may say so, and "no entry" would be read
 * out of it.  *res_out is NULL or to be freed, whatever the code. */
int directory_search(LDAP *ld, const char *base, int scope, const char *filter, char **attrs, LDAPControl **controls, int64_t timeout_ms, int most,
                     LDAPMessage **res_out);
/* "URL: STEP: what" */
void directory_failure(LDAP *ld, int rc, const char *step, const char *url, char *detail, size_t size);
int64_t directory_now_s(void);                   /* monotonic */

#endif
