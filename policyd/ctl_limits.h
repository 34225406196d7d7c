/* ctl_limits.h - gatepostctl limits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CTL_LIMITS_H
#define GATEPOST_POLICYD_CTL_LIMITS_H

#include "lib/app/ctl_server.h"

/* show, top, reset, exempt, block, release, marks: on all hosts that share the store.  arg: the daemon. */
void ctl_limits(struct ctl_request *q, void *arg);

#endif
