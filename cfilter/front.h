/* front.h - what the proxy process of cfilter holds: one for all sessions.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_FRONT_H
#define GATEPOST_CFILTER_FRONT_H

#include "cfilter/scan.h"
#include "cfilter/spool.h"
#include "lib/app/daemon.h"
#include "lib/app/handover.h"
#include "lib/app/store_watch.h"

struct session;
struct poison;
struct relay_keep;
struct split_memory;
struct fate;

struct front {                        /* the daemon's state */
    struct daemon *daemon;
    struct scan *scan;
    struct store_watch watch;
    struct store *store;              /* its; NULL under --ctl-fd */
    struct poison *poison;            /* poison.h */
    struct fate *fate;                /* fate.h; NULL under --ctl-fd */
    struct handover_key key;
    bool have_key;
    struct split_memory *split;       /* split.h */
    struct spool_blocks *blocks;      /* of all large messages */
    struct relay_keep *relays;        /* relay_keep.h */
    struct session *sessions;
    size_t n_sessions, busy;
    uint64_t *messages, *accepted, *tagged, *rejected, *deferred, *observed;
    uint64_t *classes[FACT_CLASSES];  /* messages in which such a thing was found */
    uint64_t *forged, *bad_lines, *gone, *not_tried, *put_off;
};

enum { FRONT_PATH_MAX = 4096 };
/* How messages are kept under these settings; the folder's name is put into `path`. */
struct spool_limits front_spool_limits(const struct front *f, const struct settings *set, char path[FRONT_PATH_MAX]);
/* Makes the spool folder (0700) where it is missing. */
int front_make_spool(const struct front *f, const struct settings *set, struct errtext *err);

#endif
