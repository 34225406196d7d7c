/* daemon_run.c - a daemon between READY and its end: signals, watchdog, drain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/app/daemon_private.h"

enum { DRAIN_LOOK_MS = 10 };

void daemon_status(struct daemon *d, const char *words)
{
    (void)d;
    sd_notifyf(0, "STATUS=%s", words);
}

/* ---- draining ---- */

static void on_drain_timer(void *arg)
{
    struct daemon *d = arg;
    struct daemon_private *p = d->priv;
    size_t busy = p->ops->busy != NULL ? p->ops->busy(d) : 0;

    if (busy > 0 && loop_now_ms(d->loop) < p->drain_until_ms) {
        loop_timer_start(d->loop, &p->drain_timer, DRAIN_LOOK_MS, on_drain_timer, d);
        return;
    }
    if (busy > 0)
        log_warning("%zu requests are cut off: they did not end within %d ms of the stop", busy, (int)DAEMON_DRAIN_MS);
    loop_stop(d->loop);
}

static void drain(struct daemon *d)
{
    struct daemon_private *p = d->priv;

    d->draining = true;
    p->drain_until_ms = loop_now_ms(d->loop) + DAEMON_DRAIN_MS;
    sd_notify(0, "STOPPING=1\nSTATUS=finishing requests under way");
    for (size_t i = 0; i < p->n_listeners; i++)
        listener_pause(p->listeners[i]);
    if (p->ops->drain != NULL)
        p->ops->drain(d);
    /* In the next turn, so that what drain has queued goes out first. */
    loop_timer_start(d->loop, &p->drain_timer, DRAIN_LOOK_MS, on_drain_timer, d);
}

/* ---- signals ---- */

static void on_stop_signal(int signo, void *arg)
{
    struct daemon *d = arg;

    if (d->draining || !d->serving) {        /* asked twice */
        loop_stop(d->loop);
        return;
    }
    log_info("signal %d: finishing requests under way", signo);
    drain(d);
}

static void on_hup(int signo, void *arg)
{
    struct daemon *d = arg;
    struct buf words;

    (void)signo;
    buf_init(&words, 64 * 1024);
    daemon_reload(d, &words);                /* its words are in the log */
    buf_free(&words);
}

/* ---- sd_watchdog_enabled(3) ---- */

static void on_watchdog_timer(void *arg)
{
    struct daemon *d = arg;

    sd_notify(0, "WATCHDOG=1");
    loop_timer_start(d->loop, &d->priv->watchdog_timer, d->priv->watchdog_ms, on_watchdog_timer, d);
}

static void watchdog_start(struct daemon *d)
{
    uint64_t usec = 0;

    if (sd_watchdog_enabled(0, &usec) <= 0)
        return;
    d->priv->watchdog_ms = usec / 2000 > 0 ? (int64_t)(usec / 2000) : 1;
    loop_timer_start(d->loop, &d->priv->watchdog_timer, d->priv->watchdog_ms, on_watchdog_timer, d);
}

/* Tells whoever waits for a daemonized start that all is well. */
static void tell_starter(struct daemon_private *p)
{
    if (p->ready_fd < 0)
        return;
    if (write(p->ready_fd, "R", 1) < 0)
        log_debug("the starting process has gone");
    close(p->ready_fd);
    p->ready_fd = -1;
}

/* ---- one write of log lines a turn ---- */

static void write_log(void *arg)
{
    (void)arg;
    log_flush();
}

static void log_waits(void *arg)
{
    struct daemon *d = arg;

    loop_defer(d->loop, &d->priv->log_task, write_log, d);
}

void daemon_run(struct daemon *d)
{
    log_batch(log_waits, d);
    loop_signal(d->loop, SIGTERM, on_stop_signal, d);
    loop_signal(d->loop, SIGINT, on_stop_signal, d);
    if (d->serving) {
        loop_signal(d->loop, SIGHUP, on_hup, d);
        watchdog_start(d);
        log_info("version %s is ready: %s, mode %s", GATEPOST_VERSION, d->priv->opt.config,
                 d->settings->mode == MODE_OBSERVE ? "observe" : "enforce");
        sd_notifyf(0, "READY=1\nSTATUS=running\nMAINPID=%d", (int)getpid());
        tell_starter(d->priv);
    }
    loop_run(d->loop);
    log_batch(NULL, NULL);
    loop_task_cancel(&d->priv->log_task);
    loop_timer_stop(&d->priv->drain_timer);
    loop_timer_stop(&d->priv->watchdog_timer);
}
