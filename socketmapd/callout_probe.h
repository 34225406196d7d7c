/* callout_probe.h - what a server does with an address of a domain that nobody has: whether its answers prove anything.
 *
 * Before anybody's answer counts, the server is asked for a random address.  One that takes it proves nothing by taking others; its words of
 * refusal tell what "unknown" sounds like there.
 * Units:     milliseconds, monotonic.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CALLOUT_PROBE_H
#define GATEPOST_SOCKETMAPD_CALLOUT_PROBE_H

#include "lib/base/buf.h"
#include "socketmapd/callout_verdict.h"
#include "socketmapd/source.h"

enum callout_known { CALLOUT_KNOWN_NOTHING, CALLOUT_REFUSES, CALLOUT_TAKES_ALL };

struct callout_domain {
    enum callout_known known;
    bool probing;                        /* the random address is being asked for */
    int64_t probed_ms;
    char refusal[CALLOUT_WORDS_MAX];     /* words of it, where it bore no enhanced code */
    char why_nothing[300];               /* the reply that told neither; "" : there was none yet */
};

void callout_domain_init(struct callout_domain *d);
bool callout_probe_due(const struct callout_domain *d, int64_t now_ms);
/* A random address at the domain of `address`. */
void callout_probe_address(span address, char out[400]);
/* The reply to it. */
void callout_probe_take(struct callout_domain *d, span probe, const struct smtp_reply *r, int64_t now_ms);
/* What a reply to somebody's address says, in the light of that.  *fleeting_out: it proves nothing for the next time. */
enum rcpt_answer callout_judge(struct callout_domain *d, span address, const struct smtp_reply *r, int64_t now_ms, bool *fleeting_out);
void callout_domain_describe(const struct callout_domain *d, int64_t now_ms, struct buf *to);       /* d may be NULL */

#endif
