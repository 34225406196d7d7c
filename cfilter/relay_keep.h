/* relay_keep.h - connections to the re-injection server that wait for their next message.
 *
 * Most of what a small message costs there is the connection: its greeting, EHLO, QUIT, two lines of the server's log.  Kept is what has just
 * taken a message and refused nothing, for as long as Postfix' own client keeps one (smtp_connection_cache_time_limit,
 * smtp_connection_reuse_time_limit).
 * Ownership: a kept relay belongs to the list until it is taken or ended.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_RELAY_KEEP_H
#define GATEPOST_CFILTER_RELAY_KEEP_H

#include <stdbool.h>
#include <stddef.h>

struct relay;

enum { RELAY_KEEP_MAX = 32 };         /* each holds a process of the server */

/* Embedded in a relay. */
struct relay_kept {
    struct relay_kept *next, **link;  /* link NULL: it is not kept */
    struct relay *relay;
    const char *address, *hostname;   /* of its relay, as long as it is kept */
};

struct relay_keep;

struct relay_keep *relay_keep_new(void);
void relay_keep_free(struct relay_keep **k);        /* ends all */

bool relay_keep_has_room(const struct relay_keep *k);
void relay_keep_put(struct relay_keep *k, struct relay_kept *n);
/* The one that was put last of those to this address under this name; NULL: none. */
struct relay *relay_keep_take(struct relay_keep *k, const char *address, const char *hostname);
void relay_keep_remove(struct relay_keep *k, struct relay_kept *n);

#endif
