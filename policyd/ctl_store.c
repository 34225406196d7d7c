/* ctl_store.c - what commands that ask or change the store have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/ctl_store.h"

struct policyd *ctl_store_ready(struct ctl_request **q, void *arg)
{
    const struct daemon *d = arg;
    struct policyd *p = d->state;

    if (p->services.store != NULL && p->services.marks != NULL)
        return p;
    ctl_complain(*q, "no policyd is running here: its store is asked through it\n");
    ctl_finish(q, CTL_FAILED);
    return NULL;
}

void ctl_store_walked(struct ctl_request **q, enum store_outcome outcome)
{
    if (outcome == STORE_DOWN)
        ctl_complain(*q, "the store did not answer: this is not all\n");
    ctl_finish(q, outcome == STORE_DOWN ? CTL_FAILED : CTL_DONE);
}

void ctl_store_changed(struct ctl_request **q, enum store_outcome outcome, const char *why, const char *done, const char *not_there)
{
    if (outcome == STORE_DOWN)
        ctl_complain(*q, "the store did not answer (%s): nothing is changed on other hosts\n", why != NULL ? why : "no reason given");
    else
        ctl_print(*q, "%s\n", outcome == STORE_HIT ? done : not_there);
    ctl_finish(q, outcome == STORE_HIT ? CTL_DONE : CTL_FAILED);
}
