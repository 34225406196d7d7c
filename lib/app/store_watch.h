/* store_watch.h - a daemon's store: opened with it, and what is wrong with it told in the log and by `status`.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_STORE_WATCH_H
#define GATEPOST_APP_STORE_WATCH_H

#include "lib/app/daemon.h"
#include "lib/store/store.h"

#define STORE_WATCH_MS SECONDS(5)

struct store_watch {
    struct loop *loop;
    struct store *store;         /* NULL: not open */
    struct loop_timer again;
    char problem[256];           /* as it was told last; "": in order */
};

/* A daemon that does not serve (--ctl-fd) gets none.  0, or -1 with err. */
int store_watch_open(struct store_watch *w, const struct daemon *d, struct errtext *err);
void store_watch_close(struct store_watch *w);
/* A line of `status`. */
void store_watch_describe(const struct store_watch *w, struct buf *to);

#endif
