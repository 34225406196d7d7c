/* dnsc.h - asynchronous DNS lookups over c-ares, merged and cached.
 *
 * Equal questions under way are asked once.  Answers are cached by their TTL within bounds, negative ones by
 * the SOA (RFC 2308); failures are not cached.  Our own timers decide when a question has failed, not c-ares'.
 * Units:     milliseconds; TTLs in seconds.
 * Outcomes:  each its own word, because "no answer" is never "not listed".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_DNSC_H
#define GATEPOST_NET_DNSC_H

#include "lib/base/span.h"
#include "lib/net/loop.h"
#include "lib/proto/ipnet.h"

struct dnsc;
struct dnsc_query;

enum dnsc_type { DNSC_A = 1, DNSC_PTR = 12, DNSC_MX = 15, DNSC_TXT = 16, DNSC_AAAA = 28, DNSC_SRV = 33 };

enum dnsc_outcome {
    DNSC_FOUND,        /* at least one record of the type */
    DNSC_NODATA,       /* the name exists, not the type */
    DNSC_NXDOMAIN,
    DNSC_TIMEOUT,      /* nobody answered before the deadline */
    DNSC_SERVFAIL,
    DNSC_REFUSED,      /* REFUSED, NOTIMP or FORMERR from the server */
    DNSC_MALFORMED,    /* an answer that cannot be read */
    DNSC_BADNAME,      /* the question itself cannot be a DNS name; nobody was asked */
    DNSC_UNREACHABLE,  /* no server could be sent to */
};
const char *dnsc_outcome_name(enum dnsc_outcome o);

#define DNSC_RECORDS_MAX 64   /* more in one answer are dropped */

struct dnsc_record {
    uint32_t ttl_s;
    uint16_t priority, weight, port;  /* MX: priority; SRV: all */
    struct ipaddr addr;               /* A, AAAA */
    span text;                        /* TXT: strings joined; PTR, MX, SRV: name without trailing dot */
};

struct dnsc_answer {
    enum dnsc_outcome outcome;
    bool from_cache;
    uint32_t ttl_s;
    size_t n;
    const struct dnsc_record *records;    /* live during the callback only */
};

typedef void dnsc_fn(const struct dnsc_answer *a, void *arg);

struct dnsc_settings {
    const char *const *servers;    /* "ADDR", "ADDR:PORT", "[V6]:PORT"; NULL-terminated; NULL: /etc/resolv.conf */
    int64_t try_ms;                /* wait for one server before the next try (default 700) */
    uint32_t ttl_min_s, ttl_max_s; /* cache bounds (defaults 60, 3600) */
    uint32_t negative_max_s;       /* (default 300) */
    size_t cache_entries;          /* (default 50000) */
};

struct dnsc *dnsc_new(struct loop *l, const struct dnsc_settings *set, struct errtext *err);
void dnsc_free(struct dnsc **d);                     /* pending questions are cancelled: no callback */
/* fn runs exactly once, possibly before dnsc_ask returns (cache, bad name: then *query_out is NULL), unless cancelled. */
void dnsc_ask(struct dnsc *d, span name, enum dnsc_type type, int64_t deadline_ms, dnsc_fn *fn, void *arg,
              struct dnsc_query **query_out);
void dnsc_cancel(struct dnsc_query **q);             /* accepts NULL, leaves NULL */
void dnsc_flush(struct dnsc *d);                     /* empties the cache */
void dnsc_forget(struct dnsc *d, span name, enum dnsc_type type);      /* the next who asks gets an answer of today */

struct dnsc_stats { uint64_t asked, merged, cached, timeouts, failures; };
struct dnsc_stats dnsc_stats(const struct dnsc *d);

#endif
