/* param_words.c - encoded-words (RFC 2047) where readers decode them although they do not belong there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/charset.h"
#include "cfilter/mime/decode_base64.h"
#include "cfilter/mime/decode_qp.h"
#include "cfilter/mime/param_private.h"

struct word {
    span charset, text;
    bool base64;
    size_t bytes;              /* with all its signs */
};

/* =?charset?B?text?= at the head of s; the end may be missing. */
static bool word_at(span s, struct word *out)
{
    span rest = span_from(s, 2);
    size_t at = span_find(rest, '?');
    char encoding;

    if (!span_starts(s, SPAN("=?")) || at == rest.n || rest.n - at < 4 || rest.p[at + 2] != '?')
        return false;
    out->charset = span_head(rest, span_find(span_head(rest, at), '*'));       /* RFC 2231 5: a language */
    encoding = ascii_lower(rest.p[at + 1]);
    if (encoding != 'b' && encoding != 'q')
        return false;
    out->base64 = encoding == 'b';
    rest = span_from(rest, at + 3);
    at = span_find_span(rest, SPAN("?="));
    out->text = span_head(rest, at);
    out->bytes = (size_t)(rest.p - s.p) + (at < rest.n ? at + 2 : rest.n);
    return true;
}

static void decode(const struct word *w, struct buf *to)
{
    unsigned set = charset_by_name(w->charset);
    struct buf text, bytes;

    buf_init(&text, w->text.n);
    buf_init(&bytes, w->text.n + 3);
    buf_append(&text, w->text);
    if (!w->base64) {
        for (size_t i = 0; i < text.len; i++)
            if (text.base[i] == '_')
                text.base[i] = ' ';
        qp_decode(buf_span(&text), 0, &bytes);
    } else {
        base64_decode(buf_span(&text), 0, &bytes);
    }
    if (set != 0)
        charset_to_utf8((enum charset)__builtin_ctz(set), buf_span(&bytes), to);
    else
        buf_append(to, buf_span(&bytes));
    buf_free(&text);
    buf_free(&bytes);
}

bool param_decode_words(struct arena *a, span s, span *out)
{
    bool any = false, behind_word = false;
    size_t at = span_find_span(s, SPAN("=?"));
    struct buf b;

    if (at == s.n)
        return false;
    buf_init(&b, s.n * 3 + 16);
    for (at = 0; at < s.n;) {
        struct word w;
        size_t next = at;

        /* Blanks between two words go. */
        while (behind_word && next < s.n && param_is_blank(s.p[next]))
            next++;
        if (word_at(span_from(s, next), &w)) {
            decode(&w, &b);
            at = next + w.bytes;
            any = behind_word = true;
            continue;
        }
        behind_word = false;
        buf_append_char(&b, s.p[at++]);
    }
    if (any)
        *out = arena_span(a, buf_span(&b));
    buf_free(&b);
    return any;
}

void param_add_word(struct param_reader *r, span name, span value, unsigned how)
{
    span decoded;

    param_add(r, name, value, how);
    if (param_decode_words(r->arena, value, &decoded))
        param_add(r, name, decoded, how | PARAM_WORD);
}
