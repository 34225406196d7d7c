/* ldap_job.h - what source_ldap and its child say to each other.
 *
 * Pure.  A job carries the whole configuration (lib/ldap/ldap_config.h).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LDAP_JOB_H
#define GATEPOST_SOCKETMAPD_LDAP_JOB_H

#include "lib/ldap/ldap_config.h"
#include "socketmapd/source.h"

enum { LDAP_REPLY_MAX = 2048 };

struct ldap_job {
    struct ldap_config config;
    span config_bytes;                  /* the encoded config, for comparing */
    size_t first_server;                /* begin with this one */
    span filter;
};

struct ldap_reply {
    enum rcpt_answer answer;
    bool internal;                      /* msExchRequireAuthToSendTo */
    size_t server;                      /* that answered; n_servers when none did */
    char detail[512];                   /* DN, or what went wrong; printable ASCII */
};

void ldap_job_encode(span config_bytes, size_t first_server, span filter, struct buf *to);
bool ldap_job_decode(span bytes, struct ldap_job *out);      /* spans point into bytes */
void ldap_reply_encode(const struct ldap_reply *r, struct buf *to);
bool ldap_reply_decode(span bytes, struct ldap_reply *out);

int ldap_child_run(int argc, char **argv);                   /* child role "ldap" */

#endif
