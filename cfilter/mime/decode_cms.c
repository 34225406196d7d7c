/* decode_cms.c - the content of S/MIME entities, read from BER without building it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_cms.h"

#include <zlib.h>

#include "cfilter/mime/decode_base64.h"

enum { NESTING_MAX = 32, INFLATE_BYTES = 4096 };
enum { T_INTEGER = 0x02, T_OCTETS = 0x04, T_OID = 0x06, T_SEQUENCE = 0x30, T_SET = 0x31, T_CONTEXT_0 = 0xa0, T_CONTEXT_0_PLAIN = 0x80 };
enum { CONSTRUCTED = 0x20 };

struct tlv {
    unsigned char tag;
    span content;              /* to the end of its container when the length is indefinite or reaches beyond */
    bool indefinite, cut;
    size_t head_bytes;
};

/* The element at the head of `in`; false when there is none, or it is the end of contents. */
static bool tlv_read(span in, struct tlv *out)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t at = 2, length;

    if (in.n < 2 || (p[0] == 0 && p[1] == 0) || (p[0] & 0x1f) == 0x1f)
        return false;
    *out = (struct tlv){ .tag = p[0] };
    length = p[1];
    if (length == 0x80) {
        out->indefinite = true;
        length = in.n - at;
    } else if (length > 0x80) {
        size_t n = length & 0x7f;

        if (n > in.n - at)
            return false;
        for (length = 0; n > 0; n--, at++) {
            if (length > SIZE_MAX >> 8)
                return false;
            length = length << 8 | p[at];
        }
    }
    out->head_bytes = at;
    out->cut = length > in.n - at;
    out->content = span_head(span_from(in, at), length);
    return true;
}

/* How many bytes the element takes: indefinite ones end where their contents do. */
static size_t tlv_size(span in, const struct tlv *first)
{
    unsigned depth = 0;
    size_t at = 0;
    struct tlv t = *first;

    if (!first->indefinite)
        return first->head_bytes + first->content.n;
    do {
        if (in.n - at >= 2 && in.p[at] == 0 && in.p[at + 1] == 0) {
            at += 2;
            depth--;
            continue;
        }
        if (!tlv_read(span_from(in, at), &t))
            return in.n;
        if (t.indefinite) {
            if (++depth > NESTING_MAX)
                return in.n;
            at += t.head_bytes;
        } else {
            at += t.head_bytes + t.content.n;
        }
    } while (depth > 0 && at < in.n);
    return at;
}

/* The element behind t. */
static bool tlv_next(span *in, const struct tlv *t, struct tlv *out)
{
    *in = span_from(*in, tlv_size(*in, t));
    return tlv_read(*in, out);
}

typedef bool sink_fn(void *ctx, span piece);

/* The pieces of an OCTET STRING, constructed or not; false when the sink is full or broken. */
static bool octets(struct tlv t, sink_fn *sink, void *ctx, unsigned *seen)
{
    span rest[NESTING_MAX];
    unsigned depth = 0;

    if (t.cut)
        *seen |= CMS_SAW_CUT;
    if ((t.tag & CONSTRUCTED) == 0)
        return sink(ctx, t.content);
    rest[0] = t.content;
    for (;;) {
        struct tlv piece;
        span *here = &rest[depth];

        if (!tlv_read(*here, &piece)) {
            span behind = span_from(*here, here->n >= 2 && here->p[0] == 0 && here->p[1] == 0 ? 2 : here->n);

            if (depth == 0)
                return true;
            /* An inner one that is indefinite has taken all of its container, so what is behind its end goes on there. */
            depth--;
            if (rest[depth].p == NULL && behind.n > 0)
                rest[depth] = behind;
            continue;
        }
        if (piece.cut)
            *seen |= CMS_SAW_CUT;
        if ((piece.tag & CONSTRUCTED) == 0) {
            *here = span_from(*here, piece.head_bytes + piece.content.n);
            if (!sink(ctx, piece.content))
                return false;
            continue;
        }
        if (depth + 1 >= NESTING_MAX) {
            *seen |= CMS_SAW_BAD;
            return true;
        }
        *here = piece.indefinite ? (span){ NULL, 0 } : span_from(*here, piece.head_bytes + piece.content.n);
        rest[++depth] = piece.content;
    }
}

/* ---- where the content goes ---- */

struct append {
    struct buf *to;
    bool full;
};

static bool append_piece(void *ctx, span piece)
{
    struct append *a = ctx;
    size_t room = a->to->limit - a->to->len;

    buf_append(a->to, span_head(piece, room));
    a->full = piece.n > room;
    return !a->full;
}

struct inflating {
    struct append out;
    z_stream z;
    bool bad, done;
};

static bool inflate_piece(void *ctx, span piece)
{
    struct inflating *f = ctx;
    unsigned char bytes[INFLATE_BYTES];

    /* zlib does not write through next_in */
    f->z.next_in = (unsigned char *)(uintptr_t)piece.p;
    f->z.avail_in = (unsigned)piece.n;
    while (!f->done) {
        int r;

        f->z.next_out = bytes;
        f->z.avail_out = sizeof bytes;
        r = inflate(&f->z, Z_NO_FLUSH);
        if (!append_piece(&f->out, (span){ (const char *)bytes, sizeof bytes - f->z.avail_out }))
            return false;
        f->done = r == Z_STREAM_END;
        f->bad |= r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR;
        if (r != Z_OK)
            break;
    }
    return !f->bad && !f->done;
}

/* ---- content types ---- */

static const struct { span oid; enum cms_kind kind; } types[] = {
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), CMS_DATA },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), CMS_SIGNED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), CMS_ENCRYPTED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x04"), CMS_ENCRYPTED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05"), CMS_DIGESTED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"), CMS_ENCRYPTED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02"), CMS_AUTHENTICATED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"), CMS_COMPRESSED },
    { SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"), CMS_ENCRYPTED },
};

static enum cms_kind kind_of(span oid)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (span_eq(types[i].oid, oid))
            return types[i].kind;
    return CMS_NONE;
}

/* EncapsulatedContentInfo (or PKCS #7's contentInfo): the OCTET STRING within. */
static bool encapsulated(struct tlv sequence, struct tlv *octets_out)
{
    span rest = sequence.content;
    struct tlv t;

    if (!tlv_read(rest, &t) || t.tag != T_OID || !tlv_next(&rest, &t, &t) || (t.tag & 0xdf) != T_CONTEXT_0_PLAIN)
        return false;
    if (t.tag == T_CONTEXT_0_PLAIN) {  /* an implicit tag: not CMS, but some writers do it */
        *octets_out = t;
        return true;
    }
    return tlv_read(t.content, octets_out);
}

/* The first SEQUENCE that holds encapsulated content, among the fields that stand before it. */
static bool find_encapsulated(span rest, struct tlv *octets_out)
{
    struct tlv t;

    if (!tlv_read(rest, &t))
        return false;
    for (unsigned fields = 0; fields < 8; fields++) {
        struct tlv first;

        if (t.tag == T_SEQUENCE && tlv_read(t.content, &first) && first.tag == T_OID && encapsulated(t, octets_out))
            return true;
        if (!tlv_next(&rest, &t, &t))
            return false;
    }
    return false;
}

static void take_out(struct tlv content, enum cms_kind kind, struct buf *to, struct decode_result *r)
{
    if (kind == CMS_COMPRESSED) {
        struct inflating f = { .out = { .to = to } };

        if (inflateInit(&f.z) != Z_OK) {
            r->seen |= CMS_SAW_BAD;
            return;
        }
        octets(content, inflate_piece, &f, &r->seen);
        inflateEnd(&f.z);
        r->full = f.out.full;
        r->seen |= f.bad ? CMS_SAW_BAD : f.done || f.out.full ? 0 : CMS_SAW_CUT;
    } else {
        struct append a = { .to = to };

        octets(content, append_piece, &a, &r->seen);
        r->full = a.full;
    }
    to->overflow |= r->full;
}

static span skip_white(span in)
{
    while (in.n > 0 && (in.p[0] == '\r' || in.p[0] == '\n' || in.p[0] == ' ' || in.p[0] == '\t'))
        in = (span){ in.p + 1, in.n - 1 };
    return in;
}

/* ContentInfo: its type, which stands in *type_out at the head of outer_out->content. */
static enum cms_kind content_info(span in, struct tlv *outer_out, struct tlv *type_out)
{
    if (!tlv_read(skip_white(in), outer_out) || outer_out->tag != T_SEQUENCE)
        return CMS_NONE;
    if (!tlv_read(outer_out->content, type_out) || type_out->tag != T_OID)
        return CMS_NONE;
    return kind_of(type_out->content);
}

bool cms_is(span in)
{
    struct tlv outer, type;

    return content_info(in, &outer, &type) != CMS_NONE;
}

enum cms_kind cms_open(span in, struct buf *to, struct decode_result *r_out)
{
    struct decode_result r = { .used_bytes = in.n };
    struct tlv outer, t, content;
    enum cms_kind kind = content_info(in, &outer, &t);
    size_t from = to->len;
    span rest;

    if (kind == CMS_NONE)
        return CMS_NONE;
    rest = outer.content;
    if (outer.cut)
        r.seen |= CMS_SAW_CUT;
    if (kind != CMS_ENCRYPTED) {
        if (!tlv_next(&rest, &t, &t) || t.tag != T_CONTEXT_0 || !tlv_read(t.content, &content))
            r.seen |= CMS_SAW_BAD;
        else if (kind == CMS_DATA || (content.tag == T_SEQUENCE && find_encapsulated(content.content, &content)))
            take_out(content, kind, to, &r);
    }
    r.made_bytes = to->len - from;
    *r_out = r;
    return kind;
}

static enum cms_kind open_base64(span text, struct buf *scratch, struct buf *to, struct decode_result *r_out)
{
    size_t from = scratch->len;

    base64_decode(text, 0, scratch);
    return cms_open(span_from(buf_span(scratch), from), to, r_out);
}

enum cms_kind cms_open_text(span in, struct buf *scratch, struct buf *to, struct decode_result *r_out)
{
    size_t at = span_find_span(in, SPAN("-----BEGIN "));

    if (at == in.n)
        return open_base64(in, scratch, to, r_out);
    while (at < in.n) {        /* keys and certificates may stand before it */
        span rest = span_from(in, at), body = span_from(rest, span_find(rest, '\n'));
        enum cms_kind kind;

        body = span_head(body, span_find_span(body, SPAN("-----")));
        if ((kind = open_base64(body, scratch, to, r_out)) != CMS_NONE)
            return kind;
        at += 11;
        at += span_find_span(span_from(in, at), SPAN("-----BEGIN "));
    }
    return CMS_NONE;
}
