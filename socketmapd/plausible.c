/* plausible.c - whether what a directory proposes may take addresses away.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/plausible.h"

enum { DOMAIN_OF_NOTE = 5,        /* a domain with so many addresses does not just vanish */
       ATTR_OF_NOTE = 20 };       /* nor does an attribute lose half of so many */

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static bool removals_are_few(const struct plausible_change *c, const struct plausible_limits *l, struct errtext *why)
{
    if (c->removed <= (uint64_t)l->max_removed_least || percent(c->removed, c->had) <= l->max_removed_percent)
        return true;
    errtext_set(why, "%llu of %llu addresses would go (%.1f %%; sync.max_removed is %.1f %%)", (unsigned long long)c->removed,
                (unsigned long long)c->had, percent(c->removed, c->had), l->max_removed_percent);
    return false;
}

static bool domain_goes(const struct plausible_domain *d)
{
    return d->removed == d->had && d->had >= DOMAIN_OF_NOTE;
}

bool plausible_is_drastic(const struct plausible_change *c)
{
    for (size_t i = 0; i < c->n_domains; i++) {
        if (domain_goes(&c->domains[i]))
            return true;
    }
    return c->has == 0;
}

static bool domains_stay(const struct plausible_change *c, const struct plausible_limits *l, struct errtext *why)
{
    for (size_t i = 0; i < c->n_domains; i++) {
        const struct plausible_domain *d = &c->domains[i];

        if (domain_goes(d)) {
            errtext_set(why, "the whole domain %.*s would go (%llu addresses)", SPAN_ARG(d->name), (unsigned long long)d->had);
            return false;
        }
        if (d->removed > (uint64_t)l->max_removed_least && percent(d->removed, d->had) > l->max_domain_removed_percent) {
            errtext_set(why, "%llu of %llu addresses of %.*s would go (%.1f %%; sync.max_domain_removed is %.1f %%)",
                        (unsigned long long)d->removed, (unsigned long long)d->had, SPAN_ARG(d->name), percent(d->removed, d->had),
                        l->max_domain_removed_percent);
            return false;
        }
    }
    return true;
}

/* Which index an attribute has is a matter of the configuration: they are told apart by name. */
static uint64_t addresses_of_attr(const struct rcpt_set_about *a, const char *attr)
{
    for (size_t i = 0; i < RCPT_SET_ATTRS_MAX; i++) {
        if (strcmp(a->attr[i], attr) == 0)
            return a->per_attr[i];
    }
    return 0;
}

/* Success with fewer attributes is what a lost right to read looks like. */
static bool attributes_are_readable(const struct plausible_change *c, struct errtext *why)
{
    for (size_t i = 0; i < RCPT_SET_ATTRS_MAX; i++) {
        uint64_t had = c->old->per_attr[i], has = addresses_of_attr(c->neu, c->old->attr[i]);

        if (c->old->attr[i][0] == '\0' || had < ATTR_OF_NOTE || has * 2 >= had)
            continue;
        errtext_set(why, "%s names %llu addresses, where it named %llu: may the bind user still read it?", c->old->attr[i],
                    (unsigned long long)has, (unsigned long long)had);
        return false;
    }
    return true;
}

bool plausible(const struct plausible_change *c, const struct plausible_limits *limits, struct errtext *why)
{
    if (c->has == 0) {
        errtext_set(why, "it names no address at all");
        return false;
    }
    if (c->missing_canary.p != NULL) {
        errtext_set(why, "%.*s is not in it (sync.canaries)", SPAN_ARG(c->missing_canary));
        return false;
    }
    if (c->old == NULL)
        return true;
    if (strcmp(c->old->context, c->neu->context) != 0) {
        errtext_set(why, "the server's naming context is \"%s\", it was \"%s\"", c->neu->context, c->old->context);
        return false;
    }
    return attributes_are_readable(c, why) && domains_stay(c, limits, why) && removals_are_few(c, limits, why);
}
