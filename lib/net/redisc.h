/* redisc.h - asynchronous Redis client: hiredis' reader and formatter over our own stream.
 *
 * Commands of one loop turn leave in one write.  A connection is made on demand and again after a failure, with
 * back-off 100 ms to 0.8 s; AUTH and SELECT are sent first.
 * Outcomes:  a reply, or DOWN (refused, reset, garbage, timeout): DOWN is never "nil".
 * Arguments: binary safe; no user text ever becomes part of a script or a command name.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_REDISC_H
#define GATEPOST_NET_REDISC_H

#include <hiredis/hiredis.h>

#include "lib/base/span.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

struct redisc;
struct redisc_call;

struct redisc_settings {
    const char *address;            /* "inet:HOST:PORT" or "unix:PATH" */
    const char *user, *password;    /* NULL: none */
    int db;
    struct tls_context *tls;        /* NULL: plain */
    const char *tls_name;           /* name to verify */
    int64_t timeout_ms;             /* of one call (default 500) */
    size_t max_pending;             /* calls waiting for a reply (default 10000); more fail as DOWN at once */
};

/* reply == NULL: DOWN, `why` for people.  A REDIS_REPLY_ERROR is a reply.  The reply is freed after the callback. */
typedef void redisc_fn(const redisReply *reply, const char *why, void *arg);

struct redisc *redisc_new(struct loop *l, const struct redisc_settings *set);
void redisc_free(struct redisc **r);                 /* no callbacks follow */
struct redisc_call *redisc_command(struct redisc *r, size_t argc, const span *argv, redisc_fn *fn, void *arg);
/* The same with a shorter wait than timeout_ms, from now. */
struct redisc_call *redisc_command_within(struct redisc *r, size_t argc, const span *argv, int64_t within_ms, redisc_fn *fn, void *arg);
void redisc_cancel(struct redisc_call **c);          /* the reply is read and dropped */
bool redisc_up(const struct redisc *r);
size_t redisc_pending(const struct redisc *r);       /* calls whose reply has not come, cancelled ones too */

#endif
