/* ctl_store.h - what commands that ask or change the store have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CTL_STORE_H
#define GATEPOST_POLICYD_CTL_STORE_H

#include "policyd/policyd.h"

enum { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 64 };       /* exit status */

/* arg: the daemon.  NULL when it has no store, which is said and ends the command. */
struct policyd *ctl_store_ready(struct ctl_request **q, void *arg);
/* A walk has ended: says so when it was not all, and ends the command. */
void ctl_store_walked(struct ctl_request **q, enum store_outcome outcome);
/* A change has ended: says what came of it (why: of STORE_DOWN, may be NULL), and ends the command. */
void ctl_store_changed(struct ctl_request **q, enum store_outcome outcome, const char *why, const char *done, const char *not_there);

#endif
