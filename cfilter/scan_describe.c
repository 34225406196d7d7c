/* scan_describe.c - what the scanner tells about itself: counters, gauges, and lines for `gatepostctl status`.
 *
 * Reads only; nothing here changes what becomes of a message.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "cfilter/clamav.h"
#include "cfilter/clean_cache.h"
#include "cfilter/memory.h"
#include "cfilter/scan_private.h"

const char *scan_outcome_name(enum scan_outcome o)
{
    static const char *const names[] = {
        [SCAN_DONE] = "done", [SCAN_TIMED_OUT] = "timeout", [SCAN_CRASHED] = "crashed", [SCAN_GARBAGE] = "garbage",
        [SCAN_NO_ENGINE] = "no_engine", [SCAN_BUSY] = "busy",
    };

    return names[o];
}

static double gauge_live(void *arg)
{
    const struct scan *s = arg;

    return s->current != NULL ? (double)child_pool_live(s->current->pool) : 0;
}

static double gauge_ready(void *arg)
{
    return scan_ready(arg) ? 1 : 0;
}

static double gauge_cached(void *arg)
{
    const struct scan *s = arg;

    return s->cache != NULL ? (double)clean_cache_rows(s->cache) : 0;
}

static double gauge_signatures(void *arg)
{
    const struct scan *s = arg;

    if (s->single != NULL)
        return s->single->engine != NULL ? (double)clamav_signatures(s->single->engine) : 0;
    return (double)s->current->signatures;
}

void scan_describe_register(struct scan *s, struct stats *stats)
{
    for (size_t i = 0; i <= SCAN_BUSY; i++)
        s->counts[i] = stats == NULL ? &s->own_counts[i]
                                     : stats_counter(stats, "scans_total", "messages given to the scanners, by outcome", "outcome",
                                                     scan_outcome_name((enum scan_outcome)i));
    s->holder_starts = &s->own_counts[SCAN_BUSY + 1];
    s->cache_hits = &s->own_counts[SCAN_BUSY + 2];
    s->cache_added = &s->own_counts[SCAN_BUSY + 3];
    s->cache_dropped = &s->own_counts[SCAN_BUSY + 4];
    if (stats == NULL)
        return;
    s->holder_starts = stats_counter(stats, "scan_holder_starts_total", "starts of the process that holds the virus engine", NULL, NULL);
    s->cache_hits = stats_counter(stats, "scan_cache_hits_total", "parts that were known clean and not scanned again", NULL, NULL);
    s->cache_added = stats_counter(stats, "scan_cache_added_total", "parts found clean, as told by the workers", NULL, NULL);
    s->cache_dropped = stats_counter(stats, "scan_cache_dropped_total", "parts forgotten because their worker came to a bad end", NULL, NULL);
    stats_gauge(stats, "scan_cache_rows", "parts known clean", gauge_cached, s);
    stats_gauge(stats, "scan_workers", "live workers", gauge_live, s);
    stats_gauge(stats, "scan_engine_ready", "1 while a virus engine is loaded", gauge_ready, s);
    stats_gauge(stats, "scan_signatures", "signatures of the engine in use", gauge_signatures, s);
}

static void describe_generation(const struct generation *g, const char *place, struct buf *to)
{
    char name[40];

    buf_printf(to, "scan %s: generation=%u holder=%d engine=%s signatures=%llu workers=%zu idle=%zu", place, g->number, g->holder != NULL ? child_pid(g->holder) : -1,
               g->ready ? "ready" : g->refused ? "none" : "loading", (unsigned long long)g->signatures, child_pool_live(g->pool),
               child_pool_idle(g->pool));
    if (g->why[0] != '\0')
        buf_printf(to, " why=\"%s\"", g->why);
    buf_append_char(to, '\n');
    snprintf(name, sizeof name, "scan memory: %s", place);
    if (g->holder != NULL)
        memory_describe(child_pid(g->holder), name, to);
}

void scan_describe(const struct scan *s, struct buf *to)
{
    if (s->single != NULL)
        buf_printf(to, "scan: in the front process (workers: 0) engine=%s\n", scan_single_ready(s) ? "ready" : "none");
    else
        describe_generation(s->current, "current", to);
    if (s->coming != NULL)
        describe_generation(s->coming, "coming", to);
    for (const struct generation *g = s->retired; g != NULL; g = g->next)
        describe_generation(g, "retired", to);
    if (s->held_back[0] != '\0')
        buf_printf(to, "scan held back: %s\n", s->held_back);
    buf_append_str(to, "scan outcomes:");
    for (size_t i = 0; i <= SCAN_BUSY; i++)
        buf_printf(to, " %s=%llu", scan_outcome_name((enum scan_outcome)i), (unsigned long long)*s->counts[i]);
    buf_printf(to, " holder_starts=%llu\n", (unsigned long long)*s->holder_starts);
    if (s->cache != NULL)
        buf_printf(to, "scan cache: rows=%zu hits=%llu added=%llu dropped=%llu\n", clean_cache_rows(s->cache),
                   (unsigned long long)*s->cache_hits, (unsigned long long)*s->cache_added, (unsigned long long)*s->cache_dropped);
}
