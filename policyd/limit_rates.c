/* limit_rates.c - the rates of a limit, its own or an override's, as the store is asked about them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_rates.h"

#include "lib/conf/conf_units.h"

/* "NAME/", or "NAME:h/" for each of several rates: a reload that adds one leaves the counts of the others. */
static span prefix_of(struct arena *arena, const char *name, const struct conf_rate *rate, bool several)
{
    struct buf words;
    span prefix;

    if (!several)
        return span_str(arena_printf(arena, "%s/", name));
    buf_init(&words, 64);
    conf_rate_format(rate, &words);
    prefix = span_from(buf_span(&words), span_find(buf_span(&words), '/') + 1);
    prefix = span_str(arena_printf(arena, "%s:%.*s/", name, SPAN_ARG(prefix)));
    buf_free(&words);
    return prefix;
}

static void make(const struct set_limit *limit, const struct conf_rate *rates, size_t n, bool several, struct arena *arena, struct limit_rates *out)
{
    *out = (struct limit_rates){ .n = n };
    for (size_t i = 0; i < n; i++) {
        out->v[i].prefix = prefix_of(arena, limit->name, &rates[i], several);
        out->v[i].rate = (struct store_limit){
            .count = rates[i].count, .per_ms = rates[i].per_ms, .burst = rates[i].count,
            .kind = limit->algorithm == LIMIT_SLIDING ? STORE_SLIDING : STORE_GCRA,
        };
    }
}

void limit_rates_own(const struct set_limit *limit, struct arena *arena, struct limit_rates *out)
{
    struct conf_rate rates[LIMIT_WINDOWS_MAX];
    struct errtext err;
    size_t n = settings_limit_rates(&limit->rate, rates, &err);

    make(limit, rates, n, n > 1, arena, out);
    if (n > 0 && limit->burst > 0)
        out->v[0].rate.burst = limit->burst;
}

bool limit_rates_override(const struct set_limit *limit, const struct conf_strings *text, struct arena *arena, struct limit_rates *out,
                          struct errtext *err)
{
    struct conf_rate rates[LIMIT_WINDOWS_MAX], own[LIMIT_WINDOWS_MAX];
    struct errtext none;
    size_t n, n_own = settings_limit_rates(&limit->rate, own, &none);

    if (text->n == 1 && strcmp(text->v[0], "unlimited") == 0) {
        *out = (struct limit_rates){ .unlimited = true };
        return true;
    }
    if ((n = settings_limit_rates(text, rates, err)) == 0)
        return false;
    if (n > n_own) {
        errtext_set(err, "has %zu rates, limit %s itself has %zu", n, limit->name, n_own);
        return false;
    }
    make(limit, rates, n, n_own > 1, arena, out);
    return true;
}
