/* rcpt_piece.c - a set of recipients as text in pieces.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/rcpt_piece.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/alloc.h"

enum { ADDRESSES_A_PIECE = 256, LINE_MAX_BYTES = 64 * 1024 };

static const struct hash_key fixed = { 0x7265636970, 0x6965636573 };      /* the same on every host */

void rcpt_digest(span bytes, char out[RCPT_DIGEST])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(bytes.n > 0 ? bytes.p : "", bytes.n, sum, &n, EVP_sha256(), NULL) != 1)
        abort();                  /* a library without SHA-256 */
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", sum[i]);
}

static size_t piece_of(span address, size_t n)
{
    return (size_t)(siphash(address, &fixed) >> 40) & (n - 1);
}

size_t rcpt_pieces_for(uint64_t addresses)
{
    size_t n = 1;

    while (n < RCPT_PIECES_MAX && n * ADDRESSES_A_PIECE < addresses)
        n *= 2;
    return n;
}

/* ---- one line ---- */

static void put_escaped(struct buf *to, span s)
{
    size_t from = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c >= 0x20 && c != 0x7f && c != '\\')
            continue;
        buf_append(to, span_of(s.p + from, i - from));
        buf_printf(to, "\\x%02x", c);
        from = i + 1;
    }
    buf_append(to, span_from(s, from));
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* false: no such text is written by put_escaped. */
static bool take_escaped(span s, struct buf *to)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == '\\') {
            if (i + 3 >= s.n || s.p[i + 1] != 'x' || hex(s.p[i + 2]) < 0 || hex(s.p[i + 3]) < 0)
                return false;
            c = (unsigned char)(hex(s.p[i + 2]) * 16 + hex(s.p[i + 3]));
            i += 3;
        }
        buf_append_char(to, (char)c);
    }
    return !to->overflow;
}

static void put_line(struct buf *to, const struct rcpt_set *s, const struct rcpt_set_entry *e)
{
    span login = rcpt_set_login(s, e->object);

    put_escaped(to, e->address);
    buf_append_str(to, (e->flags & RCPT_SET_INTERNAL) != 0 ? "\tinternal\t" : "\t-\t");
    put_escaped(to, span_str(rcpt_set_about(s)->attr[e->attr]));
    buf_append_char(to, '\t');
    put_escaped(to, rcpt_set_dn(s, e->object));
    if (login.n > 0) {
        buf_append_char(to, '\t');
        put_escaped(to, login);
    }
    buf_append_char(to, '\n');
}

static bool attr_of(const struct rcpt_index *x, span name, unsigned *out)
{
    for (unsigned i = 0; i < RCPT_SET_ATTRS_MAX; i++) {
        if (span_eq(span_str(x->about.attr[i]), name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The address and the object of a line, unescaped one after the other: address, then DN, and perhaps NUL and a login. */
static bool take_line(const struct rcpt_index *x, size_t number, span line, struct buf *room, struct rcpt_set_writer *w)
{
    span address, flag, attr, dn, rest = line;
    struct rcpt_set_entry e = { .flags = 0 };
    size_t at;

    buf_reset(room);
    if (!span_next(&rest, '\t', &address) || !span_next(&rest, '\t', &flag) || !span_next(&rest, '\t', &attr) || !span_next(&rest, '\t', &dn) ||
        !take_escaped(address, room) || room->len == 0 || room->len > RCPT_SET_ADDRESS_MAX || !attr_of(x, attr, &e.attr))
        return false;
    if (span_eq(flag, SPAN("internal")))
        e.flags = RCPT_SET_INTERNAL;
    else if (!span_eq(flag, SPAN("-")))
        return false;
    at = room->len;
    if (!take_escaped(dn, room))
        return false;
    if (rest.n > 0) {
        buf_append_char(room, '\0');
        if (!take_escaped(rest, room))
            return false;
    }
    e.address = span_head(buf_span(room), at);
    if (span_rfind(e.address, '@') == e.address.n || piece_of(e.address, x->n) != number || room->len - at > RCPT_SET_NAME_MAX)
        return false;
    e.object = rcpt_set_add_object(w, span_from(buf_span(room), at));
    return rcpt_set_add(w, &e);
}

bool rcpt_piece_take(const struct rcpt_index *x, size_t number, span text, struct rcpt_set_writer *w, struct errtext *err)
{
    char digest[RCPT_DIGEST];
    uint64_t lines = 0;
    struct buf room;
    span line;
    bool ok = true;

    rcpt_digest(text, digest);
    if (strcmp(digest, x->pieces[number].digest) != 0) {
        errtext_set(err, "piece %zu has %zu bytes with the digest %.12s..., and should be %.12s...", number, text.n, digest, x->pieces[number].digest);
        return false;
    }
    buf_init(&room, LINE_MAX_BYTES);
    while (ok && text.n > 0 && span_next(&text, '\n', &line)) {
        lines++;
        ok = take_line(x, number, line, &room, w);
    }
    buf_free(&room);
    if (!ok || lines != x->pieces[number].addresses) {
        errtext_set(err, "piece %zu, line %llu is not as this version writes it", number, (unsigned long long)lines);
        return false;
    }
    return true;
}

/* ---- splitting ---- */

struct sorted { uint32_t piece; struct rcpt_set_entry e; };

static int by_piece_and_address(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    size_t n = x->e.address.n < y->e.address.n ? x->e.address.n : y->e.address.n;
    int r;

    if (x->piece != y->piece)
        return x->piece < y->piece ? -1 : 1;
    r = memcmp(x->e.address.p, y->e.address.p, n);
    return r != 0 ? r : (x->e.address.n > y->e.address.n) - (x->e.address.n < y->e.address.n);
}

static struct sorted *sort_present(const struct rcpt_set *s, size_t n, size_t *count_out)
{
    struct sorted *all = xcalloc(rcpt_set_count(s) + 1, sizeof(*all));
    struct rcpt_set_entry e;
    size_t count = 0;

    for (uint64_t cursor = 0; rcpt_set_next(s, &cursor, &e);) {
        if ((e.flags & RCPT_SET_MISSING) == 0)
            all[count++] = (struct sorted){ (uint32_t)piece_of(e.address, n), e };
    }
    qsort(all, count, sizeof(*all), by_piece_and_address);
    *count_out = count;
    return all;
}

bool rcpt_pieces_split(const struct rcpt_set *s, size_t n, struct buf *texts, struct rcpt_index *out)
{
    size_t count, at = 0;
    struct sorted *all = sort_present(s, n, &count);

    *out = (struct rcpt_index){ .about = *rcpt_set_about(s), .addresses = count, .n = n };
    out->pieces = xcalloc(n, sizeof(*out->pieces));
    for (size_t i = 0; i < n; i++) {
        struct rcpt_piece *p = &out->pieces[i];
        size_t begin = texts->len;

        for (; at < count && all[at].piece == i; at++, p->addresses++)
            put_line(texts, s, &all[at].e);
        p->bytes = texts->len - begin;
        rcpt_digest(span_from(buf_span(texts), begin), p->digest);
    }
    free(all);
    if (!texts->overflow)
        return true;
    rcpt_index_free(out);
    return false;
}

/* ---- the index ---- */

static void put_fact(struct buf *to, const char *name, const char *value)
{
    buf_append_str(to, name);
    buf_append_char(to, '\t');
    put_escaped(to, span_str(value));
    buf_append_char(to, '\n');
}

void rcpt_index_encode(const struct rcpt_index *x, struct buf *to)
{
    buf_printf(to, "gatepost-recipients\t1\naddresses\t%llu\nentries\t%llu\nentries-named\t%llu\n", (unsigned long long)x->addresses,
               (unsigned long long)x->about.entries, (unsigned long long)x->about.entries_named);
    put_fact(to, "base", x->about.base);
    put_fact(to, "context", x->about.context);
    put_fact(to, "server", x->about.server);
    for (size_t i = 0; i < RCPT_SET_ATTRS_MAX; i++)
        put_fact(to, "attribute", x->about.attr[i]);
    buf_printf(to, "pieces\t%zu\n", x->n);
    for (size_t i = 0; i < x->n; i++)
        buf_printf(to, "%s\t%llu\t%llu\n", x->pieces[i].digest, (unsigned long long)x->pieces[i].bytes, (unsigned long long)x->pieces[i].addresses);
}

static bool take_named(span *rest, const char *name, span *value_out)
{
    span line, head;

    if (!span_next(rest, '\n', &line) || !span_next(&line, '\t', &head) || !span_eq(head, span_str(name)))
        return false;
    *value_out = line;
    return true;
}

static bool take_number(span *rest, const char *name, uint64_t max, uint64_t *out)
{
    span value;

    return take_named(rest, name, &value) && span_to_u64(value, out) && *out <= max;
}

static bool take_fact(span *rest, const char *name, char *out, size_t size)
{
    struct buf plain;
    span value;
    bool ok;

    buf_init(&plain, size - 1);
    ok = take_named(rest, name, &value) && take_escaped(value, &plain) && span_find(buf_span(&plain), '\0') == plain.len;
    if (ok)
        snprintf(out, size, "%s", buf_cstr(&plain));
    buf_free(&plain);
    return ok;
}

static bool is_digest(span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (hex(s.p[i]) < 0)
            return false;
    }
    return s.n == RCPT_DIGEST - 1;
}

static bool take_piece(span *rest, struct rcpt_piece *p)
{
    span line, digest, bytes;

    if (!span_next(rest, '\n', &line) || !span_next(&line, '\t', &digest) || !is_digest(digest) || !span_next(&line, '\t', &bytes) ||
        !span_to_u64(bytes, &p->bytes) || p->bytes > RCPT_PIECE_BYTES_MAX || !span_to_u64(line, &p->addresses) || p->addresses > p->bytes)
        return false;
    memcpy(p->digest, digest.p, digest.n);
    return true;
}

static bool take_head(span *rest, struct rcpt_index *x)
{
    uint64_t version, n;
    bool ok = take_number(rest, "gatepost-recipients", 1, &version) && version == 1 && take_number(rest, "addresses", UINT32_MAX, &x->addresses) &&
              take_number(rest, "entries", UINT32_MAX, &x->about.entries) && take_number(rest, "entries-named", UINT32_MAX, &x->about.entries_named) &&
              take_fact(rest, "base", x->about.base, sizeof(x->about.base)) && take_fact(rest, "context", x->about.context, sizeof(x->about.context)) &&
              take_fact(rest, "server", x->about.server, sizeof(x->about.server));

    for (size_t i = 0; ok && i < RCPT_SET_ATTRS_MAX; i++)
        ok = take_fact(rest, "attribute", x->about.attr[i], sizeof(x->about.attr[i]));
    if (!ok || !take_number(rest, "pieces", RCPT_PIECES_MAX, &n) || n == 0 || (n & (n - 1)) != 0)
        return false;
    x->n = (size_t)n;
    return true;
}

bool rcpt_index_decode(span text, struct rcpt_index *out, struct errtext *err)
{
    struct rcpt_index x = { .n = 0 };
    uint64_t addresses = 0;
    bool ok = take_head(&text, &x);

    if (ok)
        x.pieces = xcalloc(x.n, sizeof(*x.pieces));
    for (size_t i = 0; ok && i < x.n; i++) {
        ok = take_piece(&text, &x.pieces[i]);
        addresses += x.pieces[i].addresses;
    }
    if (!ok || text.n != 0 || addresses != x.addresses) {
        errtext_set(err, "the index is not as this version writes it");
        rcpt_index_free(&x);
        return false;
    }
    *out = x;
    return true;
}

void rcpt_index_free(struct rcpt_index *x)
{
    free(x->pieces);
    x->pieces = NULL;
}
