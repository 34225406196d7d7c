/* ctl_sync.h - `gatepostctl recipient sync ...`: the synchronised sources, seen and steered.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CTL_SYNC_H
#define GATEPOST_SOCKETMAPD_CTL_SYNC_H

#include "lib/app/ctl_server.h"
#include "socketmapd/lookup.h"

/* Arguments: "sync", verb, perhaps a source's name. */
void ctl_sync(struct ctl_request *q, struct lookup *k);

#endif
