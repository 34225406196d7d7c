/* spf_macro.c - macros in SPF records (RFC 7208 section 7).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/proto/spf.h"

enum { LABELS_MAX = 128 };

/* "%{" letter digits "r" delimiters "}" */
struct macro {
    char letter;                         /* lower case */
    bool escape;                         /* the letter was upper case: for URLs */
    unsigned keep;                       /* labels from the right; 0: all */
    bool reverse;
    span delimiters;                     /* empty: "." */
};

/* The macro at the head of s, which begins with "%{"; its length, 0 when it is none. */
static size_t macro_parse(span s, bool explanation, struct macro *m)
{
    size_t end = span_find(s, '}'), i = 3;
    uint64_t keep = 0;

    if (end == s.n || end < 3)
        return 0;
    *m = (struct macro){ .letter = ascii_lower(s.p[2]), .escape = s.p[2] >= 'A' && s.p[2] <= 'Z' };
    if (m->letter == '\0' || strchr(explanation ? "slodiphvcrt" : "slodiphv", m->letter) == NULL)
        return 0;
    while (i < end && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i > 3 && (i > 6 || !span_to_u64(span_of(s.p + 3, i - 3), &keep) || keep == 0))
        return 0;
    m->keep = (unsigned)keep;
    if (i < end && ascii_lower(s.p[i]) == 'r') {
        m->reverse = true;
        i++;
    }
    m->delimiters = span_of(s.p + i, end - i);
    for (; i < end; i++) {
        if (s.p[i] == '\0' || strchr(".-+,/_=", s.p[i]) == NULL)
            return 0;
    }
    return end + 1;
}

bool spf_macro_valid(span text, bool explanation)
{
    for (size_t i = 0; i < text.n;) {
        unsigned char c = (unsigned char)text.p[i];
        struct macro m;
        size_t n;

        if (c != '%') {
            if ((c < 0x21 && !(explanation && c == ' ')) || c > 0x7e)
                return false;
            i++;
            continue;
        }
        if (i + 1 < text.n && (text.p[i + 1] == '%' || text.p[i + 1] == '_' || text.p[i + 1] == '-')) {
            i += 2;
            continue;
        }
        if (i + 1 == text.n || text.p[i + 1] != '{' || (n = macro_parse(span_from(text, i), explanation, &m)) == 0)
            return false;
        i += n;
    }
    return true;
}

bool spf_macro_uses_p(span text)
{
    for (size_t i = 0; i + 2 < text.n; i++) {
        if (text.p[i] == '%' && text.p[i + 1] == '{' && ascii_lower(text.p[i + 2]) == 'p')
            return true;
        if (text.p[i] == '%' && text.p[i + 1] == '%')
            i++;
    }
    return false;
}

/* ---- values ---- */

/* IPv4 as it is written, IPv6 as nibbles with dots (7.3). */
static span address_text(const struct ipaddr *a, struct arena *arena)
{
    static const char hex[] = "0123456789abcdef";
    char text[64];

    if (a->family == 4) {
        snprintf(text, sizeof(text), "%u.%u.%u.%u", a->b[0], a->b[1], a->b[2], a->b[3]);
        return arena_span(arena, span_str(text));
    }
    for (size_t i = 0; i < 16; i++) {
        text[4 * i] = hex[a->b[i] >> 4];
        text[4 * i + 1] = text[4 * i + 3] = '.';
        text[4 * i + 2] = hex[a->b[i] & 15];
    }
    return arena_span(arena, span_of(text, 63));
}

/* %{c}: as people write it. */
static span readable_address(const struct ipaddr *a, struct arena *arena)
{
    char text[IPADDR_TEXT_MAX];

    ipaddr_format(a, text);
    return arena_span(arena, span_str(text));
}

static span value_of(const struct macro *m, const struct spf_macros *all, struct arena *arena)
{
    const struct spf_input *in = all->input;
    size_t at = span_rfind(in->sender, '@');
    bool has_local = at > 0 && at < in->sender.n;
    span helo_sender;

    switch (m->letter) {
    case 's':
        if (has_local)
            return in->sender;
        helo_sender = at < in->sender.n ? span_from(in->sender, at + 1) : in->helo;
        return span_str(arena_printf(arena, "postmaster@%.*s", SPAN_ARG(helo_sender)));
    case 'l':
        return has_local ? span_head(in->sender, at) : SPAN("postmaster");
    case 'o':
        return at < in->sender.n ? span_from(in->sender, at + 1) : in->helo;
    case 'd':
        return all->domain;
    case 'i':
        return address_text(&in->client, arena);
    case 'c':
        return readable_address(&in->client, arena);
    case 'p':
        return all->validated.n > 0 ? all->validated : SPAN("unknown");
    case 'h':
        return in->helo;
    case 'v':
        return in->client.family == 4 ? SPAN("in-addr") : SPAN("ip6");
    case 'r':
        return in->receiver.n > 0 ? in->receiver : SPAN("unknown");
    default:
        return span_str(arena_printf(arena, "%lld", (long long)in->now_s));
    }
}

static bool is_delimiter(const struct macro *m, char c)
{
    return m->delimiters.n == 0 ? c == '.' : span_find(m->delimiters, c) < m->delimiters.n;
}

/* RFC 3986 2.3: what needs no %XX. */
static void put(struct buf *to, span s, bool escape)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);

        if (!escape || plain)
            buf_append_char(to, c);
        else
            buf_printf(to, "%%%02X", (unsigned char)c);
    }
}

static void put_macro(struct buf *to, const struct macro *m, span value)
{
    span labels[LABELS_MAX];
    size_t n = 0, begin = 0, first;

    if (m->keep == 0 && !m->reverse && m->delimiters.n == 0)
        return put(to, value, m->escape);
    for (size_t i = 0; i <= value.n && n < LABELS_MAX; i++) {
        if (i < value.n && !is_delimiter(m, value.p[i]))
            continue;
        labels[n++] = span_of(value.p + begin, i - begin);
        begin = i + 1;
    }
    for (size_t i = 0; m->reverse && i < n / 2; i++) {
        span swap = labels[i];

        labels[i] = labels[n - 1 - i];
        labels[n - 1 - i] = swap;
    }
    first = m->keep > 0 && m->keep < n ? n - m->keep : 0;
    for (size_t i = first; i < n; i++) {
        if (i > first)
            buf_append_char(to, '.');
        put(to, labels[i], m->escape);
    }
}

span spf_macro_expand(span text, const struct spf_macros *all, size_t max, struct arena *arena)
{
    struct buf out;
    span result;

    buf_init(&out, 16 * 1024);
    for (size_t i = 0; i < text.n;) {
        struct macro m;
        size_t n;

        if (text.p[i] != '%' || i + 1 == text.n) {
            buf_append_char(&out, text.p[i++]);
        } else if (text.p[i + 1] == '{' && (n = macro_parse(span_from(text, i), true, &m)) > 0) {
            put_macro(&out, &m, value_of(&m, all, arena));
            i += n;
        } else {
            buf_append_str(&out, text.p[i + 1] == '%' ? "%" : text.p[i + 1] == '_' ? " " : "%20");
            i += 2;
        }
    }
    result = arena_span(arena, span_head(buf_span(&out), max));
    buf_free(&out);
    return result;
}
