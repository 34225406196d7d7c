/* rules_limits.c - policy.limits as the checks use them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/conf/conf_units.h"
#include "policyd/rules.h"

static const struct { const char *word; enum limit_part part; } part_words[] = {
    { "sender", PART_SENDER },         { "sender_domain", PART_SENDER_DOMAIN },       { "sasl_username", PART_SASL_USERNAME },
    { "recipient", PART_RECIPIENT },   { "recipient_domain", PART_RECIPIENT_DOMAIN }, { "helo", PART_HELO },
    { "all", PART_ALL },
};

static const struct set_limit *limit_at(const struct settings *set, size_t i)
{
    return (const struct set_limit *)set->policy.limits.v + i;
}

/* ---- keys ---- */

/* "client", "client/24", "client/24/56".  An IPv6 site has a /64 at least (RFC 6177): single addresses are no sender to count by. */
static bool client_part(span word, struct limit_key_part *out)
{
    span bits4, bits6;
    uint64_t n4 = 32, n6 = 64;

    if (!span_starts(word, SPAN("client")) || (word.n > 6 && word.p[6] != '/'))
        return false;
    bits4 = span_from(word, 7);
    bits6 = span_from(bits4, span_find(bits4, '/') + 1);
    bits4 = span_head(bits4, span_find(bits4, '/'));
    if ((bits4.n > 0 && !span_to_u64(bits4, &n4)) || (bits6.n > 0 && !span_to_u64(bits6, &n6)) || n4 > 32 || n6 > 128)
        return false;
    *out = (struct limit_key_part){ .part = PART_CLIENT, .prefix4 = (unsigned)n4, .prefix6 = (unsigned)n6 };
    return true;
}

/* The settings' own check has complained of what is no key. */
static bool part_of(const struct settings *set, const char *word, struct limit_key_part *out)
{
    if (client_part(span_str(word), out))
        return true;
    if (strncmp(word, "network:", 8) == 0) {
        *out = (struct limit_key_part){ .part = PART_NETWORK, .network = word + 8, .nets = settings_network(set, word + 8) };
        return true;
    }
    for (size_t i = 0; i < sizeof(part_words) / sizeof(part_words[0]); i++) {
        if (strcmp(word, part_words[i].word) != 0)
            continue;
        *out = (struct limit_key_part){ .part = part_words[i].part };
        return true;
    }
    return false;
}

static void make_parts(struct limit_rule *limit, const struct settings *set)
{
    for (size_t i = 0; i < limit->set->key.n && limit->n_parts < LIMIT_PARTS_MAX; i++) {
        struct limit_key_part *part = &limit->parts[limit->n_parts];

        if (!part_of(set, limit->set->key.v[i], part))
            continue;
        limit->n_parts++;
        limit->by_recipient |= part->part == PART_RECIPIENT || part->part == PART_RECIPIENT_DOMAIN;
    }
}

/* ---- rates ---- */

/* "NAME/", or "NAME:h/" for each of several rates: a reload that adds one leaves the counts of the others. */
static span prefix_of(struct rules *r, const char *name, const struct conf_rate *rate, bool several)
{
    struct buf text;
    span prefix;

    buf_init(&text, 256);
    buf_append_str(&text, name);
    if (several) {
        struct buf words;

        buf_init(&words, 64);
        conf_rate_format(rate, &words);
        buf_append_char(&text, ':');
        buf_append(&text, span_from(buf_span(&words), span_find(buf_span(&words), '/') + 1));
        buf_free(&words);
    }
    buf_append_char(&text, '/');
    prefix = arena_span(r->arena, buf_span(&text));
    buf_free(&text);
    return prefix;
}

static void make_windows(struct rules *r, struct limit_rule *limit)
{
    struct conf_rate rates[LIMIT_WINDOWS_MAX];
    struct errtext err;
    size_t n = settings_limit_rates(limit->set, rates, &err);

    for (size_t i = 0; i < n; i++) {
        limit->windows[i].prefix = prefix_of(r, limit->set->name, &rates[i], n > 1);
        limit->windows[i].rate = (struct store_limit){
            .count = rates[i].count, .per_ms = rates[i].per_ms,
            .burst = i == 0 && limit->set->burst > 0 ? limit->set->burst : rates[i].count,
            .kind = limit->set->algorithm == LIMIT_SLIDING ? STORE_SLIDING : STORE_GCRA,
        };
    }
    limit->n_windows = n;
}

/* ---- all ---- */

static enum wish wish_of(int action)
{
    return action == LIMIT_REJECT ? WISH_REJECT : action == LIMIT_DEFER ? WISH_DEFER : WISH_NONE;
}

static void make_limit(struct rules *r, const struct set_limit *set)
{
    struct limit_rule *limit = &r->limits[r->n_limits++];

    limit->set = set;
    limit->mode = mode_effective((int)r->mode, set->mode);
    limit->wish = wish_of(set->action);
    limit->finding = arena_printf(r->arena, "limit:%s", set->name);
    make_parts(limit, r->set);
    make_windows(r, limit);
    r->counts_bytes |= set->count == LIMIT_BYTES;
    r->counts_refused |= set->count == LIMIT_REFUSED_RECIPIENTS;
    r->counts_by_recipient |= limit->by_recipient && set->count != LIMIT_REFUSED_RECIPIENTS;
}

/* Enforced limits first: they are decided together, apart from those that only observe. */
void rules_make_limits(struct rules *r)
{
    size_t n = r->set->policy.limits.n;

    r->limits = arena_alloc(r->arena, n * sizeof(*r->limits));
    memset(r->limits, 0, n * sizeof(*r->limits));
    for (size_t i = 0; i < n; i++) {
        if (mode_effective((int)r->mode, limit_at(r->set, i)->mode) == MODE_ENFORCE)
            make_limit(r, limit_at(r->set, i));
    }
    r->n_enforced_limits = r->n_limits;
    for (size_t i = 0; i < n; i++) {
        if (mode_effective((int)r->mode, limit_at(r->set, i)->mode) == MODE_OBSERVE)
            make_limit(r, limit_at(r->set, i));
    }
}

void rules_check_limits(const struct settings *set, struct conf_errors *errors)
{
    size_t windows = 0;

    for (size_t i = 0; i < set->policy.limits.n; i++) {
        const struct set_limit *limit = limit_at(set, i);
        struct conf_rate rates[LIMIT_WINDOWS_MAX];
        struct errtext err;
        char path[64];

        snprintf(path, sizeof(path), "policy.limits[%zu].key", i);
        if (limit->key.n > LIMIT_PARTS_MAX)
            settings_error(set, errors, path, "has %zu parts, at most %d are joined", limit->key.n, LIMIT_PARTS_MAX);
        snprintf(path, sizeof(path), "policy.limits[%zu].burst", i);
        if (limit->burst > 0 && limit->algorithm == LIMIT_SLIDING)
            settings_error(set, errors, path, "goes with algorithm: bucket only, sliding counts each in its window");
        windows += settings_limit_rates(limit, rates, &err);
    }
    if (windows > STORE_LIMITS_MAX)
        settings_error(set, errors, "policy.limits", "have %zu rates together, at most %d are counted", windows, STORE_LIMITS_MAX);
}
