/* sync_wire.c - what the sync engine and the process that reads the directory say to each other.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/sync_wire.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX ((uint64_t)1 << 62)

static void put_question(const struct sync_order *o, struct buf *to)
{
    ldap_put(to, o->config.base);
    ldap_put(to, o->filter);
    ldap_put_number(to, o->n_attributes);
    for (size_t i = 0; i < o->n_attributes; i++)
        ldap_put(to, o->attribute[i]);
    ldap_put(to, o->login);
    ldap_put_number(to, o->fold_local_part);
    ldap_put_number(to, o->leavers);
}

void sync_order_encode(const struct sync_order *o, struct buf *to)
{
    put_question(o, to);
    ldap_put_number(to, o->first_server);
    ldap_put_number(to, (uint64_t)o->method);
    ldap_put_number(to, o->active_directory);
    ldap_put_number(to, (uint64_t)o->interval_ms);
    ldap_put_number(to, (uint64_t)o->full_interval_ms);
    ldap_put(to, o->proposal_path);
    ldap_put(to, o->asked);
    ldap_config_encode(&o->config, to);
}

static bool take_bool(span *rest, bool *out)
{
    uint64_t n;

    if (!ldap_take_number(rest, 1, &n))
        return false;
    *out = n != 0;
    return true;
}

static bool take_question(span *rest, struct sync_order *o)
{
    uint64_t n;
    span base;

    if (!ldap_take(rest, &base) || !ldap_take(rest, &o->filter) || !ldap_take_number(rest, SYNC_ATTRIBUTES_MAX, &n))
        return false;
    for (o->n_attributes = 0; o->n_attributes < n; o->n_attributes++) {
        if (!ldap_take(rest, &o->attribute[o->n_attributes]))
            return false;
    }
    return ldap_take(rest, &o->login) && take_bool(rest, &o->fold_local_part) && take_bool(rest, &o->leavers);
}

bool sync_order_decode(span bytes, struct sync_order *out)
{
    struct sync_order o = { .first_server = 0 };
    uint64_t first, method, interval, full;

    if (!take_question(&bytes, &o) || !ldap_take_number(&bytes, LDAP_SERVERS_MAX, &first) || !ldap_take_number(&bytes, SYNC_USN, &method) ||
        !take_bool(&bytes, &o.active_directory) || !ldap_take_number(&bytes, NUMBER_MAX, &interval) || !ldap_take_number(&bytes, NUMBER_MAX, &full) ||
        !ldap_take(&bytes, &o.proposal_path) || !ldap_take(&bytes, &o.asked))
        return false;
    o.first_server = (size_t)first;
    o.method = (int)method;
    o.interval_ms = (int64_t)interval;
    o.full_interval_ms = (int64_t)full;
    o.config_bytes = bytes;
    if (!ldap_config_take(&bytes, &o.config) || bytes.n != 0)
        return false;
    *out = o;
    return true;
}

void sync_order_digest(const struct sync_order *o, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf b;

    buf_init(&b, 2 * LDAP_JOB_MAX + SYNC_DOMAINS_BYTES_MAX);
    put_question(o, &b);
    buf_append(&b, o->domains);
    if (b.overflow || EVP_Digest(buf_span(&b).p, b.len, digest, &n, EVP_sha256(), NULL) != 1)
        abort();
    for (unsigned i = 0; i < 32; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
    buf_free(&b);
}

void sync_note_encode(const struct sync_note *n, struct buf *to)
{
    ldap_put_number(to, n->said);
    ldap_put_number(to, n->number);
    ldap_put_number(to, n->serial);
    ldap_put_number(to, n->behind_ms);
    ldap_put_number(to, n->server);
    ldap_put(to, span_str(n->text));
    ldap_put(to, span_str(n->more));
}

/* An address keeps its bytes (it was checked to be one); words for people are made printable. */
static bool take_text(span *rest, bool plain, char *out, size_t size)
{
    span field;

    if (!ldap_take(rest, &field) || field.n >= size)
        return false;
    for (size_t i = 0; i < field.n; i++)
        out[i] = plain && ((unsigned char)field.p[i] < 0x20 || field.p[i] == 0x7f) ? '?' : field.p[i];
    out[field.n] = '\0';
    return true;
}

bool sync_note_decode(span bytes, struct sync_note *out)
{
    uint64_t said, server;

    if (!ldap_take_number(&bytes, SYNC_SAID_FAILED, &said) || !ldap_take_number(&bytes, NUMBER_MAX, &out->number) ||
        !ldap_take_number(&bytes, NUMBER_MAX, &out->serial) || !ldap_take_number(&bytes, NUMBER_MAX, &out->behind_ms) ||
        !ldap_take_number(&bytes, LDAP_SERVERS_MAX, &server) ||
        !take_text(&bytes, said != SYNC_SAID_ADDED, out->text, sizeof(out->text)) || !take_text(&bytes, true, out->more, sizeof(out->more)))
        return false;
    out->said = (enum sync_said)said;
    out->server = (size_t)server;
    return bytes.n == 0;
}
