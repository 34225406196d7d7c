/* dnsc_parse.c - the answer section of a DNS message.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/dnsc_parse.h"

enum {
    HEADER = 12, RR_FIXED = 10, NAME_TEXT_MAX = 1025, POINTERS_MAX = 64,
    TYPE_CNAME = 5, TYPE_SOA = 6, CLASS_IN = 1, RECORDS_LOOKED_AT_MAX = 512,
};

struct cursor {
    span msg;
    size_t at;
};

struct rr {
    char owner[NAME_TEXT_MAX];
    size_t owner_n;
    unsigned type, class;
    uint32_t ttl;
    size_t data_at, data_n;
};

static unsigned u16_at(span m, size_t at)
{
    return (unsigned)(((unsigned char)m.p[at] << 8) | (unsigned char)m.p[at + 1]);
}

static uint32_t u32_at(span m, size_t at)
{
    return (uint32_t)u16_at(m, at) << 16 | u16_at(m, at + 2);
}

static bool put_label(span label, char *text, size_t *n)
{
    if (*n + label.n + 1 >= NAME_TEXT_MAX)
        return false;
    if (*n > 0)
        text[(*n)++] = '.';
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];

        if (c == '.' || c <= ' ' || c == 0x7f)
            return false;
        text[(*n)++] = ascii_lower(label.p[i]);
    }
    return true;
}

/* Reads a name, lower case, without trailing dot; *end_out is where the record goes on.  Compression pointers only lead back. */
static bool read_name(span m, size_t at, char *text, size_t *n_out, size_t *end_out)
{
    size_t n = 0, end = 0;

    for (int hops = 0; at < m.n;) {
        unsigned c = (unsigned char)m.p[at];

        if (c == 0) {
            *n_out = n;
            *end_out = end != 0 ? end : at + 1;
            return true;
        }
        if ((c & 0xc0) == 0xc0) {
            if (at + 2 > m.n || ++hops > POINTERS_MAX)
                return false;
            if (end == 0)
                end = at + 2;
            if ((u16_at(m, at) & 0x3fff) >= at)
                return false;
            at = u16_at(m, at) & 0x3fff;
            continue;
        }
        if ((c & 0xc0) != 0 || at + 1 + c > m.n || !put_label(span_of(m.p + at + 1, c), text, &n))
            return false;
        at += 1 + c;
    }
    return false;
}

static bool read_rr(struct cursor *c, struct rr *out)
{
    size_t at;

    if (!read_name(c->msg, c->at, out->owner, &out->owner_n, &at) || at + RR_FIXED > c->msg.n)
        return false;
    out->type = u16_at(c->msg, at);
    out->class = u16_at(c->msg, at + 2);
    out->ttl = u32_at(c->msg, at + 4);
    out->data_n = u16_at(c->msg, at + 8);
    out->data_at = at + RR_FIXED;
    if (out->ttl > INT32_MAX)
        out->ttl = 0;                  /* RFC 2181 8 */
    if (out->data_at + out->data_n > c->msg.n)
        return false;
    c->at = out->data_at + out->data_n;
    return true;
}

static bool skip_questions(struct cursor *c)
{
    char text[NAME_TEXT_MAX];
    size_t n;

    if (c->msg.n < HEADER)
        return false;
    c->at = HEADER;
    for (unsigned i = u16_at(c->msg, 4); i > 0; i--) {
        if (!read_name(c->msg, c->at, text, &n, &c->at) || c->at + 4 > c->msg.n)
            return false;
        c->at += 4;
    }
    return true;
}

/* The strings of a TXT record, joined (RFC 7208 3.3). */
static bool add_txt(span m, const struct rr *rr, struct buf *text)
{
    size_t at = rr->data_at, end = rr->data_at + rr->data_n;

    while (at < end) {
        size_t n = (unsigned char)m.p[at];

        if (at + 1 + n > end)
            return false;
        buf_append(text, span_of(m.p + at + 1, n));
        at += 1 + n;
    }
    return true;
}

static bool add_name(span m, size_t at, struct buf *text)
{
    char name[NAME_TEXT_MAX];
    size_t n, end;

    if (!read_name(m, at, name, &n, &end))
        return false;
    buf_append(text, span_of(name, n));
    return true;
}

static bool take_data(span m, const struct rr *rr, struct dnsc_record *r, struct buf *text)
{
    size_t fixed = 0;

    switch (rr->type) {
    case DNSC_A:
    case DNSC_AAAA:
        r->addr.family = rr->type == DNSC_A ? 4 : 6;
        if (rr->data_n != (rr->type == DNSC_A ? 4 : 16))
            return false;
        memcpy(r->addr.b, m.p + rr->data_at, rr->data_n);
        return true;
    case DNSC_TXT:
        return add_txt(m, rr, text);
    case DNSC_MX:
        fixed = 2;
        break;
    case DNSC_SRV:
        fixed = 6;
        break;
    default:
        break;
    }
    if (rr->data_n < fixed + 1)
        return false;
    if (fixed >= 2)
        r->priority = (uint16_t)u16_at(m, rr->data_at);
    if (fixed == 6) {
        r->weight = (uint16_t)u16_at(m, rr->data_at + 2);
        r->port = (uint16_t)u16_at(m, rr->data_at + 4);
    }
    return add_name(m, rr->data_at + fixed, text);
}

/* The buffer may move while it grows: texts are lengths first, and become spans at the end. */
static void resolve_texts(struct dnsc_record *records, size_t n, const size_t *ends, const struct buf *text)
{
    span all = buf_span(text);

    for (size_t i = 0, from = 0; i < n; from = ends[i], i++)
        records[i].text = span_of(all.p != NULL ? all.p + from : NULL, ends[i] - from);
}

struct chain {                       /* the name that is being looked for now */
    char name[NAME_TEXT_MAX];
    size_t n;
};

static bool follow(struct chain *ch, span m, const struct rr *rr)
{
    size_t end;

    return read_name(m, rr->data_at, ch->name, &ch->n, &end);
}

enum dnsc_parse dnsc_parse_answer(span m, span name, enum dnsc_type type, struct dnsc_record *records, size_t *n_out,
                                  uint32_t *ttl_out, struct buf *text)
{
    struct cursor c = { m, 0 };
    size_t n = 0, strange = 0, ends[DNSC_RECORDS_MAX];
    uint32_t ttl = UINT32_MAX;
    struct chain ch;
    unsigned left;

    if (!skip_questions(&c) || name.n >= sizeof(ch.name))
        return DNSC_PARSE_MALFORMED;
    memcpy(ch.name, name.p, name.n);
    ch.n = name.n;
    left = u16_at(m, 6);
    if (left > RECORDS_LOOKED_AT_MAX)
        left = RECORDS_LOOKED_AT_MAX;
    for (; left > 0; left--) {
        struct rr rr;

        if (!read_rr(&c, &rr))
            return DNSC_PARSE_MALFORMED;
        if (rr.class != CLASS_IN || !span_eq(span_of(rr.owner, rr.owner_n), span_of(ch.name, ch.n))) {
            strange += rr.type == (unsigned)type;
            continue;
        }
        if (rr.type == TYPE_CNAME && !follow(&ch, m, &rr))
            return DNSC_PARSE_MALFORMED;
        if (rr.type == (unsigned)type && n < DNSC_RECORDS_MAX) {
            records[n] = (struct dnsc_record){ .ttl_s = rr.ttl };
            if (!take_data(m, &rr, &records[n], text))
                return DNSC_PARSE_MALFORMED;
            ends[n++] = text->len;
        }
        if ((rr.type == TYPE_CNAME || rr.type == (unsigned)type) && rr.ttl < ttl)
            ttl = rr.ttl;
    }
    if ((n == 0 && strange > 0) || text->overflow)
        return DNSC_PARSE_MALFORMED;
    resolve_texts(records, n, ends, text);
    *n_out = n;
    *ttl_out = ttl;
    return DNSC_PARSE_OK;
}

bool dnsc_parse_is_referral(span m)
{
    enum { AA = 0x0400, RA = 0x0080 };

    return m.n >= HEADER && (u16_at(m, 2) & (AA | RA)) == 0 && u16_at(m, 6) == 0 && u16_at(m, 8) > 0 && dnsc_parse_negative_ttl(m) == 0;
}

uint32_t dnsc_parse_negative_ttl(span m)
{
    struct cursor c = { m, 0 };
    unsigned left;

    if (!skip_questions(&c))
        return 0;
    left = u16_at(m, 6) + u16_at(m, 8);
    for (; left > 0; left--) {
        char text[NAME_TEXT_MAX];
        size_t n, at;
        struct rr rr;

        if (!read_rr(&c, &rr))
            return 0;
        if (rr.type != TYPE_SOA || !read_name(m, rr.data_at, text, &n, &at) || !read_name(m, at, text, &n, &at) || at + 20 > m.n)
            continue;
        return u32_at(m, at + 16) < rr.ttl ? u32_at(m, at + 16) : rr.ttl;
    }
    return 0;
}
