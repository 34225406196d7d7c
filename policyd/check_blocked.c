/* check_blocked.c - a login that is blocked: by a limit with `block`, or by gatepostctl limits block.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"
#include "policyd/marks.h"

static void blocked_start(struct check_run *run)
{
    const char *why = run->req->login.n > 0 ? marks_why(run->services->marks, MARK_BLOCKED, run->req->login) : NULL;
    struct finding f = {
        .name = "blocked", .kind = FINDING_HIT, .mode = run->rules->mode, .wish = WISH_REJECT, .reply = REPLY_OWN_TEXT,
        .text = "This account is blocked from sending, please ask your postmaster",
    };

    if (why != NULL) {
        f.saw = arena_str(run->arena, span_str(why));
        if (!run->dry)
            ++*run->services->count.blocked;
        check_report(run, &f);
    }
    check_done(run);
}

const struct check check_blocked = {
    .name = "blocked", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT) | CHECK_AT(POLICY_STATE_DATA), .start = blocked_start,
};
