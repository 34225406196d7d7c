/* leaf.c - one body: every decoder that its header names or its bytes ask for, under each policy that makes a difference.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_base64.h"
#include "cfilter/mime/decode_binhex.h"
#include "cfilter/mime/decode_qp.h"
#include "cfilter/mime/decode_uu.h"
#include "cfilter/mime/reading.h"

struct body {
    struct reading *r;
    span bytes;
    const struct entity *e;
    unsigned flags;
};

struct codec {
    const char *name;
    struct decode_result (*decode)(span in, unsigned policy, struct buf *to);
    size_t (*policies)(unsigned seen, unsigned out[]);
    size_t growth;             /* the most that an input may grow */
    unsigned odd;              /* flags of `seen` that readers differ over and plain encoders never make */
};

enum { POLICIES_MAX = 16, SLACK = 64, BINHEX_GROWTH = 64 };
_Static_assert((int)POLICIES_MAX >= (int)BASE64_POLICIES_MAX && (int)POLICIES_MAX >= (int)QP_POLICIES_MAX &&
               (int)POLICIES_MAX >= (int)UU_POLICIES_MAX, "room for the policies of every codec");

static const struct codec base64 = { "base64", base64_decode, base64_policies, 1, BASE64_SAW_PAD_INSIDE | BASE64_SAW_JUNK };
static const struct codec qp = { "quoted-printable", qp_decode, qp_policies, 1, QP_SAW_SPLIT | QP_SAW_CR };
static const struct codec uu = { "uuencode", uu_decode_bare, uu_policies, 64, 0 };

enum { NOISE_MAX = 200 };      /* bytes: shorter noise is made of words and checksums */

/* What is not declared must look like something; noise that is long enough may still be a file, but only in the plainest reading. */
static bool is_worth(span made, unsigned policy, unsigned *flags)
{
    bool looks = look_text(made) || look_file(made);

    if (looks || (policy == 0 && made.n > NOISE_MAX))
        *flags |= EXACT;
    return looks || made.n > NOISE_MAX;
}

/* Returns what was odd. */
static unsigned decode_once(const struct body *b, const struct codec *c, unsigned policy, unsigned flags)
{
    struct reading *r = b->r;
    struct buf to = reading_buffer(r, c->growth * b->bytes.n + SLACK);
    struct decode_result d = c->decode(b->bytes, policy, &to);

    r->report->decoded_bytes += d.made_bytes;
    if (d.full)
        reading_full(r);
    if ((flags & GUESSED) == 0 || c == &qp || is_worth(buf_span(&to), policy, &flags))
        product_take(r, buf_span(&to), b->e, c == &qp ? flags : flags & ~(unsigned)GUESSED, c->name);
    buf_free(&to);
    return d.seen;
}

static void decode_all(const struct body *b, const struct codec *c, bool declared)
{
    unsigned policy[POLICIES_MAX], flags = declared ? b->flags : (b->flags & ~(unsigned)DECLARED) | GUESSED;
    flags |= c == &qp ? VERBATIM : EXACT * (unsigned)declared;
    unsigned seen = decode_once(b, c, 0, flags);
    /* Where a multipart's parts are to be seen already, its own encoding is a mistake more often than not. */
    size_t n = seen != 0 && (flags & CONTAINER) == 0 ? c->policies(seen, policy) : 0;

    if ((flags & DECLARED) != 0 && (seen & c->odd) != 0)
        b->r->report->disagreements |= DISAGREE_DECODER;
    for (size_t i = 0; i < n && !b->r->stop; i++)
        decode_once(b, c, policy[i], flags & ~(unsigned)DECLARED);
}

static void decode_binhex(const struct body *b)
{
    struct reading *r = b->r;
    struct binhex_file f;

    for (size_t at = 0; at < b->bytes.n && !r->stop;) {
        struct buf to = reading_buffer(r, b->bytes.n * BINHEX_GROWTH);
        if (!binhex_next(b->bytes, &at, true, &f, &to)) {
            buf_free(&to);
            return;
        }
        r->report->decoded_bytes += f.r.made_bytes;
        if (f.r.full)
            reading_full(r);
        product_take(r, span_head(buf_span(&to), f.data_bytes), NULL, b->flags | ATTACHED, "binhex");
        product_take(r, span_from(buf_span(&to), f.data_bytes), NULL, b->flags | ATTACHED, "binhex");
        buf_free(&to);
    }
}

/* Where the text of a body begins: a run of base64 that starts there is already decoded. */
static void remember_decoded(const struct body *b)
{
    size_t at = (size_t)(b->bytes.p - b->r->page->bytes.p), i = 0;

    while (i < b->bytes.n && line_blank(span_of(b->bytes.p + i, 1)))
        i++;
    once_add(&b->r->decoded, once_mix(at + i, 0, b->r->limits->key.k1));
}

void leaf_read(struct reading *r, span body, const struct entity *e, unsigned flags)
{
    struct body b = { r, body, e, flags };
    unsigned declared = e->encodings != 0 ? e->encodings : ENCODED_NOT;
    bool container = (flags & CONTAINER) != 0, odd_place = (flags & OUTSIDE) != 0 && e->header.n == 0;

    if (line_blank(body) || !reading_work(r, container ? 0 : body.n))
        return;
    bool is_base64 = (!container || (declared & ENCODED_BASE64) != 0) && look_base64(body);
    bool is_qp = (declared & ENCODED_QP) != 0 || (!container && look_qp(body));
    if (is_base64 || ((declared & ENCODED_BASE64) != 0 && !container)) {
        decode_all(&b, &base64, (declared & ENCODED_BASE64) != 0);
        if (is_base64)
            remember_decoded(&b);
    }
    if (is_qp && (!container || look_qp(body)))
        decode_all(&b, &qp, (declared & ENCODED_QP) != 0);
    if ((declared & ENCODED_UU) != 0)
        decode_all(&b, &uu, true);
    if ((declared & ENCODED_BINHEX) != 0 || (e->types & TYPE_BINHEX) != 0)
        decode_binhex(&b);
    /* Encoded text as it stands is in the message itself: no reader makes a file of it. */
    if (!container && !odd_place && !(is_base64 && (declared & ENCODED_BASE64) != 0) && (declared & ~(unsigned)(ENCODED_QP | ENCODED_BASE64)) != 0)
        product_take(r, body, e, VERBATIM | ((declared & ENCODED_NOT) != 0 ? flags : flags & ~(unsigned)DECLARED), "as it stands");
    else if ((declared & ENCODED_BASE64) != 0 && !is_base64 && !container && !odd_place)
        product_take(r, body, e, flags & ~(unsigned)DECLARED, "as it stands");
}
