/* rcpt_merge.h - from the set in force and a proposal to the next set in force.
 *
 * The set in force answers, a proposal only proposes: what it adds is taken, what it no longer names is kept as missing
 * (if it is plausible) or as if it were still named (if it is held).  Done in a child: a million addresses take a second.
 * Source:    files of rcpt_set.h.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_RCPT_MERGE_H
#define GATEPOST_SOCKETMAPD_RCPT_MERGE_H

#include "lib/base/buf.h"
#include "socketmapd/plausible.h"

enum merge_mode { MERGE_JUDGE, MERGE_HOLD };

/* Somebody's word for a removal that is held: for this very one, never for what has come since. */
struct merge_word { bool given; uint64_t removed_digest; };

struct merge_order {
    span set_path, proposal_path, diff_path;   /* NUL-terminated where they come from; a diff is written when the proposal is held */
    enum merge_mode mode;
    struct merge_word word;                    /* what is removed so is taken, whatever the mode and the limits say */
    struct plausible_limits limits;
    int64_t now_ms;
    int64_t keep_missing_ms;                   /* a missing address is forgotten after so long */
    span canaries;                             /* one a line */
};

struct merge_result {
    bool ok, held, changed;                    /* changed: another set was written */
    bool by_word;                              /* it is the removal that the word was given for */
    bool drastic;                              /* it takes everybody, or a whole domain */
    uint64_t generation;                       /* of the set now in force */
    uint64_t had, removed, added, has;
    uint64_t removed_digest;                   /* equal for equal removals */
    char why[512];                             /* of a failure, or of holding; "" */
};

void merge_run(const struct merge_order *o, struct merge_result *r);

void merge_order_encode(const struct merge_order *o, struct buf *to);
bool merge_order_decode(span bytes, struct merge_order *out);         /* spans point into bytes */
void merge_result_encode(const struct merge_result *r, struct buf *to);
bool merge_result_decode(span bytes, struct merge_result *out);

int merge_child_run(int argc, char **argv);    /* child role "rcpt-merge" */

#endif
