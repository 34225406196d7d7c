/* front.h - what the proxy process of cfilter holds: one for all sessions.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_FRONT_H
#define GATEPOST_CFILTER_FRONT_H

#include "cfilter/scan.h"
#include "lib/app/daemon.h"
#include "lib/app/handover.h"
#include "lib/store/store.h"

struct session;

struct front {                        /* the daemon's state */
    struct daemon *daemon;
    struct scan *scan;
    struct store *store;              /* NULL under --ctl-fd */
    struct handover_key key;
    bool have_key;
    struct session *sessions;
    size_t n_sessions, busy;
    uint64_t *messages, *accepted, *tagged, *rejected, *deferred, *observed;
    uint64_t *forged, *bad_lines, *gone;
};

#endif
