/* ldap_job.c - what source_ldap and its child say to each other: fields that each end in a NUL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ldap_job.h"

static void put(struct buf *to, span field)
{
    buf_append(to, field);
    buf_append_char(to, '\0');
}

static void put_number(struct buf *to, uint64_t n)
{
    buf_printf(to, "%llu", (unsigned long long)n);
    buf_append_char(to, '\0');
}

static bool take(span *rest, span *field_out)
{
    size_t end = span_find(*rest, '\0');

    if (end >= rest->n)
        return false;
    *field_out = span_head(*rest, end);
    *rest = span_from(*rest, end + 1);
    return true;
}

static bool take_number(span *rest, uint64_t max, uint64_t *out)
{
    span field;

    return take(rest, &field) && span_to_u64(field, out) && *out <= max;
}

void ldap_config_encode(const struct ldap_config *c, struct buf *to)
{
    put_number(to, c->n_servers);
    for (size_t i = 0; i < c->n_servers; i++)
        put(to, c->servers[i]);
    put(to, c->base);
    put(to, c->bind_user);
    put(to, c->password);
    put(to, c->ca_file);
    put_number(to, c->starttls);
    put_number(to, c->skip_references);
    put_number(to, (uint64_t)c->timeout_ms);
}

static bool take_config(span *rest, struct ldap_config *c)
{
    uint64_t n, starttls, skip, timeout;

    if (!take_number(rest, LDAP_SERVERS_MAX, &n) || n == 0)
        return false;
    for (c->n_servers = 0; c->n_servers < n; c->n_servers++)
        if (!take(rest, &c->servers[c->n_servers]))
            return false;
    if (!take(rest, &c->base) || !take(rest, &c->bind_user) || !take(rest, &c->password) || !take(rest, &c->ca_file) ||
        !take_number(rest, 1, &starttls) || !take_number(rest, 1, &skip) || !take_number(rest, 1000000, &timeout))
        return false;
    c->starttls = starttls != 0;
    c->skip_references = skip != 0;
    c->timeout_ms = (int64_t)timeout;
    return true;
}

void ldap_job_encode(span config_bytes, size_t first_server, span filter, struct buf *to)
{
    put_number(to, first_server);
    put(to, filter);
    buf_append(to, config_bytes);
}

bool ldap_job_decode(span bytes, struct ldap_job *out)
{
    struct ldap_job job = { 0 };
    uint64_t first;
    span rest = bytes;

    if (!take_number(&rest, LDAP_SERVERS_MAX, &first) || !take(&rest, &job.filter))
        return false;
    job.first_server = (size_t)first;
    job.config_bytes = rest;
    if (!take_config(&rest, &job.config) || rest.n != 0)
        return false;
    *out = job;
    return true;
}

void ldap_reply_encode(const struct ldap_reply *r, struct buf *to)
{
    put_number(to, (uint64_t)r->answer);
    put_number(to, r->server);
    put(to, span_str(r->detail));
}

bool ldap_reply_decode(span bytes, struct ldap_reply *out)
{
    struct ldap_reply r = { 0 };
    uint64_t answer, server;
    span detail;

    if (!take_number(&bytes, RCPT_VALID, &answer) || !take_number(&bytes, LDAP_SERVERS_MAX, &server) || !take(&bytes, &detail) ||
        bytes.n != 0 || detail.n >= sizeof(r.detail))
        return false;
    r.answer = (enum rcpt_answer)answer;
    r.server = (size_t)server;
    for (size_t i = 0; i < detail.n; i++)
        r.detail[i] = detail.p[i] >= 0x20 && detail.p[i] < 0x7f ? detail.p[i] : '?';
    *out = r;
    return true;
}
