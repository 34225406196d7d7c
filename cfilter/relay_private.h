/* relay_private.h - what the files of a relay share: relay.c (the dialogue), relay_connection.c (opened, kept, taken up again), relay_body.c.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_RELAY_PRIVATE_H
#define GATEPOST_CFILTER_RELAY_PRIVATE_H

#include "cfilter/relay.h"
#include "lib/net/stream.h"

enum relay_phase {
    PH_GREETING, PH_EHLO, PH_XFORWARD,
    PH_READY,         /* nothing is under way */
    PH_COMMAND,
    PH_DATA,          /* 354 was said, nothing sent */
    PH_BODY,
    PH_END,           /* the end of data was sent */
    PH_KEPT,          /* between two messages; nobody has the relay */
    PH_LOST,
};

struct relay {
    struct loop *loop;
    struct stream *stream;
    enum relay_phase phase;
    bool opening;                   /* the first command is not answered: the opening's deadline still runs */
    bool reused;                    /* opening, and the connection was another message's before */
    bool refused;                   /* anything, since the connection is there */
    bool taken;                     /* the message */
    bool committed;
    bool data_asked;                /* the command under way is DATA */
    int64_t timeout_ms, keep_ms, connected_ms;
    char *address, *hostname;
    struct relay_keep *keep;
    struct relay_kept kept;
    unsigned offered;               /* XFORWARD attributes */
    struct smtp_reply_parser parser;
    size_t telling;                 /* bytes of the input that are the reply being told */
    relay_fn *fn;                   /* waits for a reply or the loss */
    void *arg;
    struct xforward *xforward;
    struct buf lines;               /* XFORWARD commands not yet sent */
    struct buf first;               /* the first command, while it may have to be said again */
    struct deliver *deliver;
    bool (*may_commit)(void *arg);
    struct loop_timer next_step;    /* of the body */
    struct loop_timer idle;         /* while it is kept */
    char why[160];                  /* PH_LOST */
    struct loop_task tell;          /* a loss that is told at the end of the turn */
};

/* relay.c */
extern const struct stream_handler relay_handler;
void relay_answer(struct relay *r, const struct smtp_reply *reply, const char *why);
/* The connection is of no more use.  The waiting side hears it at the end of the turn, so that it may be found out anywhere. */
void relay_lose(struct relay *r, const char *what);
void relay_lose_with(struct relay *r, const char *what, const struct smtp_reply *reply);
void relay_send_line(struct relay *r, span line, enum relay_phase next);
/* Half a message is on its way: a plain close would leave the kernel sending the rest of it, megabytes, to a next hop that may have stopped
 * to read. */
void relay_cut(struct relay *r, enum relay_phase phase);
/* relay_connection.c */
void relay_opening_reply(struct relay *r, const struct smtp_reply *reply);
void relay_start_again(struct relay *r);      /* the server had closed it meanwhile, or takes no more on it: as if it had never been */
bool relay_may_be_kept(const struct relay *r);
void relay_put_by(struct relay *r);            /* it is kept from now on */
void relay_end_kept(struct relay *r, bool polite);      /* one that is kept; polite: it says QUIT */
void relay_release(void *arg);                /* a struct relay, for loop_defer */
/* relay_body.c */
void relay_body_reply(struct relay *r, const struct smtp_reply *reply);
void relay_body_drained(struct stream *s, void *arg);
void relay_body_pump(struct relay *r);         /* sends what the next hop takes now, and the end after all of it */

#endif
