/* check_recipients.c - so many recipients of one message, and of a bounce.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"
#include "policyd/handover.h"

/* How many of the message there are with this one; 0: not known. */
static int64_t recipients_with_this(const struct check_run *run)
{
    const struct message *msg = run->message;

    if (msg == NULL || message_has(msg, run->req->recipient))
        return 0;
    return (int64_t)msg->n_let_in + 1;
}

static void report(struct check_run *run, const char *name, enum mode mode, bool hit, enum wish wish, const char *text)
{
    struct finding f = { .name = name, .kind = FINDING_CLEAR, .mode = mode, .saw = "few enough" };

    if (hit) {
        f.kind = FINDING_HIT;
        f.wish = wish;
        f.reply = REPLY_OWN_TEXT;
        f.text = text;
        f.saw = "one too many";
        if (!run->dry)
            ++*run->services->count.recipients;
    }
    check_report(run, &f);
}

static void recipients_start(struct check_run *run)
{
    const struct set_rules *set = &run->rules->set->policy.rules;
    int64_t n, max = run->req->exempt ? set->recipients.max_login : set->recipients.max;

    n = recipients_with_this(run);
    if (run->rules->recipients_mode != MODE_OFF && max > 0)
        report(run, "recipients", run->rules->recipients_mode, n > max, WISH_DEFER, "452 4.5.3 Too many recipients of one message");
    if (run->rules->null_sender_mode != MODE_OFF && run->req->sender.n == 0 && !run->req->exempt)
        report(run, "null_sender", run->rules->null_sender_mode, n > set->null_sender.max_recipients, WISH_REJECT,
               "550 5.5.3 A bounce goes to the one who sent");
    check_done(run);
}

static bool recipients_in_use(const struct rules *rules)
{
    return rules->recipients_mode != MODE_OFF || rules->null_sender_mode != MODE_OFF;
}

const struct check check_recipients = {
    .name = "recipients", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = recipients_in_use, .start = recipients_start,
};
