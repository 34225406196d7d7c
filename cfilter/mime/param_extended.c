/* param_extended.c - RFC 2231: values with a charset and percent signs, and values in pieces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/charset.h"
#include "cfilter/mime/param_private.h"

enum { NUMBER_MAX = 9999 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static span percent_decode(struct arena *a, span s)
{
    size_t n = 0;
    char *to;

    if (span_find(s, '%') == s.n)
        return s;
    to = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++) {
        int high, low;

        if (s.p[i] == '%' && s.n - i > 2 && (high = hex(s.p[i + 1])) >= 0 && (low = hex(s.p[i + 2])) >= 0) {
            to[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            to[n++] = s.p[i];
        }
    }
    return (span){ to, n };
}

/* Behind charset'language', which may be missing; *charset_out is "" then. */
static span skip_charset(span s, span *charset_out)
{
    size_t first = span_find(s, '\'');
    span rest = span_from(s, first + 1);
    size_t second = span_find(rest, '\'');

    *charset_out = SPAN("");
    if (first == s.n || second == rest.n)
        return s;
    *charset_out = span_head(s, first);
    return span_from(rest, second + 1);
}

static void add_in_charset(struct param_reader *r, span name, span value, span charset, unsigned how)
{
    unsigned set = charset_by_name(charset);
    struct buf utf8;

    param_add(r, name, value, how);
    for (unsigned c = 1; c < CHARSETS; c++) {
        if ((set & CHARSET_BIT(c)) == 0)
            continue;
        buf_init(&utf8, value.n * 3 + 4);
        charset_to_utf8((enum charset)c, value, &utf8);
        param_add(r, name, arena_span(r->arena, buf_span(&utf8)), how);
        buf_free(&utf8);
    }
}

static bool parse_number(span s, unsigned *out)
{
    uint64_t value;

    if (s.n > 6 || !span_to_u64(s, &value) || value > NUMBER_MAX)
        return false;
    *out = (unsigned)value;
    return true;
}

void param_extended(struct param_reader *r, span name, span value, unsigned how)
{
    size_t star = span_find(name, '*');
    span base = span_trim(span_head(name, star)), rest = span_trim(span_from(name, star + 1)), charset;
    bool extended = rest.n == 0 || rest.p[rest.n - 1] == '*';
    unsigned number;

    if (rest.n == 0) {
        span text = skip_charset(value, &charset);

        add_in_charset(r, base, percent_decode(r->arena, text), charset, how | PARAM_EXTENDED);
        if (text.n == value.n && span_find(value, '\'') < value.n)      /* one sign only: Perl takes what is before it for the charset */
            param_add(r, base, percent_decode(r->arena, span_from(value, span_find(value, '\'') + 1)), how | PARAM_EXTENDED);
        param_add(r, base, value, how | PARAM_LITERAL);
        return;
    }
    if (!r->plainest || !parse_number(span_trim(span_head(rest, rest.n - extended)), &number))
        return;
    if (r->n_pieces == PARAM_PIECES_MAX) {
        r->out->full = true;
        return;
    }
    if (r->pieces == NULL)
        r->pieces = arena_alloc(r->arena, PARAM_PIECES_MAX * sizeof r->pieces[0]);
    r->pieces[r->n_pieces++] = (struct param_piece){ .base = base, .value = value, .number = number, .extended = extended, .how = how };
}

/* ---- pieces ---- */

static void add_joined(struct param_reader *r, span name, span value, span charset, unsigned how)
{
    size_t n = 0;
    char *to;

    if ((how & PARAM_EXTENDED) != 0)
        add_in_charset(r, name, value, charset, how);
    else
        param_add_word(r, name, value, how);
    if (span_find(value, '"') == value.n)
        return;
    to = arena_alloc(r->arena, value.n);       /* quotes behind the charset, or about each piece */
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != '"')
            to[n++] = value.p[i];
    param_add(r, name, (span){ to, n }, how);
}

static void join(struct param_reader *r, const struct param_piece **v, size_t n, bool all_extended)
{
    span charset = SPAN("");
    size_t bytes = 0, at = 0;
    unsigned how = PARAM_JOINED;
    char *to;

    for (size_t i = 0; i < n; i++)
        bytes += v[i]->value.n;
    to = arena_alloc(r->arena, bytes);
    for (size_t i = 0; i < n; i++) {
        span part = v[i]->value;

        if (v[i]->extended || all_extended) {
            how |= PARAM_EXTENDED;
            if (i == 0)
                part = skip_charset(part, &charset);
            part = percent_decode(r->arena, part);
        }
        if (part.n > 0)
            memcpy(to + at, part.p, part.n);
        at += part.n;
    }
    add_joined(r, v[0]->base, (span){ to, at }, charset, how);
}

static int by_number(const void *a, const void *b)
{
    const struct param_piece *x = *(const struct param_piece *const *)a, *y = *(const struct param_piece *const *)b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The pieces of one name: as they stand, by number, by number to the first gap, the first alone, and of equal numbers only the first or the last. */
static void join_name(struct param_reader *r, const struct param_piece **v, size_t n)
{
    const struct param_piece *one[PARAM_PIECES_MAX];
    size_t n_first = 0, n_last = 0, to_gap = 0;

    join(r, v, n, false);
    qsort(v, n, sizeof v[0], by_number);
    join(r, v, n, false);
    join(r, v, n, true);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || v[i]->number != v[i - 1]->number)
            one[n_first++] = v[i];
    join(r, one, n_first, false);
    while (to_gap < n_first && one[to_gap]->number == to_gap)
        to_gap++;
    if (to_gap > 0)
        join(r, one, to_gap, false);
    join(r, one, 1, false);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || v[i]->number != v[i + 1]->number)
            one[n_last++] = v[i];
    join(r, one, n_last, false);
}

void param_join(struct param_reader *r)
{
    const struct param_piece *v[PARAM_PIECES_MAX];
    bool done[PARAM_PIECES_MAX] = { false };

    for (size_t i = 0; i < r->n_pieces; i++) {
        size_t n = 0;

        for (size_t k = i; k < r->n_pieces; k++)
            if (!done[k] && span_eq_nocase(r->pieces[k].base, r->pieces[i].base)) {
                done[k] = true;
                v[n++] = &r->pieces[k];
            }
        if (n > 0)
            join_name(r, v, n);
    }
    r->n_pieces = 0;
}
