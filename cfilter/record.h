/* record.h - what is told of a message when it is done: one line of log, one event, the counters.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_RECORD_H
#define GATEPOST_CFILTER_RECORD_H

#include "cfilter/assess.h"
#include "cfilter/context.h"
#include "lib/base/json_out.h"

struct record {
    const struct context *context;
    span reverse_path;
    const span *recipients;
    size_t n_recipients;
    uint64_t size;
    const struct assess_result *result;   /* NULL: it never came to a verdict */
    span reply;                           /* what the sender was told */
    const char *outcome;                  /* "pass" "tempfail" "reject" "observe" */
    const char *note;                     /* "" or what else there is to say */
    uint64_t strays;                      /* CR, LF and NUL bytes that were replaced */
    int64_t took_ms;
};

/* There is more to tell of classes than that all recipients are of the default one. */
bool record_has_classes(const struct assess_result *a);
/* One object of "rcpt_classes": what the class alone would have got. */
void record_class(struct json_out *j, const struct mixed_class *c);
void record_message(struct front *f, const struct record *r);
/* What was refused before there was a message: stage is the command ("MAIL", "RCPT", "DATA"). */
void record_early(struct front *f, const struct record *r, const char *stage);

#endif
