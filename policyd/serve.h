/* serve.h - from one access request to its answer: state, checks, hand-over, log and events.
 *
 * RCPT, DATA and END-OF-MESSAGE are judged, each by the checks that name it; every other state is answered DUNNO.  DATA carries the
 * hand-over to cfilter; a header field that a check asks for goes with the next answer that has room for one.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_SERVE_H
#define GATEPOST_POLICYD_SERVE_H

#include "policyd/eval.h"

struct serving;

/* The whole answer, "action=... LF LF"; live during the call only.  Runs exactly once, possibly before serve returns. */
typedef void serve_fn(span answer, void *arg);

/* One request of a connection. */
struct serving {
    struct eval *eval;              /* NULL: nothing under way */
    serve_fn *fn;
    void *arg;
};

/* Answers e->req (request_take has filled it) by the rules; takes the eval over. */
void serve(struct serving *s, struct eval *e, struct rules *rules, serve_fn *fn, void *arg);
/* Whether requests of that state are judged. */
bool serve_judges(enum policy_state state);
/* What limits will need to know of the message later: who was let in, and which states Postfix asks about. */
void serve_note(const struct eval *e, bool refused);
/* The asker has gone: nothing is answered. */
void serve_cancel(struct serving *s);

#endif
