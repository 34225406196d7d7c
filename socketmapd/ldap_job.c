/* ldap_job.c - what source_ldap and its child say to each other: fields that each end in a NUL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ldap_job.h"

void ldap_job_encode(span config_bytes, size_t first_server, span filter, struct buf *to)
{
    ldap_put_number(to, first_server);
    ldap_put(to, filter);
    buf_append(to, config_bytes);
}

bool ldap_job_decode(span bytes, struct ldap_job *out)
{
    struct ldap_job job = { 0 };
    uint64_t first;
    span rest = bytes;

    if (!ldap_take_number(&rest, LDAP_SERVERS_MAX, &first) || !ldap_take(&rest, &job.filter))
        return false;
    job.first_server = (size_t)first;
    job.config_bytes = rest;
    if (!ldap_config_take(&rest, &job.config) || rest.n != 0)
        return false;
    *out = job;
    return true;
}

void ldap_reply_encode(const struct ldap_reply *r, struct buf *to)
{
    ldap_put_number(to, (uint64_t)r->answer);
    ldap_put_number(to, r->internal);
    ldap_put_number(to, r->server);
    ldap_put(to, span_str(r->detail));
}

bool ldap_reply_decode(span bytes, struct ldap_reply *out)
{
    struct ldap_reply r = { 0 };
    uint64_t answer, internal, server;
    span detail;

    if (!ldap_take_number(&bytes, RCPT_VALID, &answer) || !ldap_take_number(&bytes, 1, &internal) ||
        !ldap_take_number(&bytes, LDAP_SERVERS_MAX, &server) || !ldap_take(&bytes, &detail) ||
        bytes.n != 0 || detail.n >= sizeof(r.detail))
        return false;
    r.answer = (enum rcpt_answer)answer;
    r.internal = internal != 0;
    r.server = (size_t)server;
    for (size_t i = 0; i < detail.n; i++)
        r.detail[i] = detail.p[i] >= 0x20 && detail.p[i] < 0x7f ? detail.p[i] : '?';
    *out = r;
    return true;
}
