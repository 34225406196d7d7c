/* product.c - what came out of a decoder, or stood in a body as it is: containers, charsets, and what is to be read again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/charset.h"
#include "cfilter/mime/decode_cms.h"
#include "cfilter/mime/decode_tnef.h"
#include "cfilter/mime/reading.h"

enum { CMS_GROWTH = 64, TNEF_GROWTH = 16, SLACK = 1024, CHARSET_GROWTH = 3, NEAR = 64 };

static const unsigned WIDE = CHARSET_BIT(CHARSET_UTF16LE) | CHARSET_BIT(CHARSET_UTF16BE) | CHARSET_BIT(CHARSET_UTF32LE) | CHARSET_BIT(CHARSET_UTF32BE);

/* DER or BER of a SEQUENCE that holds an object identifier, perhaps behind blanks. */
static bool looks_cms(span s)
{
    for (int i = 0; i < 4 && s.n > 0 && line_blank(span_head(s, 1)); i++)
        s = span_from(s, 1);
    return s.n > 16 && cms_is(s);
}

bool product_is_read_again(span bytes, unsigned *flags)
{
    if (look_mime(bytes))
        return true;
    *flags |= RUNS_ONLY;
    return tnef_is(bytes) || looks_cms(bytes) || runs_any(bytes);
}

static void read_again(struct reading *r, span bytes, const struct entity *e, unsigned flags)
{
    bool named = e != NULL && (e->types & (TYPE_MULTIPART | TYPE_MESSAGE)) != 0;

    flags &= DECLARED | ATTACHED;
    if (named || product_is_read_again(bytes, &flags))
        page_later(r, bytes, flags);
}

static void convert(struct reading *r, span bytes, const struct entity *e, enum charset c, unsigned flags)
{
    struct buf to = reading_buffer(r, CHARSET_GROWTH * bytes.n + SLACK);
    struct decode_result d = charset_to_utf8(c, bytes, &to);

    r->report->decoded_bytes += d.made_bytes;
    if (d.full)
        reading_full(r);
    if (c != CHARSET_UTF7 || d.seen != 0) {
        bool declared = e != NULL && (e->charsets & CHARSET_BIT(c)) != 0;
        unsigned exact = declared || (CHARSET_BIT(c) & WIDE) != 0 ? EXACT : 0U;
        emit(r, buf_span(&to), (flags & ~(unsigned)(DECLARED | ATTACHED)) | exact, "charset");
        read_again(r, buf_span(&to), e, flags & ~(unsigned)DECLARED);
    }
    buf_free(&to);
}

void product_take(struct reading *r, span bytes, const struct entity *e, unsigned flags, const char *how)
{
    if (r->stop || line_blank(bytes))
        return;
    emit(r, bytes, flags, how);
    unsigned sets = charset_guess(bytes) | (e != NULL ? e->charsets : 0U);
    flags &= ~(unsigned)VERBATIM;
    span cut = line_end_off(bytes);        /* a line end of the transport, of one byte a character, whatever the charset */
    for (int c = 1; c < CHARSETS && sets != 0 && !r->stop; c++)
        if ((sets & CHARSET_BIT(c)) != 0) {
            convert(r, bytes, e, (enum charset)c, flags);
            if (cut.n < bytes.n && (CHARSET_BIT(c) & WIDE) != 0)
                convert(r, cut, e, (enum charset)c, flags);
        }
    bool stands_in_page = bytes.p >= r->page->bytes.p && bytes.p < r->page->bytes.p + r->page->bytes.n;
    if (!stands_in_page && (flags & GUESSED) == 0)
        read_again(r, bytes, e, flags);
    else
        containers_open(r, bytes, flags);
}

/* ---- containers ---- */

static void open_tnef(struct reading *r, span bytes, unsigned flags)
{
    struct tnef_reader t;
    struct tnef_item item;

    if (!tnef_is(bytes) || !tnef_start(&t, bytes))
        return;
    for (bool more = true; more && !r->stop;) {
        struct buf to = reading_buffer(r, bytes.n * TNEF_GROWTH + SLACK);
        if ((more = tnef_next(&t, &item, &to))) {
            r->report->decoded_bytes += to.len;
            emit(r, item.bytes, flags | (item.kind == TNEF_TEXT || item.kind == TNEF_HTML ? 0U : ATTACHED), "tnef");
            read_again(r, item.bytes, NULL, flags);
        }
        buf_free(&to);
        if (t.full)
            reading_full(r);
    }
}

static void open_cms(struct reading *r, span bytes, unsigned flags)
{
    struct buf to = reading_buffer(r, bytes.n * CMS_GROWTH + SLACK);
    struct decode_result d = { 0 };
    enum cms_kind kind = looks_cms(bytes) ? cms_open(bytes, &to, &d) : CMS_NONE;

    r->report->decoded_bytes += to.len;
    if (d.full)
        reading_full(r);
    if (kind == CMS_ENCRYPTED)
        r->report->encrypted = true;
    else if (kind != CMS_NONE && to.len > 0) {
        emit(r, buf_span(&to), flags & ~(unsigned)ATTACHED, "s/mime");
        page_later(r, buf_span(&to), flags & DECLARED);
    }
    buf_free(&to);
}

void containers_open(struct reading *r, span bytes, unsigned flags)
{
    if (r->stop)
        return;
    open_tnef(r, bytes, flags & (DECLARED | ATTACHED));
    open_cms(r, bytes, flags & (DECLARED | ATTACHED));
}
