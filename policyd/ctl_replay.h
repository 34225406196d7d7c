/* ctl_replay.h - gatepostctl policy replay.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CTL_REPLAY_H
#define GATEPOST_POLICYD_CTL_REPLAY_H

#include "lib/app/ctl_server.h"

/* "policy replay [--show=N]" with a descriptor of events, one JSON line each, oldest first: decides them again under this daemon's own
 * configuration.  Exit status 0 nothing changes, 1 something does, 2 there is nothing to decide.  arg: the daemon. */
void ctl_replay(struct ctl_request *q, void *arg);

#endif
