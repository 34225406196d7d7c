/* clean_cache.h - the verdict cache: what was scanned whole and found clean, kept by the front for all workers of all generations.
 *
 * A table of fixed size in a sealed memfd.  The front alone can write it; a worker maps it read-only, and the kernel refuses it any other way
 * (F_SEAL_FUTURE_WRITE): a parser that was taken over cannot put anything in.  It can still lie in its answers, so what a worker says is believed by
 * itself at once, and by the others when a second worker has said the same; what a worker has said is dropped when it dies of a message.
 *
 * One writer, no lock: a row has a sequence number that is odd while it is written, and a reader believes only what did not change under it.
 * What a key stands for is the business of layers.h.
 * Units:     rows; a worker is named by who knows them all, 0 is nobody.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CLEAN_CACHE_H
#define GATEPOST_CFILTER_CLEAN_CACHE_H

#include "cfilter/seen.h"
#include "lib/base/errtext.h"

enum { CLEAN_ROW_BYTES = 64 };

/* Which worker: the generation of its holder, and its number among the forks of that. */
static inline uint64_t clean_worker(uint32_t generation, uint32_t serial)
{
    return (uint64_t)generation << 32 | serial;
}

/* ---- the front's side ---- */

struct clean_cache;

/* Rounded up to a power of two, a million at most.  NULL with err: no memory, or a kernel without such seals. */
struct clean_cache *clean_cache_new(size_t rows, struct errtext *err);
void clean_cache_free(struct clean_cache **c);
int clean_cache_fd(const struct clean_cache *c);                                  /* stays the cache's */
void clean_cache_add(struct clean_cache *c, const struct digest *key, uint64_t worker);
size_t clean_cache_drop(struct clean_cache *c, uint64_t worker);                  /* how many rows it alone had vouched for; looks at every row */
size_t clean_cache_rows(const struct clean_cache *c);                             /* in use */

/* ---- a worker's side ---- */

struct clean_view;

/* fd stays the caller's and may be closed after.  The mapping is inherited by fork. */
struct clean_view *clean_view_open(int fd, struct errtext *err);
void clean_view_close(struct clean_view **v);
bool clean_view_has(const struct clean_view *v, const struct digest *key, uint64_t worker);

#endif
