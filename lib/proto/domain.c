/* domain.c - domain names in ASCII: checking, lower case, comparing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/domain.h"

const char *domain_status_text(enum domain_status s)
{
    switch (s) {
    case DOMAIN_OK:
        return "ok";
    case DOMAIN_E_EMPTY:
        return "empty name";
    case DOMAIN_E_LABEL:
        return "an empty label, or one over 63 bytes";
    case DOMAIN_E_LONG:
        return "over 253 bytes";
    case DOMAIN_E_CHAR:
        return "a character that no domain name has";
    case DOMAIN_E_IDNA:
        return "not allowed in an internationalised name";
    }
    return "?";
}

static span without_dot(span name)
{
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    return name;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* '_' is no hostname's, but DNS names and careless HELOs have it; hyphens at the ends of a label likewise. */
static bool is_name_char(char c)
{
    return is_alnum(c) || c == '-' || c == '_';
}

enum domain_status domain_normalise_ascii(span name, char out[DOMAIN_TEXT_MAX], span *out_span)
{
    char text[DOMAIN_TEXT_MAX];
    size_t label = 0;

    name = without_dot(name);
    if (name.n == 0)
        return DOMAIN_E_EMPTY;
    if (name.n > DOMAIN_MAX)
        return DOMAIN_E_LONG;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (c == '.') {
            if (label == 0)
                return DOMAIN_E_LABEL;
            label = 0;
        } else if ((unsigned char)c >= 0x80) {
            return DOMAIN_E_IDNA;
        } else if (!is_name_char(c)) {
            return DOMAIN_E_CHAR;
        } else if (++label > DOMAIN_LABEL_MAX) {
            return DOMAIN_E_LABEL;
        }
        text[i] = ascii_lower(c);
    }
    if (label == 0)   /* "a..": one dot was trimmed, not two */
        return DOMAIN_E_LABEL;
    memcpy(out, text, name.n);
    out[name.n] = '\0';
    *out_span = span_of(out, name.n);
    return DOMAIN_OK;
}

bool domain_is_literal(span text, struct ipaddr *out)
{
    return text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']' && ipaddr_parse(text, out);
}

static bool is_host_label(span label)
{
    for (size_t i = 0; i < label.n; i++)
        if (!is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    return label.n > 0 && label.n <= DOMAIN_LABEL_MAX && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

static bool is_all_digits(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

bool domain_is_hostname(span name)
{
    span rest = without_dot(name), label = { NULL, 0 };

    if (rest.n == 0 || rest.n > DOMAIN_MAX)
        return false;
    while (span_next(&rest, '.', &label))
        if (!is_host_label(label))
            return false;
    return !is_all_digits(label);   /* RFC 1123 2.1: else it could be an address */
}

bool domain_is_fqdn(span name)
{
    span bare = without_dot(name);

    return domain_is_hostname(name) && span_find(bare, '.') < bare.n;
}

bool domain_parent(span *name)
{
    size_t dot = span_find(*name, '.');

    if (dot + 1 >= name->n)
        return false;
    *name = span_of(name->p + dot + 1, name->n - dot - 1);
    return true;
}

bool domain_is_within(span name, span parent)
{
    name = without_dot(name);
    parent = without_dot(parent);
    if (parent.n == 0 || name.n < parent.n || !span_ends_nocase(name, parent))
        return false;
    return name.n == parent.n || name.p[name.n - parent.n - 1] == '.';
}
