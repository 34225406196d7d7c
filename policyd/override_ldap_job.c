/* override_ldap_job.c - what override_ldap and its child say to each other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/override_ldap_job.h"

void override_ldap_job_encode(const struct override_ldap_job *job, struct buf *to)
{
    ldap_put(to, job->path);
    ldap_put(to, job->filter);
    ldap_put(to, job->who);
    ldap_put(to, job->rate);
    ldap_put_number(to, job->believe_none);
    ldap_config_encode(&job->config, to);
}

bool override_ldap_job_decode(span bytes, struct override_ldap_job *out)
{
    uint64_t believe;
    span rest = bytes;

    *out = (struct override_ldap_job){ .believe_none = false };
    if (!ldap_take(&rest, &out->path) || !ldap_take(&rest, &out->filter) || !ldap_take(&rest, &out->who) || !ldap_take(&rest, &out->rate) ||
        !ldap_take_number(&rest, 1, &believe))
        return false;
    out->believe_none = believe != 0;
    out->config_bytes = rest;
    return ldap_config_take(&rest, &out->config) && rest.n == 0;
}
