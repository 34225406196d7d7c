/* ctl_greylist.h - gatepostctl greylist.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CTL_GREYLIST_H
#define GATEPOST_POLICYD_CTL_GREYLIST_H

#include "lib/app/ctl_server.h"

/* show, pass, forget, stats: on all hosts that share the store.  arg: the daemon. */
void ctl_greylist(struct ctl_request *q, void *arg);

#endif
