/* policyd.h - the state of the daemon.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_POLICYD_H
#define GATEPOST_POLICYD_POLICYD_H

#include "lib/app/store_watch.h"
#include "policyd/dnsbl_health.h"
#include "policyd/rules.h"
#include "policyd/services.h"
#include "policyd/session.h"

struct explanation;

struct policyd {
    struct daemon *daemon;
    struct store_watch store;
    struct services services;
    struct sessions sessions;
    struct dnsbl_healths *lists;
    struct rules *rules;                 /* in force */
    struct explanation *explanations;    /* under way */
};

/* ctl_policy.c */
extern const struct ctl_command policy_commands[];
void explanations_end(struct policyd *p);

#endif
