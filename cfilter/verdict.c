/* verdict.c - from what was found to what is done: the one place where scores and actions are decided.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/verdict_class.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const action_names[] = { "accept", "tag", "reject", "defer" };
static const char *const cause_names[] = { "clean", "virus", "spam", "unscannable", "not-scanned", "unchecked", "shape", "heuristic" };

const char *verdict_action_name(enum verdict_action a)
{
    return action_names[a];
}

const char *verdict_cause_name(enum verdict_cause c)
{
    return cause_names[c];
}

enum mode verdict_mode(const struct settings *set)
{
    return mode_effective(set->mode, set->filter.mode);
}

/* The one part that a global `mode: observe` does not touch: only filter.virus.mode says observe for viruses. */
static enum mode virus_mode(const struct settings *set)
{
    if (set->filter.mode == MODE_OFF || set->mode == MODE_OFF || set->filter.virus.mode == MODE_OFF)
        return MODE_OFF;
    return set->filter.virus.mode == MODE_OBSERVE ? MODE_OBSERVE : MODE_ENFORCE;
}

/* Of what was found but is no virus: the filter's own, and no stricter than that for viruses. */
static enum mode class_mode(const struct settings *set)
{
    return mode_effective((int)verdict_mode(set), (int)virus_mode(set));
}

static enum mode spam_mode(const struct settings *set)
{
    return mode_effective((int)verdict_mode(set), set->filter.spam.mode);
}

bool verdict_wants_virus(const struct settings *set)
{
    return virus_mode(set) != MODE_OFF;
}

bool verdict_wants_spam(const struct settings *set, bool trusted, uint64_t size)
{
    return spam_mode(set) != MODE_OFF && !trusted && size <= (uint64_t)set->filter.spam.max_bytes;
}

bool verdict_may_edit(const struct settings *set)
{
    return verdict_mode(set) == MODE_ENFORCE;
}

bool verdict_is_unscannable(enum scan_outcome outcome, const struct facts *facts)
{
    return outcome != SCAN_NO_ENGINE && verdict_not_scanned_class(outcome, facts) != NULL;
}

/* ---- what was found ---- */

struct tally {
    const struct fact *virus;
    const struct fact *by[CLASS_ACTIONS];    /* the first that wants each action */
    uint32_t scored;                         /* a bit for each class that has had its points */
    double score;
};

/* What decides comes first, then by weight, so that what is cut off is what counts least. */
static int rank(const struct verdict_reason *r)
{
    if (r->kind == FACT_VIRUS)
        return 3;
    return strcmp(r->does, "reject") == 0 || strcmp(r->does, "defer") == 0 ? 2 : strcmp(r->does, "tag") == 0;
}

static void add_reason(struct verdict *v, const struct verdict_reason *r)
{
    size_t at = v->n;

    while (at > 0 && (rank(&v->reasons[at - 1]) < rank(r) ||
                      (rank(&v->reasons[at - 1]) == rank(r) && fabs(v->reasons[at - 1].points) < fabs(r->points))))
        at--;
    if (at >= VERDICT_REASONS_MAX)
        return;
    if (v->n == VERDICT_REASONS_MAX)
        v->n--;
    memmove(&v->reasons[at + 1], &v->reasons[at], (v->n - at) * sizeof(*r));
    v->reasons[at] = *r;
    v->n++;
}

static void tally_class(const struct set_class *c, const struct fact *f, bool scored, struct tally *t, struct verdict_reason *r)
{
    r->klass = fact_class_name((enum fact_class)f->klass);
    r->does = verdict_class_action_name(c->action);
    /* Readers differ in several ways at once, and a document has more than one macro: that is one suspicion. */
    if (c->action == CLASS_SCORE && scored && (t->scored & 1U << f->klass) == 0) {
        r->points = c->points;
        t->scored |= 1U << f->klass;
    }
    /* A scan that ran out of time did not take place: not_scanned() sees to it. */
    if (t->by[c->action] == NULL && f->klass != FACT_CLASS_TIMEOUT)
        t->by[c->action] = f;
}

static void tally_facts(const struct settings *set, const struct facts *facts, struct tally *t, struct verdict *v)
{
    for (size_t i = 0; facts != NULL && i < facts->n; i++) {
        const struct fact *f = &facts->v[i];
        const struct set_class *c = verdict_class_of(set, f);
        struct verdict_reason r = { f->scanner, f->name, f->detail, "", "", (enum fact_kind)f->kind, 0 };

        if (f->kind == FACT_NOTE || (f->kind == FACT_SPAM && !v->scored))
            continue;
        if (f->kind == FACT_VIRUS) {
            r.does = "reject";
            t->virus = t->virus == NULL ? f : t->virus;
        } else if (f->kind == FACT_SPAM) {
            r.points = isfinite(f->points) ? (double)f->points : 0;
        } else {
            tally_class(c, f, v->scored, t, &r);
            v->classes |= 1U << f->klass;
        }
        t->score += r.points;
        add_reason(v, &r);
    }
}

/* ---- what follows ---- */

struct proposal {
    enum verdict_action action;
    enum verdict_cause cause;
    const char *klass, *name, *detail;
};

static bool beats(enum verdict_action a, enum verdict_action other, enum verdict_cause others)
{
    static const int weight[] = { [VERDICT_ACCEPT] = 0, [VERDICT_TAG] = 1, [VERDICT_DEFER] = 2, [VERDICT_REJECT] = 3 };

    return weight[a] > weight[other] || (weight[a] == weight[other] && others == CAUSE_NONE);
}

/* The stronger action stays; among equals the one of the rule that was asked first. */
static void propose(struct verdict *v, const struct proposal *p, enum mode mode)
{
    bool would = mode != MODE_OFF && beats(p->action, v->would, v->would_cause);
    bool does = mode == MODE_ENFORCE && beats(p->action, v->action, v->cause);

    if (would) {
        v->would = p->action;
        v->would_cause = p->cause;
    }
    if (does) {
        v->action = p->action;
        v->cause = p->cause;
    }
    if (!does && (!would || v->cause != CAUSE_NONE))
        return;
    v->klass = p->klass;
    snprintf(v->name, sizeof(v->name), "%s", p->name != NULL ? p->name : "");
    snprintf(v->detail, sizeof(v->detail), "%s", p->detail != NULL ? p->detail : "");
}

static void propose_fact(const struct fact *f, enum verdict_action action, enum mode mode, struct verdict *v)
{
    if (f != NULL)
        propose(v, &(struct proposal){ action, verdict_class_cause(f), fact_class_name((enum fact_class)f->klass), f->name, f->detail }, mode);
}

static const char *not_scanned_name(const struct verdict_input *in)
{
    if (in->outcome != SCAN_DONE)
        return scan_outcome_name(in->outcome);
    return in->facts->complete ? "timeout" : "incomplete";
}

static bool is_tried_enough(const struct verdict_input *in)
{
    const struct set_unscannable *u = &in->set->filter.unscannable;

    return verdict_is_unscannable(in->outcome, in->facts) && in->tries > 0 && (in->tries > u->after_tries || in->since_first_ms >= u->after_ms);
}

/* A scan that did not take place, or not to its end. */
static void not_scanned(const struct verdict_input *in, struct tally *t, struct verdict *v, enum mode mode)
{
    static const enum verdict_action by_unscannable[] = {
        [UNSCANNABLE_REJECT] = VERDICT_REJECT, [UNSCANNABLE_DEFER] = VERDICT_DEFER,
        [UNSCANNABLE_TAG] = VERDICT_TAG, [UNSCANNABLE_PASS] = VERDICT_ACCEPT,
    };
    const char *klass = verdict_not_scanned_class(in->outcome, in->facts);
    const struct set_class *c = klass != NULL ? settings_class(in->set, klass) : NULL;
    int action = c != NULL ? c->action : CLASS_DEFER;
    struct proposal p = { VERDICT_DEFER, CAUSE_NOT_SCANNED, klass != NULL ? klass : "", not_scanned_name(in),
                          verdict_not_scanned_why(in->outcome, in->why, in->facts) };
    double points = action == CLASS_SCORE && v->scored ? c->points : 0;

    if (action == CLASS_DEFER && is_tried_enough(in)) {
        p.cause = CAUSE_UNSCANNABLE;
        p.action = by_unscannable[in->set->filter.unscannable.action];
    } else if (action == CLASS_TAG && !in->trusted) {
        p.action = VERDICT_TAG;
    } else if (action != CLASS_DEFER) {
        p.action = VERDICT_ACCEPT;
    }
    propose(v, &p, mode);
    if (in->outcome == SCAN_DONE && in->facts->complete)
        return;                    /* the fact itself tells of it, and has counted */
    t->score += points;
    add_reason(v, &(struct verdict_reason){ "scan", p.name, p.detail, p.klass, verdict_class_action_name(action), FACT_UNCHECKED, points });
}

/* true: the virus rules have decided, nothing after them counts. */
static bool by_virus_rules(const struct verdict_input *in, struct tally *t, struct verdict *v)
{
    enum mode mode = in->scanned ? virus_mode(in->set) : MODE_OFF;

    if (mode == MODE_OFF)
        return false;
    if (t->virus != NULL) {
        propose(v, &(struct proposal){ VERDICT_REJECT, CAUSE_VIRUS, "", t->virus->name, t->virus->detail }, mode);
        return mode == MODE_ENFORCE;
    }
    if (in->outcome == SCAN_DONE && !verdict_is_unscannable(in->outcome, in->facts))
        return false;
    not_scanned(in, t, v, mode);
    /* "Let it pass" still leaves the spam rules to speak; so does observing. */
    return mode == MODE_ENFORCE && (v->action == VERDICT_REJECT || v->action == VERDICT_DEFER);
}

static void by_spam_rules(const struct verdict_input *in, double score, struct verdict *v)
{
    const struct set_spam *s = &in->set->filter.spam;
    struct proposal p = { VERDICT_REJECT, CAUSE_SPAM, "", "spam", "" };

    if (s->reject > 0 && score >= s->reject)
        p.action = in->spam_tags ? VERDICT_TAG : VERDICT_REJECT;
    else if (s->tag > 0 && score >= s->tag)
        p.action = VERDICT_TAG;
    else
        return;
    propose(v, &p, spam_mode(in->set));
}

void verdict_make(const struct verdict_input *in, struct verdict *out)
{
    enum mode mode = class_mode(in->set);
    struct tally t = { 0 };
    bool decided;

    memset(out, 0, sizeof(*out));
    out->klass = "";
    out->scored = verdict_wants_spam(in->set, in->trusted, in->size);
    out->failures = in->failures;
    out->n_failures = in->n_failures;
    if (in->scanned && in->outcome == SCAN_DONE)
        tally_facts(in->set, in->facts, &t, out);
    tally_facts(in->set, in->lookups, &t, out);
    decided = by_virus_rules(in, &t, out);
    out->score = t.score;
    if (decided)
        return;
    propose_fact(t.by[CLASS_REJECT], VERDICT_REJECT, mode, out);
    if (out->scored)
        by_spam_rules(in, t.score, out);
    propose_fact(t.by[CLASS_DEFER], VERDICT_DEFER, mode, out);
    if (!in->trusted)
        propose_fact(t.by[CLASS_TAG], VERDICT_TAG, mode, out);
    out->mark_subject = out->action == VERDICT_TAG && out->cause == CAUSE_SPAM;
}
