/* session_private.h - what session.c and session_data.c share.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SESSION_PRIVATE_H
#define GATEPOST_CFILTER_SESSION_PRIVATE_H

#include "cfilter/assess.h"
#include "cfilter/context.h"
#include "cfilter/edit.h"
#include "cfilter/relay.h"
#include "cfilter/session.h"
#include "cfilter/spool.h"
#include "lib/base/arena.h"
#include "lib/net/stream.h"
#include "lib/proto/smtp_cmd.h"
#include "lib/proto/smtp_dot.h"
#include "lib/proto/smtp_line.h"

enum session_state {
    ST_GREETED,        /* no EHLO yet */
    ST_READY,          /* between messages */
    ST_MAIL,           /* a reverse-path was taken */
    ST_RCPT,           /* and a recipient */
    ST_DATA,           /* the message comes */
    ST_SCAN,           /* it has come; nothing is read */
    ST_CLOSING,
    ST_STATES
};

struct transaction {             /* goes with RSET, the reply to the final dot, or the end */
    struct arena *arena;
    struct settings *set;        /* one set for the whole message */
    span reverse_path, mail_line;
    span *recipients, *rcpt_lines;
    const struct set_rcpt_class **rcpt_classes;        /* NULL: default */
    size_t n_recipients, n_accepted, cap_recipients;   /* the last one may wait for its reply */
    unsigned put_off;            /* recipients of another class (split.h) */
    bool data_begun;
    struct class_share classes[MIXED_CLASSES_MAX];     /* of the recipients, once there is a message */
    size_t n_classes;
    struct relay *relay;
    size_t replay_at;            /* rcpt_lines told to it */
    struct spool *spool;
    struct smtp_dot_decoder decoder;
    struct buf decoded;
    enum spool_status spooled;   /* the first that was not SPOOL_OK */
    char spool_why[200];
    struct context context;
    struct assess *assess;
    struct deliver deliver;
    char id[ID_TEXT];            /* until policyd's is known */
    unsigned rcpt_commands;      /* taken or not */
    int64_t begun_ms, complete_ms;
    /* kept for the record while the message is on its way */
    struct verdict verdict;
    struct assess_result result;
};

struct session {
    struct front *front;
    struct session *next, **link;
    struct listener *from;
    struct stream *stream;
    enum session_state state;
    struct smtp_line lines;
    bool waiting;                /* a command is with the next hop */
    bool may_xforward;
    unsigned bad_commands, idle_commands;
    int64_t phase_ends_ms;       /* the next command's end, or the next piece of data, must have come */
    int64_t ends_ms;             /* the whole session's */
    struct xforward xforward;
    struct transaction *t;       /* NULL between messages */
    char helo[256];
};

/* session.c */
void session_enter(struct session *s, enum session_state next);
void session_reply(struct session *s, int code, const char *enhanced, const char *text);
/* Passes the next hop's words on; behind a 421 the session ends, as that says. */
void session_relay_reply(struct session *s, const struct smtp_reply *reply);
struct relay_settings session_relay_settings(const struct session *s, int64_t timeout_ms);
/* Bytes of the front wait that nobody has looked at. */
bool session_input_waits(const struct session *s);
void session_end_transaction(struct session *s);
void session_close_after_reply(struct session *s);
void session_free(struct session *s);
void session_step(struct session *s);
/* What ended before there was a whole message: refused by the next hop, or cut off. */
void session_record_early(struct session *s, const char *stage, span reply, const char *note);
bool session_busy(const struct session *s);

/* session_data.c */
void session_begin_data(struct session *s);
/* Takes what has come of the message. */
void session_take_data(struct session *s);
/* The front has left in the middle of it. */
void session_gone_in_data(struct session *s, const char *why);

#endif
