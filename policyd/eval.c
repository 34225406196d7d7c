/* eval.c - one decision under way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/eval.h"

#include <stdlib.h>

#include "lib/base/alloc.h"

/* For a store that has not answered when the facts' time is over too; then this process counts alone. */
#define CHARGE_DEADLINE_MS 500

enum { ARENA_BYTES = 8192, IDLE_KEPT = 256 };

static void look(struct eval *e);

/* ---- what checks call ---- */

const char *finding_kind_name(enum finding_kind kind)
{
    static const char *const names[] = { "clear", "hit", "unknown", "skipped" };

    return names[kind];
}

struct finding *check_report(struct check_run *run, const struct finding *f)
{
    struct eval *e = run->eval;
    struct finding *kept;

    if (e->n_findings == EVAL_FINDINGS_MAX) {
        ++*e->services->count.findings_lost;
        return NULL;
    }
    kept = arena_dup(e->arena, f, sizeof(*f));
    kept->check = run->check->name;
    if (e->dry)
        kept->took_us = loop_now_us(e->services->loop) - run->started_us;
    else
        kept->took_us = (loop_now_ms(e->services->loop) - e->started_ms) * 1000;
    e->findings[e->n_findings++] = kept;
    if (kept->kind == FINDING_HIT) {
        e->decide_hits[e->n_hits] = (struct decide_hit){ .points = kept->points, .wish = kept->wish, .mode = kept->mode };
        e->hits[e->n_hits++] = kept;
    }
    return kept;
}

void check_text(struct check_run *run, struct finding *f, const char *text)
{
    (void)run;
    f->text = text;
    f->text_pending = false;
}

void check_pending(struct check_run *run, const struct decide_pending *pending)
{
    run->pending = *pending;
}

struct finding *const *check_findings(const struct check_run *run, size_t *n_out)
{
    *n_out = run->eval->n_findings;
    return run->eval->findings;
}

const struct decision *check_decision(const struct check_run *run)
{
    return &run->eval->decision;
}

void check_step(struct check_run *run)
{
    look(run->eval);
}

void check_done(struct check_run *run)
{
    run->status = RUN_DONE;
    run->pending = (struct decide_pending){ .low = 0 };
    look(run->eval);
}

void check_skip(struct check_run *run, const char *name, enum mode mode, const char *why)
{
    struct finding f = { .name = name, .kind = FINDING_SKIPPED, .mode = mode, .saw = why };

    check_report(run, &f);
}

/* ---- the checks of a stage ---- */

static void start_stage(struct eval *e, enum check_stage stage)
{
    size_t first = e->n_runs;

    e->starting = true;
    for (unsigned left = e->rules->checks[stage][e->req.state]; left != 0; left &= left - 1) {
        const struct check *check = all_checks[__builtin_ctz(left)];

        if (e->req.harvest && !check->harvest_too)
            continue;
        e->runs[e->n_runs++] = (struct check_run){
            .check = check, .req = &e->req, .rules = e->rules, .services = e->services, .message = e->message, .facts = &e->facts,
            .arena = e->arena, .dry = e->dry, .eval = e,
        };
    }
    for (size_t i = first; i < e->n_runs; i++) {
        if (e->dry)
            e->runs[i].started_us = loop_now_us(e->services->loop);
        e->runs[i].status = RUN_STARTED;
        e->runs[i].check->start(&e->runs[i]);
    }
    e->starting = false;
}

static void cancel_runs(struct eval *e, bool overdue)
{
    for (size_t i = 0; i < e->n_runs; i++) {
        struct check_run *run = &e->runs[i];

        if (run->status != RUN_STARTED)
            continue;
        run->status = RUN_CANCELLED;
        run->overdue = overdue;
        run->pending = (struct decide_pending){ .low = 0 };
        if (run->check->cancel != NULL)
            run->check->cancel(run);
    }
}

/* ---- where it stands ---- */

/* Sums up what is pending; true when facts are: points or wishes may still come. */
static bool sum_pending(const struct eval *e, struct decide_pending *all)
{
    *all = (struct decide_pending){ .low = 0 };
    for (size_t i = 0; i < e->n_runs; i++) {
        const struct decide_pending *p = &e->runs[i].pending;

        if (e->runs[i].status != RUN_STARTED)
            continue;
        all->low += p->low;
        all->high += p->high;
        all->would_low += p->would_low;
        all->would_high += p->would_high;
        all->may_allow |= p->may_allow;
        all->may_refuse |= p->may_refuse;
    }
    return all->would_low < 0 || all->would_high > 0 || all->may_allow || all->may_refuse;
}

static bool anything_runs(const struct eval *e)
{
    for (size_t i = 0; i < e->n_runs; i++) {
        if (e->runs[i].status == RUN_STARTED)
            return true;
    }
    return false;
}

/* Is there something left that is worth a short wait, though the outcome is certain? */
static bool worth_a_wait(const struct eval *e, bool facts_pending)
{
    const struct decide_side *side = &e->decision.enforced;

    if (e->waited)
        return false;
    if (e->dry)                          /* an explanation wants every word */
        return anything_runs(e);
    if (outcome_refuses(side->outcome))
        return side->cause != DECIDE_NO_CAUSE && e->hits[side->cause]->text_pending;
    return facts_pending && e->message != NULL;
}

static void end(struct eval *e)
{
    eval_fn *fn = e->fn;

    e->stage = EVAL_ENDED;
    loop_timer_stop(&e->deadline);
    loop_timer_stop(&e->last_wait);
    cancel_runs(e, false);
    e->took_us = e->dry ? loop_now_us(e->services->loop) - e->started_us : (loop_now_ms(e->services->loop) - e->started_ms) * 1000;
    fn(e, e->arg);                       /* may release e */
}

static void wait_over(void *arg)
{
    struct eval *e = arg;

    e->waited = true;
    look(e);
}

static void overdue(void *arg)
{
    struct eval *e = arg;

    e->overdue = true;
    e->waited = true;
    if (!e->dry)
        ++*e->services->count.overdue;
    cancel_runs(e, true);
    if (e->stage != EVAL_CHARGE)
        loop_timer_start(e->services->loop, &e->deadline, CHARGE_DEADLINE_MS, overdue, e);
    look(e);
}

/* Something is pending.  Most decisions end without ever coming here, and without a timer. */
static void stay(struct eval *e)
{
    if (!loop_timer_active(&e->deadline) && !e->overdue)
        loop_timer_start(e->services->loop, &e->deadline, e->rules->set->policy.timeout_ms, overdue, e);
}

/* The checks of the next stage, when there is one for what stands; false: none is left. */
static bool next_stage(struct eval *e)
{
    if (e->stage == EVAL_FACTS) {
        e->stage = EVAL_AFTER;
        start_stage(e, CHECK_AFTER);
        return true;
    }
    if (e->stage == EVAL_AFTER && !outcome_refuses(e->decision.enforced.outcome)) {
        e->stage = EVAL_CHARGE;
        start_stage(e, CHECK_CHARGE);
        return true;
    }
    return false;
}

/* The outcome is certain, but somebody asks for every fact: a rule of one's own, or whoever wants an explanation. */
static bool facts_wanted(const struct eval *e, bool facts_pending)
{
    if (e->stage != EVAL_FACTS || e->overdue)
        return false;
    if (e->dry)
        return anything_runs(e);
    return facts_pending && (e->rules->custom_after & CHECK_AT(e->req.state)) != 0;
}

/* Goes on as far as it can.  e may be gone when it returns. */
static void look(struct eval *e)
{
    const struct set_policy *set;
    struct decide_pending pending;
    bool facts_pending;

    if (e->starting || e->stage == EVAL_ENDED || e->stage == EVAL_IDLE)
        return;
    set = &e->rules->set->policy;
    do {
        facts_pending = sum_pending(e, &pending);
        e->decision = decide(e->decide_hits, e->n_hits, &pending, &set->score);
        if (!e->decision.certain || facts_wanted(e, facts_pending))
            return stay(e);
    } while (next_stage(e));
    if (!worth_a_wait(e, facts_pending))
        return end(e);
    stay(e);
    if (!loop_timer_active(&e->last_wait))
        loop_timer_start(e->services->loop, &e->last_wait, e->dry ? set->timeout_ms : set->txt_wait_ms, wait_over, e);
}

/* ---- life ---- */

struct eval *eval_take(struct services *s)
{
    struct eval *e = s->idle_evals;

    if (e != NULL) {
        s->idle_evals = e->next_idle;
        s->idle_evals_n--;
        return e;
    }
    e = xcalloc(1, sizeof(*e));
    e->services = s;
    e->arena = arena_new(ARENA_BYTES);
    return e;
}

void eval_start(struct eval *e, struct rules *rules, struct message *message, bool dry, eval_fn *fn, void *arg)
{
    e->rules = rules_ref(rules);
    e->message = message != NULL ? message_ref(message) : NULL;
    e->dry = dry;
    e->fn = fn;
    e->arg = arg;
    e->started_ms = loop_now_ms(e->services->loop);
    if (dry)
        e->started_us = loop_now_us(e->services->loop);
    e->stage = EVAL_FACTS;
    start_stage(e, CHECK_FACTS);
    look(e);
}

void eval_pass(struct eval *e, struct rules *rules, struct message *message)
{
    e->rules = rules_ref(rules);
    e->message = message != NULL ? message_ref(message) : NULL;
    e->took_us = 0;
    e->stage = EVAL_ENDED;
}

static void empty(struct eval *e)
{
    loop_timer_stop(&e->deadline);
    loop_timer_stop(&e->last_wait);
    e->stage = EVAL_ENDED;
    cancel_runs(e, false);
    if (e->rules != NULL)
        rules_unref(&e->rules);
    if (e->message != NULL)
        message_unref(&e->message);
    arena_reset(e->arena);
    e->n_findings = e->n_hits = e->n_runs = 0;
    e->overdue = e->waited = e->dry = false;
    e->facts = (struct facts){ .spf_known = false };
    e->decision = (struct decision){ .enforced.cause = DECIDE_NO_CAUSE, .would.cause = DECIDE_NO_CAUSE };
    e->stage = EVAL_IDLE;
}

void eval_release(struct eval **ep)
{
    struct eval *e = *ep;
    struct services *s;

    *ep = NULL;
    if (e == NULL)
        return;
    s = e->services;
    empty(e);
    if (s->idle_evals_n >= IDLE_KEPT) {
        arena_free(&e->arena);
        free(e);
        return;
    }
    e->next_idle = s->idle_evals;
    s->idle_evals = e;
    s->idle_evals_n++;
}

void eval_free_idle(struct services *s)
{
    while (s->idle_evals != NULL) {
        struct eval *e = s->idle_evals;

        s->idle_evals = e->next_idle;
        arena_free(&e->arena);
        free(e);
    }
    s->idle_evals_n = 0;
}
