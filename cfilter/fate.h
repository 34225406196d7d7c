/* fate.h - tells policyd what became of messages that it let in and handed over.
 *
 * Limits are charged before cfilter judges: policyd gives back, or adds, as each limit's refused_weight says.
 * Delivery:  over policyd's control socket of the same run_directory, in batches, again after a failure.  What waits is bounded; the
 *            oldest is dropped and counted, and stays charged.  No message ever waits for it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_FATE_H
#define GATEPOST_CFILTER_FATE_H

#include "lib/app/id.h"
#include "lib/app/stats.h"
#include "lib/net/loop.h"

enum { FATE_WAITING_MAX = 4096 };

struct fate;

/* socket_path: policyd's. */
struct fate *fate_new(struct loop *l, const char *socket_path, struct stats *stats);
void fate_free(struct fate **f);
/* refused: 5xx; else 4xx, or the sender left. */
void fate_tell(struct fate *f, const char id[ID_TEXT], bool refused);

#endif
