/* ctl_redis_private.h - one command of "redis ..." at work.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CTL_REDIS_PRIVATE_H
#define GATEPOST_SOCKETMAPD_CTL_REDIS_PRIVATE_H

#include "lib/app/ctl_server.h"
#include "lib/base/buf.h"
#include "lib/base/map.h"
#include "lib/store/store_redis_ask.h"
#include "socketmapd/rcpt_piece.h"

enum { LOOK_ARGV_MAX = 128, LOOK_KEY_MAX = 700 };

/* The generation under a pointer that is being checked. */
struct redis_checked {
    char base[LOOK_KEY_MAX];
    char generation[65];
    struct rcpt_index index;
    size_t next, asked, there;
};

struct redis_look;
typedef void look_fn(struct redis_look *k, const redisReply *reply);

/* Asks one thing after the other over connections of its own. */
struct redis_look {
    struct redis_ask ask;              /* first */
    struct ctl_request *q;
    struct loop *loop;
    struct settings *set;              /* held */
    struct redis_nodes *nodes;
    struct loop_timer again;           /* until it is known who is to be asked */
    struct loop_task ending;
    int64_t give_up_ms;
    void (*begin)(struct redis_look *k);
    int status;

    struct buf bytes;                  /* of the command */
    size_t starts[LOOK_ARGV_MAX + 1], argc;
    look_fn *fn;

    /* a walk over the keys of all nodes */
    struct redis_node *node;
    char cursor[24];
    bool (*each)(struct redis_look *k, span key);      /* false: enough */
    void (*walked)(struct redis_look *k);
    /* keys */
    struct map *tables;                /* name -> struct table_count */
    size_t shown;
    /* check */
    struct buf pointers;               /* keys of pointers, each ended by NUL */
    size_t at;
    struct redis_checked checked;
};

const char *look_prefix(const struct redis_look *k);
/* The next command; node NULL: the one of `key`.  An error ends the look, with its text. */
void look_ask(struct redis_look *k, struct redis_node *node, span key, size_t argc, const span *argv, look_fn *fn);
/* Calls each with every key that begins with the prefix, then walked. */
void look_walk(struct redis_look *k, bool (*each)(struct redis_look *k, span key), void (*walked)(struct redis_look *k));
void look_stand_at(struct redis_look *k, struct redis_node *node);      /* k->node: it stays while it is asked */
void look_end(struct redis_look *k);

/* ctl_redis_check.c */
void redis_check(struct redis_look *k);

#endif
