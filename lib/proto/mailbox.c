/* mailbox.c - mailboxes: local-part and domain, quoting, folding, sub-addresses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/mailbox.h"

#include "lib/proto/oneline.h"

void mailbox_split(span address, struct mailbox *out)
{
    size_t at = address.n;
    bool quoted = false;

    for (size_t i = 0; i < address.n; i++) {
        if (address.p[i] == '"')
            quoted = !quoted;
        else if (quoted && address.p[i] == '\\')
            i++;
        else if (!quoted && address.p[i] == '@')
            at = i;
    }
    if (quoted)   /* a quote that never closes is no quote */
        at = span_rfind(address, '@');
    out->local = span_head(address, at);
    out->domain = at < address.n ? span_of(address.p + at + 1, address.n - at - 1) : span_of(NULL, 0);
}

bool mailbox_is_null(span address)
{
    return address.n == 0 || span_eq(address, SPAN("<>"));
}

bool mailbox_unquote(span local, char *out, size_t *n_out)
{
    bool quoted = false;
    size_t n = 0;

    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && local.p[i] == '\\' && ++i == local.n)
            return false;
        out[n++] = local.p[i];
    }
    if (quoted)
        return false;
    *n_out = n;
    return true;
}

static bool is_clean(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return oneline_is_utf8(s);
}

enum mailbox_status mailbox_check(const struct mailbox *m)
{
    char plain[MAILBOX_LOCAL_MAX];
    size_t n;

    if (m->local.n > MAILBOX_LOCAL_MAX || m->domain.n > MAILBOX_DOMAIN_MAX)
        return MAILBOX_E_LONG;
    if (!is_clean(m->local) || !is_clean(m->domain))
        return MAILBOX_E_BYTE;
    if (!mailbox_unquote(m->local, plain, &n) || n == 0)
        return MAILBOX_E_LOCAL;
    if (m->domain.n == 0 || span_find(m->domain, ' ') < m->domain.n)
        return MAILBOX_E_DOMAIN;
    return MAILBOX_OK;
}

/* RFC 5322 3.2.3 atext, and RFC 6531's UTF-8. */
static bool is_atext(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (unsigned char)c >= 0x80 ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

bool mailbox_is_dot_string(span plain)
{
    for (size_t i = 0; i < plain.n; i++) {
        if (plain.p[i] == '.') {
            if (i == 0 || i + 1 == plain.n || plain.p[i - 1] == '.')
                return false;
        } else if (!is_atext(plain.p[i])) {
            return false;
        }
    }
    return plain.n > 0;
}

bool mailbox_append_quoted(struct buf *to, span plain)
{
    char *out;
    size_t n = 0;

    if (mailbox_is_dot_string(plain))
        return buf_append(to, plain);
    if (!is_clean(plain) || plain.n > SIZE_MAX / 4 || (out = buf_reserve(to, 2 * plain.n + 2)) == NULL)
        return false;
    out[n++] = '"';
    for (size_t i = 0; i < plain.n; i++) {
        if (plain.p[i] == '"' || plain.p[i] == '\\')
            out[n++] = '\\';
        out[n++] = plain.p[i];
    }
    out[n++] = '"';
    buf_commit(to, n);
    return true;
}

bool mailbox_fold(span address, bool fold_local, char out[MAILBOX_MAX], span *out_span)
{
    struct mailbox m;
    size_t n;

    mailbox_split(address, &m);
    if (mailbox_check(&m) != MAILBOX_OK)
        return false;
    if (m.domain.p[m.domain.n - 1] == '.')
        m.domain.n--;
    if (m.domain.n == 0 || !mailbox_unquote(m.local, out, &n))
        return false;
    for (size_t i = 0; fold_local && i < n; i++)
        out[i] = ascii_lower(out[i]);
    out[n++] = '@';
    for (size_t i = 0; i < m.domain.n; i++)
        out[n++] = ascii_lower(m.domain.p[i]);
    *out_span = span_of(out, n);
    return true;
}

/* Names that Postfix does not split either. */
static bool is_never_split(span local, const char *delimiters)
{
    if (span_eq_nocase(local, SPAN("postmaster")) || span_eq_nocase(local, SPAN("mailer-daemon")) ||
        span_eq_nocase(local, SPAN("double-bounce")))
        return true;
    return strchr(delimiters, '-') != NULL &&
           (span_starts_nocase(local, SPAN("owner-")) || (local.n > 8 && span_ends_nocase(local, SPAN("-request"))));
}

static bool is_delimiter(char c, const char *delimiters)
{
    return c != '\0' && strchr(delimiters, c) != NULL;
}

static void split_at(span local, size_t at, span *base_out, span *extension_out)
{
    *base_out = span_head(local, at);
    *extension_out = span_of(local.p + at + 1, local.n - at - 1);
}

bool mailbox_subaddress(span local, const char *delimiters, size_t *cursor, span *base_out, span *extension_out)
{
    size_t i = *cursor > 0 && *cursor < local.n ? *cursor : local.n;

    if (is_never_split(local, delimiters))
        return false;
    while (i > 1) {
        if (is_delimiter(local.p[--i], delimiters)) {
            split_at(local, i, base_out, extension_out);
            *cursor = i;
            return true;
        }
    }
    return false;
}

bool mailbox_subaddress_first(span local, const char *delimiters, span *base_out, span *extension_out)
{
    size_t i = 0;

    if (is_never_split(local, delimiters))
        return false;
    while (i < local.n && !is_delimiter(local.p[i], delimiters))
        i++;
    if (i == 0 || i == local.n)
        return false;
    split_at(local, i, base_out, extension_out);
    return true;
}
