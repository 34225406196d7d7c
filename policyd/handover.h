/* handover.h - what is remembered of a message between its first recipient and its data, and the field that tells cfilter.
 *
 * A message is one MAIL transaction, known by Postfix' `instance` (with the client's address, in case several hosts ask).  Its id is
 * made at its first recipient; every decision about the message and the hand-over carry that same id, so that the lines of policyd
 * and cfilter about one message are found together.
 * Memory:    bounded in number and time; a message that was forgotten gets a new id and an empty score, never a refusal.
 * Ownership: messages are counted; who holds one across a turn of the loop keeps a reference.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_HANDOVER_H
#define GATEPOST_POLICYD_HANDOVER_H

#include "lib/app/handover.h"
#include "policyd/check.h"
#include "policyd/request.h"

struct charge;
struct handover_memory;

enum { HANDOVER_HITS_MAX = 500, MESSAGE_PREPENDS_MAX = 8, MESSAGE_RECIPIENTS_BYTES = 64 * 1024, ALL_RECIPIENTS_BYTES = 64 * 1024 * 1024 };

struct message {
    unsigned refs;
    char id[ID_TEXT];
    double score;              /* the highest of its recipients */
    char *hits;                /* "zen:5,helo:2.5": every enforced hit with points of any recipient, each once; NULL: none */
    struct buf let_in;         /* the recipients that passed, lower case, each ended by NUL; at most MESSAGE_RECIPIENTS_BYTES, and of all
                                * messages together ALL_RECIPIENTS_BYTES */
    bool spf_known;            /* the client and the sender are the same for all of its recipients */
    enum spf_result spf;
    char *spf_why;
    size_t n_let_in;           /* all of them, those that `let_in` has no room for too */
    bool handed_over;
    char *prepends[MESSAGE_PREPENDS_MAX];   /* header fields its checks ask for, each once; those before n_prepended are written */
    size_t n_prepends, n_prepended;
    struct charge *charges;    /* charges.h's own */
    int64_t charged_until_ms;

    struct handover_memory *memory;         /* the memory's own; NULL: it has forgotten the message */
    struct message *next_by_id;
    uint32_t tail;             /* of its id */
    int64_t too_old_ms;
};

struct handover_memory *handover_memory_new(size_t max_messages);
void handover_memory_free(struct handover_memory **m);
size_t handover_memory_count(const struct handover_memory *m);

/* The message of a request, made if it is new; a reference for the caller.  NULL for a request without an instance. */
struct message *handover_message(struct handover_memory *m, const struct request *r, int64_t now_ms, int64_t wall_ms);
/* The message of an id that this process gave; NULL: it is not remembered.  The memory's: take a reference to keep it. */
struct message *handover_by_id(const struct handover_memory *m, span id);
struct message *message_ref(struct message *msg);
void message_unref(struct message **msg);

/* Adds what one decision found. */
void message_add(struct message *msg, struct finding *const *findings, size_t n, double score);
/* A recipient passed.  true: its first time. */
bool message_let_in(struct message *msg, span recipient);
/* Whether a recipient passed before; those that were not kept did not. */
bool message_has(const struct message *msg, span recipient);
/* How many recipients the message has with this one; msg may be NULL. */
size_t message_recipients_with(const struct message *msg, span recipient);
/* The message has ended: who its recipients were is no longer asked. */
void message_ended(struct message *msg);
/* The next header field that a check asked for, now taken as written; NULL: none is left.  Postfix takes one an answer. */
const char *message_next_prepend(struct message *msg);
/* "X-Gatepost: ..." for a request at DATA. */
void message_field(const struct message *msg, const struct request *r, const struct settings *set, int64_t wall_ms,
                   const struct handover_key *key, struct buf *to);

#endif
