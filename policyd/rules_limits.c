/* rules_limits.c - policy.limits as the checks use them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

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

/* ---- overrides ---- */

static const struct set_override *override_at(const struct set_limit *limit, size_t i)
{
    return (const struct set_override *)limit->overrides.v + i;
}

/* Each of a list may stand for many; errors (may be NULL) with their place. */
static struct overrides *make_overrides(const struct settings *set, size_t at, struct conf_errors *errors)
{
    const struct set_limit *limit = limit_at(set, at);
    struct overrides *o = overrides_new(set, limit);

    for (size_t i = 0; i < limit->overrides.n; i++) {
        const struct set_override *one = override_at(limit, i);

        for (size_t k = 0; k < one->who.n; k++) {
            struct errtext err;
            char path[80];

            if (overrides_add(o, span_str(one->who.v[k]), &one->rate, &err) || errors == NULL)
                continue;
            snprintf(path, sizeof(path), "policy.limits[%zu].overrides[%zu]", at, i);
            settings_error(set, errors, path, "%s", err.text);
        }
    }
    return o;
}

static void check_overrides(const struct settings *set, size_t at, struct conf_errors *errors)
{
    const struct set_limit *limit = limit_at(set, at);
    struct overrides *o = make_overrides(set, at, errors);
    struct errtext err;
    char path[80];

    overrides_free(&o);
    if (override_ldap_wanted(limit) && !override_ldap_check(limit, &err)) {
        snprintf(path, sizeof(path), "policy.limits[%zu].overrides_ldap", at);
        settings_error(set, errors, path, "%s", err.text);
    }
    if (limit->overrides_file == NULL || limit->overrides_file[0] == '\0')
        return;
    o = overrides_new(set, limit);
    override_file_read(limit->overrides_file, o, errors);
    overrides_free(&o);
}

/* ---- all ---- */

static enum wish wish_of(int action)
{
    return action == LIMIT_REJECT ? WISH_REJECT : action == LIMIT_DEFER ? WISH_DEFER : WISH_NONE;
}

static bool open_overrides(const struct rules *r, struct loop *loop, bool serving, struct limit_rule *limit, struct errtext *err)
{
    const char *path = limit->set->overrides_file;

    if (path != NULL && path[0] != '\0' && (limit->file = override_file_open(loop, r->set, limit->set, err)) == NULL)
        return false;
    if (override_ldap_wanted(limit->set) && (limit->ldap = override_ldap_open(loop, r->set, limit->set, serving, err)) == NULL)
        return false;
    return true;
}

static bool make_limit(struct rules *r, struct loop *loop, bool serving, size_t at, struct errtext *err)
{
    const struct set_limit *set = limit_at(r->set, at);
    struct limit_rule *limit = &r->limits[r->n_limits++];

    limit->set = set;
    limit->mode = mode_effective((int)r->mode, set->mode);
    limit->wish = wish_of(set->action);
    limit->finding = arena_printf(r->arena, "limit:%s", set->name);
    make_parts(limit, r->set);
    limit_rates_own(set, r->arena, &limit->rates);
    if (set->overrides.n > 0)
        limit->overrides = make_overrides(r->set, at, NULL);
    r->counts_bytes |= set->count == LIMIT_BYTES;
    r->counts_refused |= set->count == LIMIT_REFUSED_RECIPIENTS;
    r->counts_by_recipient |= limit->by_recipient && set->count != LIMIT_REFUSED_RECIPIENTS;
    return open_overrides(r, loop, serving, limit, err);
}

static bool make_limits_of(struct rules *r, struct loop *loop, bool serving, enum mode mode, struct errtext *err)
{
    for (size_t i = 0; i < r->set->policy.limits.n; i++) {
        if (mode_effective((int)r->mode, limit_at(r->set, i)->mode) == mode && !make_limit(r, loop, serving, i, err))
            return false;
    }
    return true;
}

/* Enforced limits first: they are decided together, apart from those that only observe. */
bool rules_make_limits(struct rules *r, struct loop *loop, bool serving, struct errtext *err)
{
    size_t n = r->set->policy.limits.n;

    r->limits = arena_alloc(r->arena, n * sizeof(*r->limits));
    if (!make_limits_of(r, loop, serving, MODE_ENFORCE, err))
        return false;
    r->n_enforced_limits = r->n_limits;
    return make_limits_of(r, loop, serving, MODE_OBSERVE, err);
}

void rules_free_limits(struct rules *r)
{
    for (size_t i = 0; i < r->n_limits; i++) {
        overrides_free(&r->limits[i].overrides);
        override_file_close(&r->limits[i].file);
        override_ldap_close(&r->limits[i].ldap);
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
        windows += settings_limit_rates(&limit->rate, rates, &err);
        snprintf(path, sizeof(path), "policy.limits[%zu]", i);
        if (conf_sound(set->marks, path))
            check_overrides(set, i, errors);
    }
    if (windows > STORE_LIMITS_MAX)
        settings_error(set, errors, "policy.limits", "have %zu rates together, at most %d are counted", windows, STORE_LIMITS_MAX);
}
