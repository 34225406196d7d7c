/* ctl_recipient.c - `gatepostctl recipient ...`: what socketmapd tells of its recipients.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ctl_recipient.h"

#include "lib/app/daemon.h"
#include "socketmapd/session.h"

static void print_line(const char *line, void *arg)
{
    ctl_print(arg, "%s\n", line);
}

static void print_answer(const struct lookup_result *r, void *arg)
{
    struct ctl_request *q = arg;

    switch (r->answer) {
    case RCPT_VALID:
        ctl_print(q, "answer: OK, found by %s (%s)%s\n", r->source, r->detail, r->stale ? "; known from before, no source can answer now" : "");
        ctl_finish(&q, 0);
        break;
    case RCPT_INVALID:
        ctl_print(q, "answer: NOTFOUND, by %s (%s): the sender gets 550 5.1.1\n", r->source, r->detail);
        ctl_finish(&q, 1);
        break;
    case RCPT_TEMPFAIL:
        ctl_print(q, "answer: TEMP, by %s (%s): the sender gets 451 4.3.0 and comes again\n", r->source, r->detail);
        ctl_finish(&q, 2);
        break;
    }
}

static void usage(struct ctl_request *q)
{
    ctl_complain(q, "usage: recipient why ADDRESS | recipient flush [ADDRESS] | recipient count\n");
    ctl_finish(&q, 64);
}

static void run_recipient(struct ctl_request *q, void *arg)
{
    struct daemon *d = arg;
    struct session_owner *o = d->state;
    span verb = ctl_arg(q, 0);

    if (span_eq(verb, SPAN("why")) && ctl_argc(q) == 2) {
        lookup_explain(o->lookup, ctl_arg(q, 1), print_line, print_answer, q);
    } else if (span_eq(verb, SPAN("flush"))) {
        ctl_print(q, "%zu forgotten\n", lookup_flush(o->lookup, ctl_arg(q, 1)));
        ctl_finish(&q, 0);
    } else if (span_eq(verb, SPAN("count"))) {
        ctl_print(q, "%zu known addresses\n", lookup_known(o->lookup));
        ctl_finish(&q, 0);
    } else {
        usage(q);
    }
}

const struct ctl_command recipient_commands[] = {
    { "recipient", "why ADDRESS | flush [ADDRESS] | count", "why an address is known or unknown; what is known", run_recipient },
    { NULL, NULL, NULL, NULL },
};
