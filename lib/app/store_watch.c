/* store_watch.c - a daemon's store: opened with it, and what is wrong with it told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/store_watch.h"

#include <stdio.h>

#include "lib/app/log.h"

static void look(void *arg)
{
    struct store_watch *w = arg;
    const char *problem = store_problem(w->store);

    loop_timer_start(w->loop, &w->again, STORE_WATCH_MS, look, w);
    if ((problem[0] == '\0') == (w->problem[0] == '\0'))     /* other words for the same are no news */
        return;
    if (problem[0] != '\0')
        log_error("store: %s", problem);
    else
        log_info("store: in order again");
    snprintf(w->problem, sizeof(w->problem), "%s", problem);
}

int store_watch_open(struct store_watch *w, const struct daemon *d, struct errtext *err)
{
    *w = (struct store_watch){ .loop = d->loop };
    if (!d->serving)
        return 0;
    if ((w->store = store_open(d->loop, d->name, d->settings, err)) == NULL)
        return -1;
    if (err->text[0] != '\0')
        log_warning("store: %s", err->text);       /* it is usable, but something old was lost */
    loop_timer_start(w->loop, &w->again, STORE_WATCH_MS, look, w);
    return 0;
}

void store_watch_close(struct store_watch *w)
{
    if (w->store == NULL)
        return;
    loop_timer_stop(&w->again);
    store_close(&w->store);
}

void store_watch_describe(const struct store_watch *w, struct buf *to)
{
    const char *problem;

    if (w->store == NULL)
        return;
    problem = store_problem(w->store);
    buf_printf(to, "store: %s\n", problem[0] != '\0' ? problem : "in order");
}
