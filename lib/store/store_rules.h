/* store_rules.h - the arithmetic of limits and greylisting, the same for every back end.
 *
 * Pure: state and time in, answer and new state out.
 * Units:     limits count in microseconds (whole numbers below 2^52, so that Redis' Lua has them exactly), greylisting in milliseconds.
 *            Sliding windows count whole events and reckon the older window's part in them to a millionth.
 * Source:    GCRA as in ITU-T I.371, virtual scheduling: a bucket is one number, the time at which it is full again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_RULES_H
#define GATEPOST_STORE_RULES_H

#include "lib/base/buf.h"
#include "lib/store/store.h"

/* A limit as it is reckoned. */
struct limit_rate {
    enum store_limit_kind kind;
    int64_t cost, want;     /* want: what must fit, at least 1 */
    int64_t every_us;       /* GCRA: time that one event costs: per / count, at least 1 */
    int64_t window_us;      /* GCRA: burst * every_us; sliding: the window */
    int64_t count;          /* sliding */
};

/* What is kept of a limit.  Sliding: windows begin at multiples of their length since 1970. */
union limit_data {
    struct { int64_t full_us, every_us, window_us; } gcra;
    struct { int64_t start_us, before, in, window_us; } sliding;
};
struct limit_state {
    enum store_limit_kind kind;
    bool there;             /* false: nothing was counted yet */
    union limit_data data;
};

struct limit_rate limit_rate_of(const struct store_limit *l);
size_t limit_data_bytes(enum store_limit_kind kind);
/* Brings a state up to now: what has run out goes, what another kind of limit left is nothing.  A bucket that would need more than its whole
 * window, or a window that begins later, was filled before the clock was set back: it counts as just emptied or begun, so that nobody waits
 * longer than one window (sliding: two).  true: the state was changed in a way that must be kept. */
bool limit_now(const struct limit_rate *rate, struct limit_state *st, int64_t now_us);
/* The answer for a state that is up to date; `exceeded` when `want` does not fit. */
void limit_look(const struct limit_rate *rate, const struct limit_state *st, int64_t now_us, struct store_limit_result *out);
void limit_charge(const struct limit_rate *rate, struct limit_state *st, int64_t now_us);
/* Gives back one cost that was charged at charged_us. */
void limit_refund(const struct limit_rate *rate, struct limit_state *st, int64_t charged_us, int64_t now_us);
/* When it may be forgotten: from then on it says nothing. */
int64_t limit_expires_us(const struct limit_state *st);
/* "left=3 of=10 every_ms=360000", "used=7.5 window_ms=3600000": what store_scan shows. */
void limit_describe(struct buf *to, const struct limit_state *st, int64_t now_us);

struct grey_state {
    int64_t first_ms;       /* first seen; once passed: when it passed */
    int64_t last_ms;        /* seen last */
    int64_t tries;          /* 0: not known */
    bool passed;
};

/* The next state of a key that is seen at now_ms, and when it may be forgotten.  A clock that stands before last_ms has been set back:
 * how long the sender really waited is not known then, and it counts as waited. */
void grey_step(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms, struct store_grey_result *out, int64_t *expires_ms_out);
/* An authority's own state: first_ms is when a pass of his was counted last, tries how many were.  true: all of his passes. */
bool grey_auto_pass(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms);
/* A key of his has passed. */
void grey_auto_count(struct grey_state *st, const struct store_grey_request *q, int64_t now_ms);
/* "answer=pass tries=4" */
void grey_describe(struct buf *to, const struct grey_state *st);

#endif
