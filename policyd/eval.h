/* eval.h - one decision under way: all checks side by side, within one deadline, no longer than it takes.
 *
 * An evaluation owns the request's arena.  It ends as soon as nothing pending can change the outcome; then it waits only for the words
 * of a refusal (policy.txt_wait) or, when the message passes, as long for facts that cfilter will be told.  What is not known
 * at policy.timeout counts nothing.
 * Completion: fn runs exactly once, possibly before eval_start returns, unless eval_release came first.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_EVAL_H
#define GATEPOST_POLICYD_EVAL_H

#include "policyd/check.h"
#include "policyd/handover.h"

enum { EVAL_FINDINGS_MAX = 96 };

struct eval;
typedef void eval_fn(struct eval *e, void *arg);

struct eval {
    struct services *services;
    struct arena *arena;
    struct request req;               /* to be filled (request_take) before eval_start or by the caller alone */
    struct rules *rules;              /* a reference, from eval_start on */
    struct message *message;          /* a reference, or NULL */
    bool dry;
    struct facts facts;

    /* the result */
    struct finding *findings[EVAL_FINDINGS_MAX];
    size_t n_findings;
    struct finding *hits[EVAL_FINDINGS_MAX];   /* in the order of decision.*.cause */
    size_t n_hits;
    struct decision decision;
    bool overdue;
    int64_t took_us;

    /* eval.c's own */
    eval_fn *fn;
    void *arg;
    enum { EVAL_IDLE, EVAL_FACTS, EVAL_AFTER, EVAL_CHARGE, EVAL_ENDED } stage;
    bool starting;                    /* checks are being started: nothing ends before all have been */
    bool waited;                      /* the last wait, for words or facts, is over */
    struct decide_hit decide_hits[EVAL_FINDINGS_MAX];
    struct check_run runs[CHECKS_MAX];
    size_t n_runs;
    struct loop_timer deadline, last_wait;
    int64_t started_ms, started_us;
    struct eval *next_idle;
};

/* An empty evaluation, with an empty arena; from those kept if there is one. */
struct eval *eval_take(struct services *s);
/* Evaluates e->req (prepared) against rules. */
void eval_start(struct eval *e, struct rules *rules, struct message *message, bool dry, eval_fn *fn, void *arg);
/* A decision without any check (policy.mode is off, yet the message is handed over): a pass.  The caller calls fn's work himself. */
void eval_pass(struct eval *e, struct rules *rules, struct message *message);
/* Gives it back, at any time; what is pending is cancelled. */
void eval_release(struct eval **e);
/* Frees those that are kept. */
void eval_free_idle(struct services *s);

#endif
