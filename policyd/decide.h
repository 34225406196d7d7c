/* decide.h - from hits to a score to an outcome.
 *
 * Pure: no clock, no log, no memory of its own.  Every decision is made twice: once with what is enforced, and once as if all that
 * is only observed were enforced too ("would"), so that an observing rule can tell what it would have done.
 * Bounds:    while checks are pending, their bounds say what they may still add; `certain` means that nothing pending can change
 *            the outcome.
 * Units:     scores are points; a threshold of 0 is off.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_DECIDE_H
#define GATEPOST_POLICYD_DECIDE_H

#include "lib/settings/settings.h"

/* What a hit asks for beside its points. */
enum wish { WISH_NONE, WISH_ALLOW, WISH_DEFER, WISH_REJECT };

/* Mildest first: of several, the sternest counts. */
enum outcome { OUTCOME_PASS, OUTCOME_PREPEND, OUTCOME_GREYLIST, OUTCOME_DEFER, OUTCOME_REJECT };

struct decide_hit {
    double points;
    enum wish wish;
    enum mode mode;              /* MODE_ENFORCE or MODE_OBSERVE; others count as nothing */
};

/* The sum over all pending checks of what they may still bring. */
struct decide_pending {
    double low, high;            /* enforced points: low <= 0 <= high */
    double would_low, would_high;/* enforced and observed points */
    bool may_allow;              /* an allow may still come: nothing is certain */
    bool may_refuse;             /* a wish to defer or reject may still come */
};

struct decide_side {
    enum outcome outcome;
    double score;
    size_t cause;                /* index of the hit that tells why; DECIDE_NO_CAUSE for a plain pass */
    bool certain;
};
#define DECIDE_NO_CAUSE ((size_t)-1)

struct decision {
    struct decide_side enforced; /* what is answered */
    struct decide_side would;    /* what would be, were nothing only observed */
    bool certain;                /* no pending check can change what is answered, nor what passes' "would" tells */
};

static inline bool outcome_refuses(enum outcome o)
{
    return o == OUTCOME_DEFER || o == OUTCOME_REJECT;
}

const char *outcome_name(enum outcome o);

/* The sternest outcome whose threshold the score has reached. */
enum outcome decide_level(const struct set_score *thresholds, double score);
struct decision decide(const struct decide_hit *hits, size_t n, const struct decide_pending *pending, const struct set_score *thresholds);

#endif
