/* replay.h - decides recorded requests again, under other rules, at the times when they came.
 *
 * Time stands where the record says; no name is looked up: what a DNS list or SPF said then is in the record, and a list that was not asked
 * then says NOT_RECORDED.  Limits count anew from the first record on, at each recipient; the greylist is taken as it was.
 * Nothing leaves the process: no reply, event, mark, hook or store.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_REPLAY_H
#define GATEPOST_POLICYD_REPLAY_H

#include "policyd/recorded.h"

struct replay;

struct replayed {
    enum recorded_answer answer;         /* now */
    const char *reply;                   /* "REJECT 5.7.1 ..."; "DUNNO" */
    const char *hits;                    /* "zen:5,deny"; "" */
    const char *missing;                 /* names of what was not recorded, "newlist,spf"; "" */
};

/* begin_ms: the wall time of the first record. */
struct replay *replay_new(struct settings *set, int64_t begin_ms, struct errtext *err);
void replay_free(struct replay **r);
/* Records in the order of their time.  Strings of *out live until the next call. */
void replay_one(struct replay *r, const struct recorded *record, struct replayed *out);

#endif
