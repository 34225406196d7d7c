/* reply.h - the words that a refused sender sees.
 *
 * Pure.  The administrator's templates (replies.*) may begin with a reply code and an enhanced code; %v is the virus, %r the
 * reason (what could not be checked, the shape), %t what the scanner said of it, %s the score, %i the decision id, %% a percent sign.  The id is put behind the text unless the template holds %i.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_REPLY_H
#define GATEPOST_CFILTER_REPLY_H

#include "cfilter/verdict.h"
#include "lib/base/buf.h"

/* Appends the reply to the final dot for a verdict that rejects or defers: one line, ASCII, under 512 bytes, with CR LF.
 * A template with a code of another class than the verdict's does not get its way: a put off message is never refused for good. */
void reply_to_verdict(const struct settings *set, const struct verdict *v, const char *id, struct buf *to);

#endif
