/* wiring.h - whether Postfix asks at DATA and at END-OF-MESSAGE, or only at RCPT: where limits can be charged.
 *
 * Learnt for each policy_context from what comes.  Until a state has been missed often enough, it is taken to be asked about: a client that
 * leaves after RCPT is no proof.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_WIRING_H
#define GATEPOST_POLICYD_WIRING_H

#include "policyd/request.h"

enum { WIRING_CONTEXTS_MAX = 16, WIRING_MISSES_MAX = 20, WIRING_LOST_MAX = 500 /* of a state that was asked about before */ };

struct wiring_context {
    char name[64];
    unsigned no_data, no_end;            /* messages in a row that had no such request when the next one began */
    bool data_seen, end_seen;
};

struct wiring {
    struct wiring_context contexts[WIRING_CONTEXTS_MAX];
    size_t n;
    bool rcpt_only;                      /* whoever asks: only RCPT is seen (a replay) */
};

/* The context of a request; of more than WIRING_CONTEXTS_MAX the last is shared. */
struct wiring_context *wiring_of(struct wiring *w, const struct request *r);
/* A message's first recipient was let in. */
void wiring_message(struct wiring_context *c, int64_t now_ms, bool counts_bytes);
/* A request at DATA or END-OF-MESSAGE has come. */
void wiring_saw(struct wiring_context *c, enum policy_state state);

static inline bool wiring_asks_at_data(const struct wiring_context *c)
{
    return c->no_data < (c->data_seen ? WIRING_LOST_MAX : WIRING_MISSES_MAX);
}

static inline bool wiring_asks_at_end(const struct wiring_context *c)
{
    return c->no_end < (c->end_seen ? WIRING_LOST_MAX : WIRING_MISSES_MAX);
}

#endif
