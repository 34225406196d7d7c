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

struct limit_rate limit_rate_of(const struct store_limit *l)
{
    int64_t per_us = times_capped(l->per_ms, 1000);
    struct limit_rate r = { .kind = l->kind, .cost = l->cost > 0 ? l->cost : 0 };

    r.want = r.cost > 0 ? r.cost : l->want > 0 ? l->want : 1;
    if (l->kind == STORE_SLIDING) {
        r.count = l->count > 0 ? l->count : 0;
        r.window_us = per_us > 0 ? per_us : 1;
        return r;
    }
    r.every_us = l->count > 0 ? per_us / l->count : per_us;
    if (r.every_us < 1)
        r.every_us = 1;
    r.window_us = times_capped(l->burst > 0 ? l->burst : 1, r.every_us);
    return r;
}

size_t limit_data_bytes(enum store_limit_kind kind)
{
    static const union limit_data d;

    return kind == STORE_SLIDING ? sizeof(d.sliding) : sizeof(d.gcra);
}

/* ---- GCRA ---- */

static bool gcra_now(const struct limit_rate *rate, struct limit_state *st, int64_t now_us)
{
    int64_t *full_us = &st->data.gcra.full_us;

    st->data.gcra.every_us = rate->every_us;
    st->data.gcra.window_us = rate->window_us;
    if (!st->there || *full_us < now_us)
        *full_us = now_us;
    if (*full_us - now_us <= rate->window_us)
        return false;
    *full_us = now_us + rate->window_us;
    return true;
}

static void gcra_look(const struct limit_rate *rate, const struct limit_state *st, int64_t now_us, struct store_limit_result *out)
{
    int64_t free_us = rate->window_us - (st->data.gcra.full_us - now_us);
    int64_t need_us = times_capped(rate->want, rate->every_us);

    if (free_us < 0)
        free_us = 0;
    out->exceeded = need_us > free_us;
    out->left = free_us / rate->every_us;
    out->retry_ms = 0;
    if (out->exceeded) {
        if (need_us > rate->window_us)     /* more than the burst will never fit; say when the bucket is full */
            need_us = rate->window_us;
        out->retry_ms = need_us > free_us ? (need_us - free_us + 999) / 1000 : 1;
    }
}

/* ---- two counters ---- */

static int64_t window_start(const struct limit_rate *rate, int64_t at_us)
{
    return at_us - at_us % rate->window_us;
}

static bool sliding_now(const struct limit_rate *rate, struct limit_state *st, int64_t now_us)
{
    int64_t start_us = window_start(rate, now_us);

    if (!st->there || st->data.sliding.window_us != rate->window_us) {
        st->data.sliding.start_us = start_us;
        st->data.sliding.window_us = rate->window_us;
        st->data.sliding.before = st->data.sliding.in = 0;
        return false;
    }
    if (st->data.sliding.start_us == start_us)
        return false;
    if (st->data.sliding.start_us > start_us) {      /* the clock was set back */
        st->data.sliding.start_us = start_us;
        return true;
    }
    st->data.sliding.before = start_us - st->data.sliding.start_us == rate->window_us ? st->data.sliding.in : 0;
    st->data.sliding.in = 0;
    st->data.sliding.start_us = start_us;
    return false;
}

/* What of the older window's events still counts, rounded up, so that never more than `count` is let through where they came evenly. */
static int64_t sliding_used(const struct limit_state *st, int64_t now_us)
{
    int64_t window_us = st->data.sliding.window_us;
    __int128 part = (__int128)st->data.sliding.before * (window_us - (now_us - st->data.sliding.start_us));

    return st->data.sliding.in + (int64_t)((part + window_us - 1) / window_us);
}

/* How far a window of n old events must have gone until no more than `room` of them count. */
static int64_t gone_us(int64_t n, int64_t room, int64_t window_us)
{
    if (room < 0)
        room = 0;
    return n <= room ? 0 : window_us - (int64_t)((__int128)room * window_us / n);
}

static void sliding_look(const struct limit_rate *rate, const struct limit_state *st, int64_t now_us, struct store_limit_result *out)
{
    int64_t used = sliding_used(st, now_us), in = st->data.sliding.in;
    int64_t elapsed_us = now_us - st->data.sliding.start_us, wait_us;

    out->exceeded = used + rate->want > rate->count;
    out->left = rate->count > used ? rate->count - used : 0;
    out->retry_ms = 0;
    if (!out->exceeded)
        return;
    if (in + rate->want <= rate->count)              /* in this window */
        wait_us = gone_us(st->data.sliding.before, rate->count - rate->want - in, rate->window_us) - elapsed_us;
    else                                             /* in the next, where what came in this one is old */
        wait_us = rate->window_us - elapsed_us + gone_us(in, rate->count - rate->want, rate->window_us);
    out->retry_ms = wait_us > 0 ? (wait_us + 999) / 1000 : 1;
}

static void sliding_refund(const struct limit_rate *rate, struct limit_state *st, int64_t charged_us)
{
    int64_t start_us = window_start(rate, charged_us);
    int64_t *counter = start_us >= st->data.sliding.start_us                    ? &st->data.sliding.in
                       : st->data.sliding.start_us - start_us == rate->window_us ? &st->data.sliding.before
                                                                                  : NULL;

    if (counter != NULL)
        *counter -= rate->cost < *counter ? rate->cost : *counter;
}

/* ---- both ---- */

bool limit_now(const struct limit_rate *rate, struct limit_state *st, int64_t now_us)
{
    if (st->kind != rate->kind)
        st->there = false;
    st->kind = rate->kind;
    return rate->kind == STORE_SLIDING ? sliding_now(rate, st, now_us) : gcra_now(rate, st, now_us);
}

void limit_look(const struct limit_rate *rate, const struct limit_state *st, int64_t now_us, struct store_limit_result *out)
{
    if (rate->kind == STORE_SLIDING)
        sliding_look(rate, st, now_us, out);
    else
        gcra_look(rate, st, now_us, out);
}

/* Beyond the window nothing is owed: what is counted by force costs one window at most. */
void limit_charge(const struct limit_rate *rate, struct limit_state *st, int64_t now_us)
{
    st->there = true;
    if (rate->kind == STORE_SLIDING) {
        if (st->data.sliding.in < INT64_MAX / 4)
            st->data.sliding.in += rate->cost;
        return;
    }
    st->data.gcra.full_us += times_capped(rate->cost, rate->every_us);
    if (st->data.gcra.full_us - now_us > rate->window_us)
        st->data.gcra.full_us = now_us + rate->window_us;
}

void limit_refund(const struct limit_rate *rate, struct limit_state *st, int64_t charged_us, int64_t now_us)
{
    if (rate->kind == STORE_SLIDING) {
        sliding_refund(rate, st, charged_us);
        return;
    }
    st->data.gcra.full_us -= times_capped(rate->cost, rate->every_us);
    if (st->data.gcra.full_us < now_us)
        st->data.gcra.full_us = now_us;
}

int64_t limit_expires_us(const struct limit_state *st)
{
    if (st->kind == STORE_GCRA)
        return st->data.gcra.full_us;
    return st->data.sliding.start_us + 2 * st->data.sliding.window_us;
}

void limit_describe(struct buf *to, const struct limit_state *st, int64_t now_us)
{
    struct limit_rate rate = { .kind = st->kind };
    struct limit_state now = *st;

    if (st->kind == STORE_SLIDING) {
        rate.window_us = st->data.sliding.window_us > 0 ? st->data.sliding.window_us : 1;
        limit_now(&rate, &now, now_us);
        buf_printf(to, "used=%" PRId64 " window_ms=%" PRId64, sliding_used(&now, now_us), rate.window_us / 1000);
        return;
    }
    rate.every_us = st->data.gcra.every_us > 0 ? st->data.gcra.every_us : 1;
    rate.window_us = st->data.gcra.window_us;
    limit_now(&rate, &now, now_us);
    buf_printf(to, "left=%" PRId64 " of=%" PRId64 " every_ms=%" PRId64, (rate.window_us - (now.data.gcra.full_us - now_us)) / rate.every_us,
               rate.window_us / rate.every_us, rate.every_us / 1000);
}

/* ---- greylisting ---- */

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

/* postgrey counts one pass an hour: a burst of one campaign is one proof, not many. */
#define AUTO_COUNT_MS HOURS(1)

bool grey_auto_pass(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms)
{
    if (st->tries > 0 && now_ms - st->last_ms > q->auto_keep_ms)
        *st = (struct grey_state){ 0 };
    if (q->auto_after <= 0 || st->tries < q->auto_after)
        return false;
    st->passed = true;
    st->last_ms = now_ms;
    return true;
}

void grey_auto_count(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms)
{
    bool counted_lately = st->tries > 0 && now_ms >= st->first_ms && now_ms - st->first_ms < AUTO_COUNT_MS;

    st->last_ms = now_ms;
    if (counted_lately)
        return;
    st->tries++;
    st->first_ms = now_ms;
    st->passed = q->auto_after > 0 && st->tries >= q->auto_after;
}

void grey_describe(struct buf *to, const struct grey_state *st)
{
    buf_printf(to, "answer=%s tries=%" PRId64, st->passed ? "pass" : "wait", st->tries);
}
