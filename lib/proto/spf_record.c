/* spf_record.c - the grammar of an SPF record (RFC 7208 section 12).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/spf.h"

enum { TERMS_MAX = 256 };                /* a TXT record of 4 kB has fewer, unless it means harm */

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool spf_is_record(span text)
{
    return span_starts_nocase(text, SPAN("v=spf1")) && (text.n == 6 || text.p[6] == ' ');
}

/* ---- domain-spec ---- */

/* toplabel: letters, digits and inner dashes, not digits alone. */
static bool is_toplabel(span s)
{
    bool alpha = false;

    if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '-')
            return false;
        alpha |= !is_digit(s.p[i]);
    }
    return alpha;
}

/* domain-end: a macro, or "." and a toplabel. */
static bool ends_as_domain(span s)
{
    size_t dot;

    if (s.n > 0 && s.p[s.n - 1] == '}')
        return true;
    if (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    dot = span_rfind(s, '.');
    return dot < s.n && is_toplabel(span_from(s, dot + 1));
}

static bool is_domain_spec(span s)
{
    return s.n > 0 && spf_macro_valid(s, false) && ends_as_domain(s);
}

/* ---- prefixes ---- */

/* "0", or a number without a leading zero. */
static bool take_prefix(span digits, unsigned max, unsigned *out)
{
    uint64_t n;

    if (digits.n == 0 || digits.n > 3 || (digits.n > 1 && digits.p[0] == '0') || !span_to_u64(digits, &n) || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

/* Where the digits at the end of s begin, if `mark` stands before them; s.n: they do not. */
static size_t suffix_at(span s, span mark)
{
    size_t i = s.n;

    while (i > 0 && is_digit(s.p[i - 1]))
        i--;
    if (i == s.n || i < mark.n || !span_eq(span_of(s.p + i - mark.n, mark.n), mark))
        return s.n;
    return i - mark.n;
}

/* dual-cidr-length at the end of *rest, which loses it. */
static bool take_dual_prefix(span *rest, struct spf_term *t)
{
    size_t at = suffix_at(*rest, SPAN("//"));

    t->prefix4 = 32;
    t->prefix6 = 128;
    if (at < rest->n) {
        if (!take_prefix(span_from(*rest, at + 2), 128, &t->prefix6))
            return false;
        rest->n = at;
    }
    at = suffix_at(*rest, SPAN("/"));
    if (at < rest->n) {
        if (!take_prefix(span_from(*rest, at + 1), 32, &t->prefix4))
            return false;
        rest->n = at;
    }
    return true;
}

static bool take_network(span text, uint8_t family, struct spf_term *t)
{
    size_t slash = span_find(text, '/');
    unsigned prefix = family == 4 ? 32 : 128;
    struct ipaddr a;

    if (slash < text.n && !take_prefix(span_from(text, slash + 1), prefix, &prefix))
        return false;
    if (!ipaddr_parse(span_head(text, slash), &a) || a.family != family)
        return false;
    t->net = ipnet_of(&a, prefix);
    return true;
}

/* ---- terms ---- */

static const struct { span name; enum spf_mechanism mechanism; } mechanisms[] = {
    { { "all", 3 }, SPF_MECH_ALL }, { { "include", 7 }, SPF_MECH_INCLUDE }, { { "a", 1 }, SPF_MECH_A },     { { "mx", 2 }, SPF_MECH_MX },
    { { "ptr", 3 }, SPF_MECH_PTR }, { { "ip4", 3 }, SPF_MECH_IP4 },         { { "ip6", 3 }, SPF_MECH_IP6 }, { { "exists", 6 }, SPF_MECH_EXISTS },
};

/* What stands behind the mechanism's name: ":...", "/..." or nothing. */
static bool take_argument(span rest, struct spf_term *t)
{
    bool given = rest.n > 0 && rest.p[0] == ':';
    span argument = given ? span_from(rest, 1) : rest;

    switch (t->mechanism) {
    case SPF_MECH_ALL:
        return rest.n == 0;
    case SPF_MECH_IP4:
        return given && take_network(argument, 4, t);
    case SPF_MECH_IP6:
        return given && take_network(argument, 6, t);
    case SPF_MECH_A:
    case SPF_MECH_MX:
        if (!take_dual_prefix(&argument, t))
            return false;
        break;
    default:
        break;
    }
    t->domain = argument;
    if (given)
        return is_domain_spec(argument);
    return argument.n == 0 && t->mechanism != SPF_MECH_INCLUDE && t->mechanism != SPF_MECH_EXISTS;
}

static bool take_directive(span text, struct spf_term *t)
{
    static const char qualifiers[] = "+-~?";
    static const enum spf_result results[] = { SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_NEUTRAL };
    const char *q = text.n > 0 && text.p[0] != '\0' ? strchr(qualifiers, text.p[0]) : NULL;
    size_t end;

    *t = (struct spf_term){ .qualifier = q != NULL ? results[q - qualifiers] : SPF_PASS, .text = text };
    if (q != NULL)
        text = span_from(text, 1);
    for (end = 0; end < text.n && (is_alpha(text.p[end]) || is_digit(text.p[end])); end++)
        ;
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
        if (!span_eq_nocase(span_head(text, end), mechanisms[i].name))
            continue;
        t->mechanism = mechanisms[i].mechanism;
        return take_argument(span_from(text, end), t);
    }
    return false;
}

/* modifier: a name, "=" and a macro-string.  The length of the name; 0: it is none. */
static size_t modifier_name(span text)
{
    size_t n = 0;

    if (text.n == 0 || !is_alpha(text.p[0]))
        return 0;
    while (n < text.n && (is_alpha(text.p[n]) || is_digit(text.p[n]) || (text.p[n] != '\0' && strchr("-_.", text.p[n]) != NULL)))
        n++;
    return n < text.n && text.p[n] == '=' ? n : 0;
}

/* redirect and exp may stand once (6). */
static bool take_modifier(span name, span value, struct spf_record *out)
{
    span *slot = span_eq_nocase(name, SPAN("redirect")) ? &out->redirect : span_eq_nocase(name, SPAN("exp")) ? &out->exp : NULL;

    if (slot == NULL)
        return spf_macro_valid(value, false);
    if (slot->n > 0 || !is_domain_spec(value))
        return false;
    *slot = value;
    return true;
}

static size_t terms_at_most(span text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ' ';
    return n < TERMS_MAX ? n : TERMS_MAX;
}

bool spf_parse(span text, struct arena *arena, struct spf_record *out, const char **wrong_out)
{
    span rest = span_from(text, 6), term;

    *out = (struct spf_record){ .terms = arena_alloc(arena, terms_at_most(rest) * sizeof(*out->terms)) };
    while (span_next(&rest, ' ', &term)) {
        size_t name = modifier_name(term);
        bool fine;

        if (term.n == 0)
            continue;
        if (name > 0)
            fine = take_modifier(span_head(term, name), span_from(term, name + 1), out);
        else
            fine = out->n < TERMS_MAX - 1 && take_directive(term, &out->terms[out->n]);
        if (!fine) {
            *wrong_out = arena_printf(arena, "\"%.*s\" is not understood", SPAN_ARG(span_head(term, 80)));
            return false;
        }
        out->n += name == 0;
    }
    return true;
}
