/* reply.h - the words of an answer to Postfix.
 *
 * Every refusal names the decision's id, in whatever text: "... (id 4KQ7ZB0M2X9AC)".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_REPLY_H
#define GATEPOST_POLICYD_REPLY_H

#include "lib/proto/policy.h"
#include "policyd/eval.h"

/* The answer to a decision of the given side (what is answered, or what would have been); text in the eval's arena. */
struct policy_reply reply_of(struct eval *e, const struct decide_side *side, const char *id);
/* Appends it; what cannot be written (it never should) becomes DUNNO. */
void reply_append(struct buf *to, const struct policy_reply *r);
/* "DUNNO", "REJECT", "450 ...": the first word of the answer, for the log. */
const char *reply_word(const struct policy_reply *r);

/* What a template's marks stand for; NULL: nothing. */
struct reply_marks {
    const char *list;       /* %l */
    const char *reason;     /* %t, %r; without one, the ": " before it goes too */
    const char *id;         /* %i; put behind the text where the template has no %i */
    double score;           /* %s */
};
/* A template (replies.*), its own code and enhanced code ("554 5.7.1 ...") still in front. */
char *reply_fill(struct arena *arena, const char *template, const struct reply_marks *marks);

#endif
