/* daemon_reload.c - a new set is loaded whole and checked before anything of the old one goes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "lib/app/daemon_private.h"

struct settings *daemon_load(const struct daemon_ops *ops, const char *path, struct conf_errors *errors)
{
    struct settings *s = settings_load(path, errors);

    if (s != NULL && ops->check != NULL && ops->check(s, errors) < 0)
        settings_unref(&s);
    return s;
}

static void put_errors(const struct conf_errors *errors, struct buf *words)
{
    for (size_t i = 0; i < conf_errors_count(errors); i++) {
        log_error("%s", conf_errors_at(errors, i));
        buf_printf(words, "%s\n", conf_errors_at(errors, i));
    }
}

/* The swap.  What looks at d->settings after this sees the new set; whoever works on a request holds the old one by its count. */
static void take_over(struct daemon *d, struct settings *neu, struct buf *words)
{
    struct settings *old = d->settings;
    struct buf restart;

    buf_init(&restart, 8192);
    settings_restart_keys(d->priv->started, neu, &restart);
    if (restart.len > 0) {
        log_warning("reload: changes of %s wait for a restart", buf_cstr(&restart));
        buf_printf(words, "changes of %s wait for a restart\n", buf_cstr(&restart));
    }
    buf_free(&restart);
    d->settings = neu;
    log_reconfigure(&neu->log);
    if (d->events != NULL && d->serving)
        events_reconfigure(d->events, neu);
    settings_unref(&old);
}

static int reload(struct daemon *d, struct buf *words)
{
    const struct daemon_ops *ops = d->priv->ops;
    struct conf_errors *errors = conf_errors_new();
    struct settings *neu = daemon_load(ops, d->priv->opt.config, errors);
    struct errtext err = { .text = "" };

    put_errors(errors, words);
    if (neu == NULL && conf_errors_count(errors) == 0)
        buf_printf(words, "%s cannot be used\n", d->priv->opt.config);
    conf_errors_free(&errors);
    if (neu == NULL)
        return -1;
    if (ops->reload != NULL && ops->reload(d, neu, &err) < 0) {
        log_error("reload: %s", err.text);
        buf_printf(words, "%s\n", err.text);
        settings_unref(&neu);
        return -1;
    }
    take_over(d, neu, words);
    return 0;
}

int daemon_reload(struct daemon *d, struct buf *words)
{
    struct timespec now;
    int r;

    if (d->draining) {
        buf_append_str(words, "the daemon is about to end\n");
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);        /* sd_notify(3): the time of the notice, not of the turn */
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    r = reload(d, words);
    if (r == 0) {
        d->priv->reloads++;
        log_info("reloaded %s", d->priv->opt.config);
        daemon_status(d, "running");
    } else {
        d->priv->reload_failures++;
        log_error("reload refused: the configuration from before stays in force");
        daemon_status(d, "running; the last reload was refused");
    }
    sd_notify(0, "READY=1");
    return r;
}
