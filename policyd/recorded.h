/* recorded.h - a decision as its event has it: the request, what was answered, and what was seen outside of it.
 *
 * For deciding it again (replay.h).  What an event does not hold is not known, and says so.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_RECORDED_H
#define GATEPOST_POLICYD_RECORDED_H

#include "lib/base/arena.h"
#include "lib/proto/policy.h"
#include "policyd/check.h"

enum { RECORDED_FACTS_MAX = 128 };

enum recorded_answer { RECORDED_PASS, RECORDED_DEFER, RECORDED_REJECT };

struct recorded_fact {
    const char *check, *name, *saw;
    enum finding_kind kind;
};

struct recorded {
    int64_t time_ms;                 /* wall time of the decision */
    const char *id;
    enum recorded_answer answer;
    struct policy_request attrs;
    bool whole;                      /* the event holds the request's attributes */
    struct recorded_fact facts[RECORDED_FACTS_MAX];
    size_t n;
};

/* One line of events, copied into the arena.  false: it is no decision at RCPT. */
bool recorded_read(span line, struct arena *arena, struct recorded *out);
/* NULL: not recorded. */
const struct recorded_fact *recorded_fact(const struct recorded *r, const char *check, const char *name);

#define NOT_RECORDED "not recorded"

#endif
