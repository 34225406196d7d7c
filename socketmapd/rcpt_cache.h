/* rcpt_cache.h - what is known of an address, and how long it may serve.
 *
 * A yes and a no have lifetimes of their own; TEMPFAIL is never kept, so it never overwrites what is known.
 * Units:     milliseconds, monotonic.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_RCPT_CACHE_H
#define GATEPOST_SOCKETMAPD_RCPT_CACHE_H

#include "socketmapd/source.h"

struct rcpt_cache;

struct rcpt_lifetimes {
    int64_t positive_ms, negative_ms;
    int64_t refresh_ms;       /* a yes older than this is asked again in the background */
    int64_t negatives_since_ms;   /* a no learned before this is forgotten: the sources have changed since */
    int64_t stale_ms;         /* a yes may serve so long while no source can answer */
};

enum rcpt_freshness {
    RCPT_UNKNOWN,             /* nothing is known, or only a no that has expired */
    RCPT_FRESH,
    RCPT_AGEING,              /* serves, and should be asked again ahead of its expiry */
    RCPT_STALE,               /* an expired yes: serves only if asking again gives TEMPFAIL */
};

struct rcpt_known {
    enum rcpt_answer answer;
    bool internal;
    int64_t age_ms;
    char source[32];
    char detail[256];
};

struct rcpt_cache *rcpt_cache_new(size_t max_entries);
void rcpt_cache_free(struct rcpt_cache **c);
enum rcpt_freshness rcpt_cache_get(struct rcpt_cache *c, span address, int64_t now_ms, const struct rcpt_lifetimes *life,
                                   struct rcpt_known *out);
/* learned_ms may lie in the past (an answer that another process remembered). */
void rcpt_cache_put(struct rcpt_cache *c, span address, enum rcpt_answer answer, bool internal, const char *source, const char *detail,
                    int64_t learned_ms);
bool rcpt_cache_forget(struct rcpt_cache *c, span address);
void rcpt_cache_clear(struct rcpt_cache *c);
size_t rcpt_cache_count(const struct rcpt_cache *c);

#endif
