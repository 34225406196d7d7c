/* arena.h - memory that lives as long as one request or one configuration, and goes with it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_ARENA_H
#define GATEPOST_BASE_ARENA_H

#include "lib/base/span.h"

struct arena;

struct arena *arena_new(size_t first_block_bytes);
void arena_free(struct arena **a);                       /* accepts NULL, leaves NULL */
void arena_reset(struct arena *a);                       /* all memory unused again; the first block is kept */
void *arena_alloc(struct arena *a, size_t size_bytes);   /* zeroed, aligned for any type */
void *arena_take(struct arena *a, size_t size_bytes);    /* the same with what happens to be there, for what is filled at once */
void *arena_dup(struct arena *a, const void *p, size_t size_bytes);
char *arena_str(struct arena *a, span s);                /* NUL-terminated copy */
span arena_span(struct arena *a, span s);                /* copy */
span arena_lower(struct arena *a, span s);               /* copy in ASCII lower case; { NULL, 0 } of no bytes */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);                /* bytes handed out */

#endif
