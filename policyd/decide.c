/* decide.c - from hits to a score to an outcome.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/decide.h"

/* Weights are written as decimals: three times 0.1 must reach 0.3. */
#define SCORE_SLACK 1e-9

const char *outcome_name(enum outcome o)
{
    static const char *const names[] = { "pass", "prepend", "greylist", "defer", "reject" };

    return names[o];
}

static bool reached(double threshold, double score)
{
    return threshold > 0 && score >= threshold - SCORE_SLACK;
}

enum outcome decide_level(const struct set_score *thresholds, double score)
{
    if (reached(thresholds->reject, score))
        return OUTCOME_REJECT;
    if (reached(thresholds->defer, score))
        return OUTCOME_DEFER;
    if (reached(thresholds->greylist, score))
        return OUTCOME_GREYLIST;
    if (reached(thresholds->prepend, score))
        return OUTCOME_PREPEND;
    return OUTCOME_PASS;
}

/* One side of the decision while its hits are summed up. */
struct tally {
    double score, most_points;
    size_t allow, defer, reject, most;   /* the first hit of each kind */
};

static void tally_add(struct tally *t, const struct decide_hit *hit, size_t i)
{
    t->score += hit->points;
    if (hit->points > t->most_points) {
        t->most_points = hit->points;
        t->most = i;
    }
    if (hit->wish == WISH_ALLOW && t->allow == DECIDE_NO_CAUSE)
        t->allow = i;
    if (hit->wish == WISH_DEFER && t->defer == DECIDE_NO_CAUSE)
        t->defer = i;
    if (hit->wish == WISH_REJECT && t->reject == DECIDE_NO_CAUSE)
        t->reject = i;
}

/* Can what is pending, between low and high points, still change the outcome? */
static bool side_certain(const struct tally *t, enum outcome outcome, double low, double high, const struct decide_pending *pending,
                         const struct set_score *thresholds)
{
    if (t->allow != DECIDE_NO_CAUSE)
        return true;
    if (pending->may_allow)
        return false;
    if (t->reject != DECIDE_NO_CAUSE)
        return true;
    if (pending->may_refuse && outcome != OUTCOME_REJECT)
        return false;
    if (t->defer != DECIDE_NO_CAUSE) {   /* a wish to defer holds the outcome up whatever the score does */
        enum outcome top = decide_level(thresholds, t->score + high);
        enum outcome bottom = decide_level(thresholds, t->score + low);

        return (top == OUTCOME_REJECT) == (bottom == OUTCOME_REJECT);
    }
    return (low >= 0 && high <= 0) || decide_level(thresholds, t->score + low) == decide_level(thresholds, t->score + high);
}

static struct decide_side side_of(const struct tally *t, double low, double high, const struct decide_pending *pending,
                                  const struct set_score *thresholds)
{
    struct decide_side side = { .score = t->score, .cause = DECIDE_NO_CAUSE };
    enum outcome level = decide_level(thresholds, t->score);

    if (t->allow != DECIDE_NO_CAUSE) {
        side.outcome = OUTCOME_PASS;
        side.cause = t->allow;
    } else if (t->reject != DECIDE_NO_CAUSE) {
        side.outcome = OUTCOME_REJECT;
        side.cause = t->reject;
    } else if (t->defer != DECIDE_NO_CAUSE && level <= OUTCOME_DEFER) {
        side.outcome = OUTCOME_DEFER;
        side.cause = t->defer;
    } else {
        side.outcome = level;
        side.cause = level == OUTCOME_PASS ? DECIDE_NO_CAUSE : t->most;
    }
    side.certain = side_certain(t, side.outcome, low, high, pending, thresholds);
    return side;
}

struct decision decide(const struct decide_hit *hits, size_t n, const struct decide_pending *pending, const struct set_score *thresholds)
{
    struct tally enforced = { .allow = DECIDE_NO_CAUSE, .defer = DECIDE_NO_CAUSE, .reject = DECIDE_NO_CAUSE, .most = DECIDE_NO_CAUSE };
    struct tally would = enforced;
    struct decision d;

    for (size_t i = 0; i < n; i++) {
        if (hits[i].mode == MODE_ENFORCE)
            tally_add(&enforced, &hits[i], i);
        if (hits[i].mode == MODE_ENFORCE || hits[i].mode == MODE_OBSERVE)
            tally_add(&would, &hits[i], i);
    }
    d.enforced = side_of(&enforced, pending->low, pending->high, pending, thresholds);
    d.would = side_of(&would, pending->would_low, pending->would_high, pending, thresholds);
    d.certain = d.enforced.certain && (outcome_refuses(d.enforced.outcome) || d.would.certain);
    return d;
}
