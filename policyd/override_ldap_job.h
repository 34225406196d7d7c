/* override_ldap_job.h - what override_ldap and its child say to each other.
 *
 * The answer is "ok N" (so many lines stand in the file now), "none" (the directory has none, and the file was left), or why it failed.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_OVERRIDE_LDAP_JOB_H
#define GATEPOST_POLICYD_OVERRIDE_LDAP_JOB_H

#include "lib/ldap/ldap_config.h"

struct override_ldap_job {
    span path, filter, who, rate;
    bool believe_none;
    struct ldap_config config;
    span config_bytes;
};

void override_ldap_job_encode(const struct override_ldap_job *job, struct buf *to);       /* config, not config_bytes */
bool override_ldap_job_decode(span bytes, struct override_ldap_job *out);                 /* spans point into bytes */

#endif
