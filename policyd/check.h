/* check.h - the contract of a check.
 *
 * A check is one file that exports one constant, and one row in checks.c.  It looks at a request and reports findings: facts, points
 * and wishes.  It never decides: that is decide.h's.
 * Completion: start leads to check_done exactly once, now or later, or to cancel.  check_step and check_done may end the decision and
 *             take the run's memory with them: each must be the last thing a callback does.
 * Memory:     everything a check needs for one request comes from run->arena and goes with the request.
 * Stages:     CHECK_FACTS checks run side by side.  CHECK_AFTER checks judge by what those found, and start when nothing pending can
 *             change the outcome any more.  CHECK_CHARGE checks, which take something (a rate limit, a greylist entry), start when the
 *             others are certain not to refuse, so that what is refused is never counted.
 * States:     a check runs at the protocol states it names.  At DATA Postfix names no recipient when there are several.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CHECK_H
#define GATEPOST_POLICYD_CHECK_H

#include "lib/base/arena.h"
#include "lib/proto/spf.h"
#include "policyd/decide.h"
#include "policyd/request.h"
#include "policyd/rules.h"
#include "policyd/services.h"

struct check_run;
struct message;

#define CHECK_AT(state) (1u << (state))

struct check {
    const char *name;
    enum check_stage stage;
    unsigned states;             /* CHECK_AT(POLICY_STATE_RCPT) | ... */
    bool harvest_too;            /* also at a hook of policy.harvest_contexts, where no other check runs */
    bool (*in_use)(const struct rules *rules);   /* asked once, of new rules; NULL: always.  What is not in use never starts, and finds nothing */
    void (*start)(struct check_run *run);
    /* May be NULL for a check that is never pending.  The decision no longer waits: stop what is under way.  When run->overdue is set
     * the time was up: what is known, or decided without the missing answer, may still be reported. */
    void (*cancel)(struct check_run *run);
};

enum finding_kind {
    FINDING_CLEAR,       /* looked, nothing there */
    FINDING_HIT,
    FINDING_UNKNOWN,     /* could not be found out: no points, ever */
    FINDING_SKIPPED,     /* does not apply to this request; saw says why */
};
/* As events have it: clear, hit, unknown, skipped. */
const char *finding_kind_name(enum finding_kind kind);

/* Where the words of a refusal come from. */
enum finding_reply { REPLY_DENIED, REPLY_SPOOFED, REPLY_GREYLISTED, REPLY_OWN_TEXT };

/* One thing a check saw.  Strings live in the arena or as long as the rules. */
struct finding {
    const char *check;           /* set by check_report */
    const char *name;            /* of the list, rule or limit: public, for replies and logs */
    enum finding_kind kind;
    enum mode mode;              /* MODE_ENFORCE or MODE_OBSERVE */
    enum wish wish;
    bool listing;                /* a DNSBL's entry: replies.listed words it */
    enum finding_reply reply;    /* of others: replies.denied, .spoofed or .greylisted, or `text` as it is */
    bool text_pending;           /* `text` may still come */
    double points;
    const char *saw;             /* the raw fact: "127.0.0.4", "not listed", "timeout" */
    const char *text;            /* for the reply: a list's reason, a limit's words; NULL: none */
    const char *prepend;         /* a header field, "Received-SPF: pass ...", for a message that passes; NULL: none */
    int64_t took_us;             /* set by check_report */
};

/* What several checks look at: found by one, for those of later stages. */
struct facts {
    bool spf_known;
    enum spf_result spf;         /* of the MAIL FROM domain, or of HELO for the null reverse-path */
};

enum check_run_state { RUN_WAITING, RUN_STARTED, RUN_DONE, RUN_CANCELLED };

struct check_run {
    const struct check *check;
    const struct request *req;
    const struct rules *rules;
    struct services *services;
    struct message *message;     /* what is remembered of the request's instance; NULL: nothing is */
    struct arena *arena;
    struct facts *facts;
    bool dry;                    /* look only: charge, count and remember nothing */
    bool overdue;
    void *state;                 /* the check's own */

    struct eval *eval;           /* the rest is eval's */
    enum check_run_state status;
    struct decide_pending pending;
    int64_t started_us;
};

/* Records a finding and returns the kept copy (to be completed with check_text), NULL when there are too many. */
struct finding *check_report(struct check_run *run, const struct finding *f);
/* The reply text of a finding that was text_pending has come, or (NULL) will not come.  Follow with check_step. */
void check_text(struct check_run *run, struct finding *f, const char *text);
/* What this check may still bring; without a call, nothing. */
void check_pending(struct check_run *run, const struct decide_pending *pending);
/* What was found so far, in the order it came, and what it leads to: for checks of later stages. */
struct finding *const *check_findings(const struct check_run *run, size_t *n_out);
const struct decision *check_decision(const struct check_run *run);
/* Something was reported: may end the decision. */
void check_step(struct check_run *run);
void check_done(struct check_run *run);

/* A check that looked at nothing. */
void check_skip(struct check_run *run, const char *name, enum mode mode, const char *why);

extern const struct check *const all_checks[];   /* ended by NULL */
enum { CHECKS_MAX = 24 };
/* Fills rules->checks, once, of new rules. */
void checks_in_use(struct rules *rules);

#endif
