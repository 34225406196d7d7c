/* rcpt_merge_wire.c - orders to the child that merges, and what it says of them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/base/alloc.h"
#include "lib/ldap/ldap_config.h"
#include "lib/net/child.h"
#include "socketmapd/rcpt_merge.h"

enum { MERGE_NICE = 10, PERCENT_SCALE = 1000 };
#define NUMBER_MAX ((uint64_t)1 << 62)

static void put_percent(struct buf *to, double percent)
{
    ldap_put_number(to, (uint64_t)llround(percent * PERCENT_SCALE));
}

static bool take_percent(span *rest, double *out)
{
    uint64_t n;

    if (!ldap_take_number(rest, 100 * PERCENT_SCALE, &n))
        return false;
    *out = (double)n / PERCENT_SCALE;
    return true;
}

/* Any 64 bits; a number here is smaller. */
static void put_digest(struct buf *to, uint64_t digest)
{
    ldap_put_number(to, digest >> 32);
    ldap_put_number(to, digest & UINT32_MAX);
}

static bool take_digest(span *rest, uint64_t *out)
{
    uint64_t high, low;

    if (!ldap_take_number(rest, UINT32_MAX, &high) || !ldap_take_number(rest, UINT32_MAX, &low))
        return false;
    *out = high << 32 | low;
    return true;
}

void merge_order_encode(const struct merge_order *o, struct buf *to)
{
    ldap_put(to, o->set_path);
    ldap_put(to, o->proposal_path);
    ldap_put(to, o->diff_path);
    ldap_put_number(to, o->mode);
    ldap_put_number(to, o->word.given);
    put_digest(to, o->word.removed_digest);
    put_percent(to, o->limits.max_removed_percent);
    ldap_put_number(to, (uint64_t)o->limits.max_removed_least);
    put_percent(to, o->limits.max_domain_removed_percent);
    ldap_put_number(to, (uint64_t)o->now_ms);
    ldap_put_number(to, (uint64_t)o->keep_missing_ms);
    ldap_put(to, o->canaries);
}

bool merge_order_decode(span bytes, struct merge_order *out)
{
    struct merge_order o = { .mode = MERGE_JUDGE };
    uint64_t mode, given, least, now, keep;

    if (!ldap_take(&bytes, &o.set_path) || !ldap_take(&bytes, &o.proposal_path) || !ldap_take(&bytes, &o.diff_path) ||
        !ldap_take_number(&bytes, MERGE_HOLD, &mode) || !ldap_take_number(&bytes, 1, &given) || !take_digest(&bytes, &o.word.removed_digest) ||
        !take_percent(&bytes, &o.limits.max_removed_percent) || !ldap_take_number(&bytes, NUMBER_MAX, &least) || !take_percent(&bytes, &o.limits.max_domain_removed_percent) ||
        !ldap_take_number(&bytes, NUMBER_MAX, &now) || !ldap_take_number(&bytes, NUMBER_MAX, &keep) || !ldap_take(&bytes, &o.canaries) || bytes.n != 0)
        return false;
    o.mode = (enum merge_mode)mode;
    o.word.given = given != 0;
    o.limits.max_removed_least = (int64_t)least;
    o.now_ms = (int64_t)now;
    o.keep_missing_ms = (int64_t)keep;
    *out = o;
    return true;
}

void merge_result_encode(const struct merge_result *r, struct buf *to)
{
    const uint64_t numbers[] = { r->ok, r->held, r->changed, r->by_word, r->drastic, r->generation, r->had, r->removed, r->added, r->has };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        ldap_put_number(to, numbers[i]);
    put_digest(to, r->removed_digest);
    ldap_put(to, span_str(r->why));
}

bool merge_result_decode(span bytes, struct merge_result *out)
{
    struct merge_result r = { .ok = false };
    uint64_t ok, held, changed, by_word, drastic;
    uint64_t *const numbers[] = { &ok, &held, &changed, &by_word, &drastic, &r.generation, &r.had, &r.removed, &r.added, &r.has };
    span why;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!ldap_take_number(&bytes, NUMBER_MAX, numbers[i]))
            return false;
    }
    if (!take_digest(&bytes, &r.removed_digest) || !ldap_take(&bytes, &why) || bytes.n != 0 || why.n >= sizeof(r.why))
        return false;
    r.ok = ok != 0;
    r.held = held != 0;
    r.changed = changed != 0;
    r.by_word = by_word != 0;
    r.drastic = drastic != 0;
    memcpy(r.why, why.p, why.n);
    *out = r;
    return true;
}

int merge_child_run(int argc, char **argv)
{
    char *msg = xmalloc(CHILD_MESSAGE_MAX);
    struct buf out;
    long n;

    (void)argc;
    (void)argv;
    setpriority(PRIO_PROCESS, 0, MERGE_NICE);
    buf_init(&out, CHILD_MESSAGE_MAX);
    while ((n = child_recv_blocking(CHILD_FD, msg, CHILD_MESSAGE_MAX, NULL, NULL)) > 0) {
        struct merge_result r = { .why = "the order could not be read" };
        struct merge_order o;

        if (merge_order_decode(span_of(msg, (size_t)n), &o))
            merge_run(&o, &r);
        buf_reset(&out);
        merge_result_encode(&r, &out);
        if (child_send_blocking(CHILD_FD, buf_span(&out), NULL, 0) != 0)
            break;
    }
    buf_free(&out);
    free(msg);
    return 0;
}
