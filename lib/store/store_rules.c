/* store_rules.c - the arithmetic of limits and greylisting, the same for every back end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_rules.h"

#include <inttypes.h>

/* 71 years: nothing longer is meant, and two of them added to a Unix time in microseconds stay below 2^53. */
#define GCRA_MOST_US ((int64_t)1 << 51)

static int64_t times_capped(int64_t a, int64_t b)
{
    int64_t product;

    if (a <= 0 || b <= 0)
        return 0;
    return __builtin_mul_overflow(a, b, &product) || product > GCRA_MOST_US ? GCRA_MOST_US : product;
}

struct gcra gcra_of(const struct store_limit *l)
{
    struct gcra g;
    int64_t per_us = times_capped(l->per_ms, 1000);

    g.every_us = l->count > 0 ? per_us / l->count : per_us;
    if (g.every_us < 1)
        g.every_us = 1;
    g.window_us = times_capped(l->burst > 0 ? l->burst : 1, g.every_us);
    g.need_us = times_capped(l->cost, g.every_us);
    return g;
}

int64_t gcra_free_us(const struct gcra *g, int64_t full_us, int64_t now_us)
{
    if (full_us <= now_us)
        return g->window_us;
    return full_us - now_us < g->window_us ? g->window_us - (full_us - now_us) : 0;
}

int64_t gcra_capped_us(const struct gcra *g, int64_t full_us, int64_t now_us)
{
    return full_us > now_us + g->window_us ? now_us + g->window_us : full_us;
}

bool gcra_fits(const struct gcra *g, int64_t free_us)
{
    return (g->need_us > 0 ? g->need_us : g->every_us) <= free_us;
}

void gcra_result(const struct gcra *g, int64_t free_us, bool exceeded, bool charged, struct store_limit_result *out)
{
    int64_t need = g->need_us > 0 ? g->need_us : g->every_us;

    out->exceeded = exceeded;
    out->left = (charged ? free_us - g->need_us : free_us) / g->every_us;
    out->retry_ms = 0;
    if (exceeded) {
        if (need > g->window_us)      /* more than the burst will never fit; say when the bucket is full */
            need = g->window_us;
        out->retry_ms = need > free_us ? (need - free_us + 999) / 1000 : 1;
    }
}

void gcra_describe(struct buf *to, int64_t full_us, int64_t every_us, int64_t window_us, int64_t now_us)
{
    struct gcra g = { .every_us = every_us > 0 ? every_us : 1, .window_us = window_us };

    buf_printf(to, "left=%" PRId64 " of=%" PRId64 " every_ms=%" PRId64, gcra_free_us(&g, full_us, now_us) / g.every_us,
               window_us / g.every_us, g.every_us / 1000);
}

static void grey_start(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms)
{
    st->first_ms = now_ms;
    st->tries = 0;
    st->passed = q->delay_ms <= 0;
}

void grey_step(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms, struct store_grey_result *out, int64_t *expires_ms_out)
{
    bool set_back = st->tries > 0 && now_ms < st->last_ms;
    int64_t waited = set_back ? q->delay_ms : now_ms - st->first_ms;

    if (st->tries <= 0 || (st->passed && !set_back && now_ms - st->last_ms > q->keep_ms)
        || (!st->passed && !set_back && waited > q->window_ms)) {
        grey_start(st, q, now_ms);
        waited = 0;
    } else if (!st->passed && waited >= q->delay_ms) {
        st->passed = true;
        st->first_ms = now_ms;
    }
    st->last_ms = now_ms;
    st->tries++;
    out->outcome = STORE_HIT;
    out->answer = st->passed ? GREY_PASS : GREY_WAIT;
    out->wait_ms = st->passed ? 0 : q->delay_ms - waited;
    out->tries = st->tries;
    *expires_ms_out = st->passed ? now_ms + q->keep_ms : st->first_ms + q->window_ms;
}

void grey_describe(struct buf *to, const struct grey_state *st)
{
    buf_printf(to, "answer=%s tries=%" PRId64, st->passed ? "pass" : "wait", st->tries);
}
