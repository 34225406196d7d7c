/* scan_spamd.h - the reply of a spamd.
 *
 * Pure.
 * Source: SpamAssassin spamd/PROTOCOL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SCAN_SPAMD_H
#define GATEPOST_CFILTER_SCAN_SPAMD_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

struct spamd_reply {
    double score, required;
    span symbols;             /* "GTUBE,MSGID_SHORT" */
};

/* The whole reply to SYMBOLS.  false with err: a status other than 0, no Spam: line, or nothing: no verdict. */
bool spamd_parse_reply(span bytes, struct spamd_reply *out, struct errtext *err);

#endif
