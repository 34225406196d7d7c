/* verdict_class.c - which setting a finding falls under, and which one a scan that did not take place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/verdict_class.h"

static const char *class_name(const struct fact *f)
{
    return f->klass < FACT_CLASSES ? fact_class_name((enum fact_class)f->klass) : "";
}

const struct set_class *verdict_class_of(const struct settings *set, const struct fact *f)
{
    const struct set_class *c;

    if (f->kind != FACT_HEURISTIC && f->kind != FACT_UNCHECKED)
        return NULL;
    c = f->klass == FACT_CLASS_SHAPE ? settings_shape(set, f->name) : settings_class(set, class_name(f));
    if (c != NULL)
        return c;
    /* A worker's answer is foreign input: what has no setting counts as the general case of its kind. */
    return f->kind == FACT_HEURISTIC ? &set->filter.virus.heuristics.other : &set->filter.unchecked.ambiguous;
}

enum verdict_cause verdict_class_cause(const struct fact *f)
{
    if (f->klass == FACT_CLASS_SHAPE)
        return CAUSE_SHAPE;
    return f->kind == FACT_HEURISTIC ? CAUSE_HEURISTIC : CAUSE_UNCHECKED;
}

static bool has_timeout(const struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind == FACT_UNCHECKED && f->v[i].klass == FACT_CLASS_TIMEOUT)
            return true;
    return false;
}

const char *verdict_not_scanned_class(enum scan_outcome outcome, const struct facts *facts)
{
    switch (outcome) {
    case SCAN_TIMED_OUT:
        return "timeout";
    case SCAN_CRASHED:
    case SCAN_GARBAGE:
        return "crashed";
    case SCAN_NO_ENGINE:
        return "engine";
    case SCAN_BUSY:
        return NULL;
    case SCAN_DONE:
        break;
    }
    return !facts->complete ? "crashed" : has_timeout(facts) ? "timeout" : NULL;
}

const char *verdict_not_scanned_why(enum scan_outcome outcome, const char *why, const struct facts *facts)
{
    if (outcome == SCAN_DONE)
        return facts != NULL ? facts->incomplete_why : "";
    return why != NULL ? why : "";
}

const char *verdict_class_action_name(int class_action)
{
    static const char *const names[CLASS_ACTIONS] = { "defer", "tag", "pass", "score", "reject" };

    return class_action >= 0 && class_action < CLASS_ACTIONS ? names[class_action] : "";
}
