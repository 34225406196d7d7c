/* emit.c - outputs, each handed out once, with and without what readers leave away at their ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/reading.h"
#include "lib/base/alloc.h"

enum { WHOLE_MAX = 256,        /* bytes; below, any text may be a file of its own */
       VARIANTS_MAX = 256 * 1024 };

static void hand_out(struct reading *r, span bytes, unsigned flags, const char *how)
{
    bool exact = (flags & EXACT) != 0;
    uint64_t digest = siphash(bytes, &r->limits->key);

    if (r->stop || !reading_work(r, bytes.n / 4) || !once_add(&r->outputs, once_mix(digest, exact, r->limits->key.k1)))
        return;
    struct union_output o = {
        .bytes = bytes, .declared = (flags & DECLARED) != 0, .exact = exact, .text = memchr(bytes.p, '\0', bytes.n) == NULL, .how = how,
    };
    r->report->outputs++;
    r->report->output_bytes += bytes.n;
    if (!r->sink(&o, r->arg))
        r->stop = true;
}

static bool is_blank(char c)
{
    return c == '\f' || c == '\v' || line_blank(span_of(&c, 1));
}

static span trimmed(span s)
{
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n > 0 && is_blank(s.p[0]))
        s = span_from(s, 1);
    return s;
}

/* CR LF as LF. */
static void with_lf(struct reading *r, span s, unsigned flags, const char *how)
{
    char *out;
    size_t n = 0;

    if (memchr(s.p, '\r', s.n) == NULL)
        return;
    out = xmalloc(s.n);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] != '\n')
            out[n++] = s.p[i];
    hand_out(r, span_of(out, n), flags, how);
    free(out);
}

/* A signature of a whole file wants its very bytes: line ends at the end, and CR LF or LF within, are as readers like it. */
static void variants(struct reading *r, span bytes, unsigned flags, const char *how)
{
    if (span_starts(bytes, SPAN("\xef\xbb\xbf"))) {       /* a mark of UTF-8: readers show the text behind it */
        bytes = span_from(bytes, 3);
        hand_out(r, bytes, flags, how);
    }
    span cut[] = { line_end_off(bytes), line_ends_off(bytes), trimmed(bytes) };

    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        if (cut[i].n > 0 && cut[i].n < bytes.n)
            hand_out(r, cut[i], flags, how);
    with_lf(r, bytes, flags, how);
    if (cut[1].n > 0 && cut[1].n < bytes.n)
        with_lf(r, cut[1], flags, how);
}

void emit(struct reading *r, span bytes, unsigned flags, const char *how)
{
    if (r->stop || line_blank(bytes))
        return;
    bool text = memchr(bytes.p, '\0', bytes.n) == NULL;
    if (bytes.n <= WHOLE_MAX || (flags & ATTACHED) != 0 || (!text && look_file(bytes)) || look_binary(bytes))
        flags |= EXACT;
    hand_out(r, bytes, flags, how);
    if ((flags & EXACT) == 0 || bytes.n > VARIANTS_MAX || !reading_work(r, bytes.n))
        return;
    if (text && ((flags & ATTACHED) != 0 || look_text(bytes)))
        variants(r, bytes, flags, how);
    else if ((flags & VERBATIM) != 0) {
        span cut = line_end_off(bytes);
        with_lf(r, bytes, flags, how);
        if (cut.n > 0 && cut.n < bytes.n)
            hand_out(r, cut, flags, how);
    }
}
