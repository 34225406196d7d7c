/* store_rules.h - the arithmetic of limits and greylisting, the same for every back end.
 *
 * Pure: state and time in, answer and new state out.
 * Units:     limits count in microseconds (whole numbers below 2^52, so that Redis' Lua has them exactly), greylisting in milliseconds.
 * Source:    GCRA as in ITU-T I.371, virtual scheduling: a bucket is one number, the time at which it is full again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_RULES_H
#define GATEPOST_STORE_RULES_H

#include "lib/base/buf.h"
#include "lib/store/store.h"

struct gcra {
    int64_t every_us;       /* time that one event costs: per / count, at least 1 */
    int64_t window_us;      /* burst * every_us */
    int64_t need_us;        /* cost * every_us; 0: only looks */
};

struct gcra gcra_of(const struct store_limit *l);
/* What is free in a bucket that is full again at full_us.  A bucket that would need more than its whole window
 * was filled before the clock was set back: it counts as just emptied, and the back end must write that down (gcra_capped_us), so that
 * nobody waits longer than one window. */
int64_t gcra_free_us(const struct gcra *g, int64_t full_us, int64_t now_us);
int64_t gcra_capped_us(const struct gcra *g, int64_t full_us, int64_t now_us);
/* A look asks for room for one. */
bool gcra_fits(const struct gcra *g, int64_t free_us);
/* free_us: before this decision; charged: whether this decision took its cost. */
void gcra_result(const struct gcra *g, int64_t free_us, bool exceeded, bool charged, struct store_limit_result *out);
/* "left=3 of=10 every_ms=360000": what store_scan shows. */
void gcra_describe(struct buf *to, int64_t full_us, int64_t every_us, int64_t window_us, int64_t now_us);

struct grey_state {
    int64_t first_ms;       /* first seen; once passed: when it passed */
    int64_t last_ms;        /* seen last */
    int64_t tries;          /* 0: not known */
    bool passed;
};

/* The next state of a key that is seen at now_ms, and when it may be forgotten.  A clock that stands before last_ms has been set back:
 * how long the sender really waited is not known then, and it counts as waited. */
void grey_step(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms, struct store_grey_result *out, int64_t *expires_ms_out);
/* "answer=pass tries=4" */
void grey_describe(struct buf *to, const struct grey_state *st);

#endif
