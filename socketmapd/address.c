/* address.c - from the key that an MTA sends to the addresses that a source is asked for.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/address.h"

#include "lib/proto/domain.h"
#include "lib/proto/mailbox.h"
#include "lib/proto/oneline.h"
#include "lib/proto/unicode_fold.h"

enum { ALIAS_HOPS_MAX = 4,       /* alias domains that lead to alias domains */
       DOMAINS_TRIED = 16 };

const char *address_status_text(enum address_status st)
{
    switch (st) {
    case ADDRESS_OK:
        return "a recipient address";
    case ADDRESS_NOT_OURS:
        return "its domain is none of ours (domains, recipients.aliases)";
    case ADDRESS_ALIAS_LOOP:
        return "its alias domains lead to each other (recipients.aliases)";
    case ADDRESS_NOT_A_MAILBOX:
        break;
    }
    return "not a mailbox";
}

/* Another script: NFC, and lower case by code point (RFC 6531). */
static bool fold_unicode(bool fold, char *text, size_t *n)
{
    char folded[MAILBOX_LOCAL_MAX];
    size_t folded_n;

    if (!unicode_fold(span_of(text, *n), fold, folded, sizeof(folded), &folded_n))
        return false;
    memcpy(text, folded, folded_n);
    *n = folded_n;
    return true;
}

/* Unquoted and, if asked for, in lower case: "Bob"@ and bob@ are one mailbox to every directory.  out has MAILBOX_LOCAL_MAX bytes. */
static bool fold_local(span local, bool fold, char *out, size_t *n_out)
{
    if (local.n > MAILBOX_LOCAL_MAX || !mailbox_unquote(local, out, n_out) || *n_out == 0)
        return false;
    for (size_t i = 0; i < *n_out; i++) {
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
            return false;
        if (fold)
            out[i] = ascii_lower(out[i]);
    }
    if (unicode_is_ascii(span_of(out, *n_out)))
        return true;
    return oneline_is_utf8(span_of(out, *n_out)) && fold_unicode(fold, out, n_out);
}

/* Where the aliases lead; the domain itself when it is no alias. */
static enum address_status follow_aliases(const struct settings *set, span *domain, bool *followed_out)
{
    const struct set_domain_alias *alias = set->recipients.aliases.v;

    for (int hop = 0; hop <= ALIAS_HOPS_MAX; hop++) {
        size_t i = 0;

        while (i < set->recipients.aliases.n && !span_eq(span_str(alias[i].name), *domain))
            i++;
        if (i == set->recipients.aliases.n)
            return settings_own_domain(set, *domain) ? ADDRESS_OK : ADDRESS_NOT_OURS;
        *domain = span_str(alias[i].target);
        *followed_out = true;
    }
    return ADDRESS_ALIAS_LOOP;
}

static void join(struct address *a, span local, span domain)
{
    memcpy(a->text, local.p, local.n);
    a->text[local.n] = '@';
    memcpy(a->text + local.n + 1, domain.p, domain.n);
    a->text[local.n + 1 + domain.n] = '\0';
    a->whole = span_of(a->text, local.n + 1 + domain.n);
    a->domain = span_from(a->whole, local.n + 1);
    a->candidate[0] = a->whole;
    a->n = 1;
}

static void add_without_subaddress(struct address *a, const char *delimiters)
{
    span local = span_head(a->whole, a->whole.n - a->domain.n - 1), base, extension;
    size_t cursor = 0;

    if (delimiters == NULL || delimiters[0] == '\0')
        return;
    while (a->n < ADDRESS_CANDIDATES_MAX && mailbox_subaddress(local, delimiters, &cursor, &base, &extension)) {
        char *text = a->stripped[a->n];

        memcpy(text, base.p, base.n);
        memcpy(text + base.n, a->text + local.n, a->domain.n + 1);
        a->candidate[a->n] = span_of(text, base.n + 1 + a->domain.n);
        a->n++;
    }
}

/* Most keys name a domain of ours as it stands in the settings: it needs no normalising, and (unless there are aliases) leads nowhere else. */
static bool is_as_written(const struct settings *set, span domain)
{
    if (domain.n == 0 || set->recipients.aliases.n > 0 || set->domains.n > DOMAINS_TRIED || domain.n >= DOMAIN_TEXT_MAX)
        return false;
    for (size_t i = 0; i < set->domains.n; i++) {
        if (span_eq(span_str(set->domains.v[i]), domain))       /* the key may hold a NUL */
            return true;
    }
    return false;
}

/* What nearly every local-part is made of: it needs no unquoting, and is in lower case. */
static bool is_plain_local(span local)
{
    for (size_t i = 0; i < local.n; i++) {
        char c = local.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '+'))
            return false;
    }
    return local.n > 0 && local.n <= MAILBOX_LOCAL_MAX;
}

/* A plain local-part at a domain of ours as the settings have it: the same as the long way, in one look. */
static bool resolve_plain(const struct settings *set, span key, struct address *out)
{
    size_t at = span_find(key, '@');
    span local = span_head(key, at), domain = span_from(key, at + 1);

    if (at >= key.n || !is_plain_local(local) || !is_as_written(set, domain))
        return false;
    out->alias_of = NULL;
    join(out, local, domain);
    add_without_subaddress(out, set->recipients.delimiters);
    return true;
}

enum address_status address_resolve(const struct settings *set, span key, struct address *out)
{
    char local[MAILBOX_LOCAL_MAX], domain_text[DOMAIN_TEXT_MAX];
    enum address_status st;
    size_t local_n;
    struct mailbox m;
    span domain;
    bool followed = false;

    if (key.n == 0 || key.n > MAILBOX_MAX)
        return ADDRESS_NOT_A_MAILBOX;
    if (resolve_plain(set, key, out))
        return ADDRESS_OK;
    mailbox_split(key, &m);
    if (m.domain.p == NULL || !fold_local(m.local, set->recipients.fold_local_part, local, &local_n))
        return ADDRESS_NOT_A_MAILBOX;
    out->alias_of = NULL;
    if (domain_normalise(m.domain, domain_text, &domain) != DOMAIN_OK)
        return ADDRESS_NOT_A_MAILBOX;
    if ((st = follow_aliases(set, &domain, &followed)) != ADDRESS_OK)
        return st;
    if (followed) {
        memcpy(out->asked_domain, domain_text, sizeof(domain_text));
        out->alias_of = out->asked_domain;
    }
    join(out, span_of(local, local_n), domain);
    add_without_subaddress(out, set->recipients.delimiters);
    return ADDRESS_OK;
}

void address_copy(const struct address *from, struct address *to)
{
    memcpy(to->text, from->text, from->whole.n + 1);
    to->whole = span_of(to->text, from->whole.n);
    to->domain = span_from(to->whole, from->whole.n - from->domain.n);
    to->candidate[0] = to->whole;
    to->n = from->n;
    for (size_t i = 1; i < from->n; i++) {
        memcpy(to->stripped[i], from->stripped[i], from->candidate[i].n);
        to->candidate[i] = span_of(to->stripped[i], from->candidate[i].n);
    }
    memcpy(to->asked_domain, from->asked_domain, sizeof(to->asked_domain));
    to->alias_of = from->alias_of != NULL ? to->asked_domain : NULL;
}

bool address_fold_entry(span entry, bool fold_local_part, char buffer[ADDRESS_MAX], span *folded_out)
{
    char domain_text[DOMAIN_TEXT_MAX];
    struct mailbox m;
    size_t local_n = 0;
    span domain;

    mailbox_split(entry, &m);
    if (m.domain.p == NULL || domain_normalise(m.domain, domain_text, &domain) != DOMAIN_OK)
        return false;
    if (m.local.n > 0 && !fold_local(m.local, fold_local_part, buffer, &local_n))
        return false;
    buffer[local_n] = '@';
    memcpy(buffer + local_n + 1, domain.p, domain.n);
    *folded_out = span_of(buffer, local_n + 1 + domain.n);
    return true;
}
