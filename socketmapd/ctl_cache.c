/* ctl_cache.c - "recipient export" and "recipient import": remembered answers, from one store to another.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ctl_cache.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/lookup.h"

/* ---- export ---- */

static void on_item(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct ctl_request *q = arg;

    if (item != NULL && span_rfind(item->key, '@') < item->key.n && item->ttl_left_ms > 0)
        ctl_print(q, "%.*s\t%lld\t%.*s\n", SPAN_ARG(item->key), (long long)((item->ttl_left_ms + 999) / 1000), SPAN_ARG(item->value));
    if (!done)
        return;
    if (outcome == STORE_DOWN)
        ctl_complain(q, "the store did not answer: this is not all of it\n");
    ctl_finish(&q, outcome == STORE_DOWN ? 1 : 0);
}

void ctl_export(struct ctl_request *q, struct lookup *k)
{
    if (lookup_store(k) == NULL) {
        ctl_complain(q, "nothing is remembered without a store\n");
        ctl_finish(&q, 1);
        return;
    }
    store_scan(lookup_store(k), "rcpt", SPAN(""), SIZE_MAX, on_item, q);
}

/* ---- import ---- */

/* One import's answers, until the store has all. */
struct import {
    struct ctl_request *q;
    size_t waiting;
    uint64_t line;
    bool bad, down;
};

static void one_less(struct import *m)
{
    if (--m->waiting > 0)
        return;
    if (m->down)
        ctl_complain(m->q, "the store did not answer: not all of it was taken\n");
    ctl_finish(&m->q, m->down ? 2 : m->bad ? 1 : 0);
    free(m);
}

static void on_stored(const struct store_value_result *r, void *arg)
{
    struct import *m = arg;

    m->down = m->down || r->outcome == STORE_DOWN;
    one_less(m);
}

/* NULL: it is a good line; else what is wrong with it. */
static const char *take_line(struct lookup *k, span line, struct address *a, int64_t *ttl_ms_out, span *value_out, bool *skip_out)
{
    span address, left, word, value = line;
    uint64_t seconds;

    *skip_out = false;
    if (!span_next(&value, '\t', &address) || !span_next(&value, '\t', &left) || value.n == 0)
        return "it has not three columns";
    if (!span_to_u64(left, &seconds) || seconds == 0)
        return "its second column is no number of seconds";
    if (value.n > LOOKUP_VALUE_MAX)
        return "its third column is too long";
    word = span_head(value, span_find(value, ' '));
    if (!span_eq(word, SPAN("VALID")) && !span_eq(word, SPAN("INTERNAL")) && !span_eq(word, SPAN("INVALID")))
        return "its third column does not begin with VALID, INTERNAL or INVALID";
    if (span_count(value, ' ') < 2)
        return "its third column names no source and no place";
    if (!lookup_resolve(k, address, a))
        return "it is no address of a domain of ours";
    *skip_out = span_eq(word, SPAN("INVALID"));
    *ttl_ms_out = seconds < (uint64_t)(lookup_stale_ms(k) / 1000) ? (int64_t)seconds * 1000 : lookup_stale_ms(k);
    *value_out = value;
    return NULL;
}

static void import_line(struct import *m, struct lookup *k, span line)
{
    struct address a;
    int64_t ttl_ms;
    span value;
    bool skip;
    const char *wrong = take_line(k, line, &a, &ttl_ms, &value, &skip);

    if (wrong != NULL) {
        ctl_complain(m->q, "line %llu: %s\n", (unsigned long long)m->line, wrong);
        m->bad = true;
    } else if (!skip && ttl_ms > 0) {
        m->waiting++;
        store_remember(lookup_store(k), "rcpt", a.whole, value, ttl_ms, 0, on_stored, m);
    }
}

void ctl_import(struct ctl_request *q, struct lookup *k)
{
    struct import *m;

    if (lookup_store(k) == NULL) {
        ctl_complain(q, "nothing is remembered without a store\n");
        ctl_finish(&q, 2);
        return;
    }
    m = xcalloc(1, sizeof(*m));
    m->q = q;
    m->waiting = 1;
    if (!span_to_u64(ctl_arg(q, 1), &m->line))
        m->line = 1;
    for (size_t i = 2; i < ctl_argc(q); i++, m->line++)
        import_line(m, k, ctl_arg(q, i));
    one_less(m);
}
