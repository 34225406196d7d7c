/* verdict.c - from what was found to what is done: the one place where scores and actions are decided.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What a heuristic is worth as spam: most administrators want these scored, not refused. */
static const double heuristic_points[FACT_CLASSES] = {
    [FACT_CLASS_NONE] = 2, [FACT_CLASS_MACRO] = 2, [FACT_CLASS_PHISHING] = 4, [FACT_CLASS_PUA] = 2, [FACT_CLASS_AMBIGUOUS] = 2,
    [FACT_CLASS_OTHER] = 2,
};

static const char *const action_names[] = { "accept", "tag", "reject", "defer" };
static const char *const cause_names[] = { "clean", "virus", "spam", "unscannable", "not-scanned", "unchecked" };

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
    switch (outcome) {
    case SCAN_TIMED_OUT:
    case SCAN_CRASHED:
    case SCAN_GARBAGE:
        return true;
    case SCAN_NO_ENGINE:
    case SCAN_BUSY:
        return false;
    case SCAN_DONE:
        break;
    }
    if (!facts->complete)
        return true;
    for (size_t i = 0; i < facts->n; i++)
        if (facts->v[i].kind == FACT_UNCHECKED && facts->v[i].klass == FACT_CLASS_TIMEOUT)
            return true;
    return false;
}

static bool is_unchecked(const struct fact *f)
{
    return f->kind == FACT_UNCHECKED;
}

static double points_of(const struct fact *f)
{
    if (f->kind == FACT_SPAM)
        return isfinite(f->points) ? (double)f->points : 0;
    if (f->kind == FACT_HEURISTIC && f->klass < FACT_CLASSES)
        return heuristic_points[f->klass];
    return 0;
}

static void add_reason(struct verdict *v, const struct fact *f, double points)
{
    struct verdict_reason r = { f->scanner, f->name, f->detail, (enum fact_kind)f->kind, points };
    size_t at = v->n;

    /* Viruses first, then by weight, so that what is cut off is what counts least. */
    while (at > 0 && (r.kind == FACT_VIRUS ? v->reasons[at - 1].kind != FACT_VIRUS
                                           : v->reasons[at - 1].kind != FACT_VIRUS && fabs(v->reasons[at - 1].points) < fabs(points)))
        at--;
    if (at >= VERDICT_REASONS_MAX)
        return;
    if (v->n == VERDICT_REASONS_MAX)
        v->n--;
    memmove(&v->reasons[at + 1], &v->reasons[at], (v->n - at) * sizeof(r));
    v->reasons[at] = r;
    v->n++;
}

struct tally {
    const struct fact *virus, *unchecked;
    double score;
};

static void tally_facts(const struct facts *f, bool scored, struct tally *t, struct verdict *v)
{
    for (size_t i = 0; f != NULL && i < f->n; i++) {
        const struct fact *one = &f->v[i];
        double points = scored ? points_of(one) : 0;

        if (one->kind == FACT_NOTE)
            continue;
        if (one->kind == FACT_VIRUS && t->virus == NULL)
            t->virus = one;
        if (is_unchecked(one) && t->unchecked == NULL)
            t->unchecked = one;
        t->score += points;
        if (one->kind != FACT_SPAM || scored)
            add_reason(v, one, points);
    }
}

static void would_do(struct verdict *v, enum verdict_action a, enum verdict_cause c, const char *name, enum mode mode)
{
    v->would = a;
    v->would_cause = c;
    snprintf(v->name, sizeof(v->name), "%s", name != NULL ? name : "");
    if (mode == MODE_ENFORCE) {
        v->action = a;
        v->cause = c;
    }
}

static const char *not_scanned_name(const struct verdict_input *in)
{
    if (in->outcome != SCAN_DONE)
        return scan_outcome_name(in->outcome);
    return in->facts->complete ? "timeout" : "incomplete";
}

static void not_scanned(const struct verdict_input *in, struct verdict *v, enum mode mode)
{
    const struct set_unscannable *u = &in->set->filter.unscannable;
    static const enum verdict_action actions[] = {
        [UNSCANNABLE_REJECT] = VERDICT_REJECT, [UNSCANNABLE_DEFER] = VERDICT_DEFER,
        [UNSCANNABLE_TAG] = VERDICT_TAG, [UNSCANNABLE_PASS] = VERDICT_ACCEPT,
    };

    if (verdict_is_unscannable(in->outcome, in->facts) && in->tries > 0 &&
        (in->tries > u->after_tries || in->since_first_ms >= u->after_ms))
        would_do(v, actions[u->action], CAUSE_UNSCANNABLE, not_scanned_name(in), mode);
    else
        would_do(v, VERDICT_DEFER, CAUSE_NOT_SCANNED, not_scanned_name(in), mode);
}

/* true: the virus rules have decided, nothing after them counts. */
static bool by_virus_rules(const struct verdict_input *in, const struct tally *t, struct verdict *v)
{
    enum mode mode = in->scanned ? virus_mode(in->set) : MODE_OFF;

    if (mode == MODE_OFF)
        return false;
    if (t->virus != NULL) {
        would_do(v, VERDICT_REJECT, CAUSE_VIRUS, t->virus->name, mode);
        return mode == MODE_ENFORCE;
    }
    if (in->outcome == SCAN_DONE && !verdict_is_unscannable(in->outcome, in->facts))
        return false;
    not_scanned(in, v, mode);
    /* "Let it pass" still leaves the spam rules to speak; so does observing. */
    return mode == MODE_ENFORCE && (v->action == VERDICT_REJECT || v->action == VERDICT_DEFER);
}

static void by_spam_rules(const struct verdict_input *in, const struct tally *t, struct verdict *v)
{
    const struct set_spam *s = &in->set->filter.spam;
    struct verdict was = *v;
    bool hit = true;

    if (s->reject > 0 && t->score >= s->reject)
        would_do(v, VERDICT_REJECT, CAUSE_SPAM, "spam", spam_mode(in->set));
    else if (s->tag > 0 && t->score >= s->tag)
        would_do(v, VERDICT_TAG, CAUSE_SPAM, "spam", spam_mode(in->set));
    else
        hit = false;
    if (hit && v->action == VERDICT_TAG && v->cause == CAUSE_SPAM)
        v->mark_subject = true;
    /* An observed virus is the stronger thing to tell. */
    if (hit && was.would_cause == CAUSE_VIRUS) {
        v->would = was.would;
        v->would_cause = was.would_cause;
        memcpy(v->name, was.name, sizeof(v->name));
    }
}

void verdict_make(const struct verdict_input *in, struct verdict *out)
{
    struct tally t = { 0 };

    memset(out, 0, sizeof(*out));
    out->scored = verdict_wants_spam(in->set, in->trusted, in->size);
    out->failures = in->failures;
    out->n_failures = in->n_failures;
    if (in->scanned && in->outcome == SCAN_DONE)
        tally_facts(in->facts, out->scored, &t, out);
    tally_facts(in->lookups, out->scored, &t, out);
    out->score = t.score;
    if (by_virus_rules(in, &t, out))
        return;
    if (out->scored)
        by_spam_rules(in, &t, out);
    if (t.unchecked != NULL && !in->trusted && out->would == VERDICT_ACCEPT)
        would_do(out, VERDICT_TAG, CAUSE_UNCHECKED, t.unchecked->name, verdict_mode(in->set));
}

void verdict_stars(double score, char stars[51])
{
    int n = score < 0 ? 0 : score > 50 ? 50 : (int)score;

    memset(stars, '*', (size_t)n);
    stars[n] = '\0';
}

static void put_number(struct buf *to, double v)
{
    char text[32];
    size_t n = (size_t)snprintf(text, sizeof(text), "%.2f", v);

    while (n > 1 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 1 && text[n - 1] == '.')
        text[--n] = '\0';
    buf_append_str(to, strcmp(text, "-0") == 0 ? "0" : text);
}

void verdict_hits(const struct verdict *v, struct buf *to)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct verdict_reason *r = &v->reasons[i];

        if (i > 0)
            buf_append_char(to, ',');
        buf_printf(to, "%s:%s", r->scanner, r->name);
        if (r->points < 0 || r->points > 0) {
            buf_append_char(to, ':');
            put_number(to, r->points);
        }
    }
}

/* " (A, B)": what a scanner says of its own rules; a blank after each comma lets the field fold. */
static void put_detail(struct buf *to, const struct verdict_reason *r)
{
    if (r->kind != FACT_SPAM || r->detail[0] == '\0')
        return;
    buf_append_str(to, " (");
    for (const char *p = r->detail; *p != '\0'; p++)
        buf_append_str(to, *p == ',' && p[1] != ' ' ? ", " : (char[]){ *p, '\0' });
    buf_append_char(to, ')');
}

bool verdict_report(const struct verdict *v, struct buf *to)
{
    bool tagged = v->action == VERDICT_TAG;

    if (!tagged && v->n_failures == 0)
        return false;
    if (v->scored) {
        buf_append_str(to, "score=");
        put_number(to, v->score);
    }
    if (tagged && v->n > 0) {
        /* A blank after each comma lets the field fold. */
        buf_append_str(to, to->len > 0 ? " hits=" : "hits=");
        for (size_t i = 0; i < v->n; i++) {
            const struct verdict_reason *r = &v->reasons[i];

            buf_printf(to, "%s%s", i > 0 ? ", " : "", r->name);
            if (r->points < 0 || r->points > 0) {
                buf_append_char(to, ':');
                put_number(to, r->points);
            }
            put_detail(to, r);
        }
    }
    if (v->cause == CAUSE_UNCHECKED || v->cause == CAUSE_UNSCANNABLE)
        buf_printf(to, "%s%s=%s", to->len > 0 ? " " : "", verdict_cause_name(v->cause), v->name);
    for (size_t i = 0; i < v->n_failures; i++)
        buf_printf(to, "%swithout=%s (%s)", to->len > 0 ? " " : "", v->failures[i].scanner, v->failures[i].why);
    return to->len > 0;
}
