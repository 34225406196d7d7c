/* map.h - hash map from byte strings to pointers, keyed with SipHash.
 *
 * Ownership: the map copies keys and never touches values.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_MAP_H
#define GATEPOST_BASE_MAP_H

#include "lib/base/span.h"

struct map;

struct map *map_new(void);
void map_free(struct map **m, void (*free_value)(void *value));   /* free_value may be NULL */
void *map_get(const struct map *m, span key);                     /* NULL: not there */
void *map_put(struct map *m, span key, void *value);              /* value != NULL; the old value or NULL */
void *map_remove(struct map *m, span key);                        /* the removed value or NULL */
size_t map_count(const struct map *m);
/* Visits every entry; `visit` returns false to stop.  It must not change the map. */
void map_each(const struct map *m, bool (*visit)(span key, void *value, void *arg), void *arg);

#endif
