/* scan_holder_link.c - the front's end of the channel to a generation's holder: starting it, words to it and from it, its end.
 *
 * A holder that ends is replaced by another one, with the same generation and pool.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cfilter/clean_cache.h"
#include "cfilter/scan_private.h"
#include "cfilter/scan_wire.h"
#include "cfilter/scratch.h"
#include "cfilter/wire.h"
#include "lib/app/log.h"

enum { HOLDER_RESTART_MS = 100, HOLDER_BACKOFF_MAX = 8, HOLDER_STABLE_MS = 30 * 1000 };

/* ---- words to the holder ---- */

void holder_link_send(struct generation *g, enum holder_word word)
{
    char c = (char)word;

    if (g->holder != NULL)
        (void)child_send(g->holder, span_of(&c, 1), NULL, 0);
}

void holder_link_want_worker(struct generation *g, enum holder_lane lane)
{
    const char words[] = { HOLDER_WANT_WORKER, (char)lane };

    if (g->holder != NULL)
        (void)child_send(g->holder, span_of(words, sizeof words), NULL, 0);   /* a holder that does not take it ends, and is replaced */
}

/* ---- words from the holder ---- */

static void on_holder_log(struct wire_in *in)
{
    int level = wire_get_u8(in);
    span text = wire_get_str(in, 600);

    if (level == LOG_LEVEL_ERROR)
        log_error("scan: %.*s", SPAN_ARG(text));
    else if (level == LOG_LEVEL_WARNING)
        log_warning("scan: %.*s", SPAN_ARG(text));
    else
        log_info("scan: %.*s", SPAN_ARG(text));
}

/* Who gets what the holder has made; NULL: nobody waits for it any more. */
static struct child_pool *lane_served(struct generation *g, uint8_t lane)
{
    if (lane == LANE_APART && g->apart_owed) {
        g->apart_owed = false;
        return g->apart;
    }
    if (lane == LANE_POOL && g->owed > 0) {
        g->owed--;
        return g->pool;
    }
    return NULL;
}

static void on_holder_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct generation *g = arg;
    struct wire_in in = { .rest = msg };
    struct child_pool *p;
    char why[600];

    (void)c;
    switch (wire_get_u8(&in)) {
    case HOLDER_READY:
        generation_ready(g, wire_get_u64(&in));
        break;
    case HOLDER_NO_ENGINE:
        generation_refused(g, wire_get_str(&in, 600));
        break;
    case HOLDER_WORKER:
        if ((p = lane_served(g, wire_get_u8(&in))) != NULL && nfds == 2) {
            child_pool_add(p, fds[0], fds[1], clean_worker(g->number, wire_get_u32(&in)));
            return;                /* the descriptors are the pool's */
        }
        break;
    case HOLDER_NO_WORKER:
        p = lane_served(g, wire_get_u8(&in));
        snprintf(why, sizeof why, "no worker: %.*s", SPAN_ARG(wire_get_str(&in, 300)));
        if (p != NULL)
            child_pool_supply_failed(p, why);
        break;
    case HOLDER_DATABASE_CHANGED:
        generation_database_changed(g);
        break;
    case HOLDER_LOG:
        on_holder_log(&in);
        break;
    default:
        break;
    }
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

/* ---- start and end ---- */

static void on_restart(void *arg)
{
    holder_link_start(arg);
}

static void holder_restart_later(struct generation *g)
{
    struct loop *l = g->scan->loop;

    if (g->ready && loop_now_ms(l) - g->ready_since_ms >= HOLDER_STABLE_MS)
        g->backoff = 0;
    g->ready = false;
    loop_timer_start(l, &g->restart, (int64_t)HOLDER_RESTART_MS << g->backoff, on_restart, g);
    if (g->backoff < HOLDER_BACKOFF_MAX)
        g->backoff++;
}

static void on_holder_exit(struct child *c, int status, void *arg)
{
    struct generation *g = arg;

    if (status != -1 && WIFSIGNALED(status))
        log_error("scan: the engine holder ended by signal %d; a new one is started", WTERMSIG(status));
    else
        log_error("scan: the engine holder ended with status %d; a new one is started", status == -1 ? -1 : WEXITSTATUS(status));
    scratch_remove_left_by(g->set, child_pid(c));
    child_free(&g->holder);
    holder_restart_later(g);
}

static const struct child_handler holder_handler = { .on_message = on_holder_message, .on_exit = on_holder_exit };

void holder_link_start(struct generation *g)
{
    static const struct child_spec spec = { .role = "scan-holder" };
    struct scan *s = g->scan;
    struct errtext err = { "" };
    struct buf config;

    if (s->set->filter.virus.low_memory && s->retired != NULL) {     /* one engine at a time: not before the old ones have ended */
        loop_timer_start(s->loop, &g->restart, SCAN_RETIRED_LOOK_MS, on_restart, g);
        return;
    }
    g->number = ++s->numbers;
    ++*s->holder_starts;
    buf_init(&config, CHILD_MESSAGE_MAX);
    scan_wire_put_config(g->set, g->number, &config);
    int cache = s->cache != NULL ? clean_cache_fd(s->cache) : -1;
    g->holder = child_start(s->loop, &spec, &holder_handler, g, &err);
    if (g->holder == NULL || config.overflow || child_send(g->holder, buf_span(&config), &cache, cache >= 0 ? 1 : 0) < 0) {
        log_error("scan: cannot start the engine holder: %s", config.overflow ? "too many settings" : err.text);
        child_free(&g->holder);
        holder_restart_later(g);
    }
    buf_free(&config);
}
