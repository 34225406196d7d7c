/* store_backend.h - what a back end of the store must do.
 *
 * store.c has checked every request before it comes here: 1 to STORE_LIMITS_MAX limits, keys of 1 to STORE_KEY_MAX
 * bytes, table names that are words, values of at most STORE_VALUE_MAX bytes, a TTL above 0, fn that is not NULL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_BACKEND_H
#define GATEPOST_STORE_BACKEND_H

#include "lib/store/store.h"

struct store_backend {
    void (*limits)(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
    void (*refund)(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out);
    void (*grey)(struct store *s, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out);
    void (*remember)(struct store *s, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg);
    void (*recall)(struct store *s, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out);
    void (*forget)(struct store *s, const char *table, span key, store_value_fn *fn, void *arg);
    void (*scan)(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg);
    void (*cancel)(struct store_call *call);
    bool (*up)(const struct store *s);
    const char *(*problem)(const struct store *s);
    void (*close)(struct store *s);            /* frees s */
};

/* The first member of every back end's own struct. */
struct store {
    const struct store_backend *backend;
    struct loop *loop;
};

/* The first member of a back end's pending call. */
struct store_call {
    struct store *store;
};

struct store *store_embedded_open(struct loop *l, const char *name, const struct settings *set, struct errtext *err);
struct store *store_redis_open(struct loop *l, const struct set_redis *set, struct errtext *err);

#endif
