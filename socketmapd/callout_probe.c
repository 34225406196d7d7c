/* callout_probe.c - what a server does with an address of a domain that nobody has.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/callout_probe.h"

#include <stdio.h>

#include "lib/base/rand.h"

#define PROBE_AGAIN_MS HOURS(24)         /* of a server that refuses unknown addresses */
#define PROBE_SOON_MS HOURS(1)           /* of one that takes everything: somebody may mend it */
#define PROBE_RETRY_MS SECONDS(5)        /* after a reply that said neither */

void callout_domain_init(struct callout_domain *d)
{
    *d = (struct callout_domain){ .probed_ms = INT64_MIN / 2 };
}

bool callout_probe_due(const struct callout_domain *d, int64_t now_ms)
{
    static const int64_t after[] = { [CALLOUT_KNOWN_NOTHING] = PROBE_RETRY_MS, [CALLOUT_REFUSES] = PROBE_AGAIN_MS, [CALLOUT_TAKES_ALL] = PROBE_SOON_MS };

    return !d->probing && now_ms - d->probed_ms >= after[d->known];
}

void callout_probe_address(span address, char out[400])
{
    snprintf(out, 400, "gatepost-%016llx%.*s", (unsigned long long)rand_u64(), SPAN_ARG(span_from(address, span_rfind(address, '@'))));
}

void callout_probe_take(struct callout_domain *d, span probe, const struct smtp_reply *r, int64_t now_ms)
{
    d->probed_ms = now_ms;
    d->refusal[0] = '\0';
    if (r->code < 300) {
        d->known = CALLOUT_TAKES_ALL;
    } else if (callout_refuses_unknown(r)) {
        d->known = CALLOUT_REFUSES;
        if (r->enhanced.n == 0)
            callout_words(r, probe, d->refusal);
    } else {
        d->known = CALLOUT_KNOWN_NOTHING;
        snprintf(d->why_nothing, sizeof(d->why_nothing), "a random address got %d %.*s %.*s", r->code, SPAN_ARG(r->enhanced), SPAN_ARG(span_head(r->text, 200)));
    }
}

enum rcpt_answer callout_judge(struct callout_domain *d, span address, const struct smtp_reply *r, int64_t now_ms, bool *fleeting_out)
{
    enum callout_says says = callout_verdict(r, address, d->refusal);

    *fleeting_out = d->known == CALLOUT_TAKES_ALL;
    if (says == CALLOUT_EXISTS)
        return RCPT_VALID;
    if (says == CALLOUT_NOTHING)
        return RCPT_TEMPFAIL;
    if (d->known == CALLOUT_REFUSES)
        return RCPT_INVALID;
    /* It took a random address, and refuses this one: it has changed its mind, and the next question is preceded by another probe. */
    if (now_ms - d->probed_ms > PROBE_RETRY_MS)
        d->known = CALLOUT_KNOWN_NOTHING;
    return RCPT_TEMPFAIL;
}

void callout_domain_describe(const struct callout_domain *d, int64_t now_ms, struct buf *to)
{
    static const char *const words[] = { [CALLOUT_KNOWN_NOTHING] = "not yet probed", [CALLOUT_REFUSES] = "refuses unknown addresses",
                                         [CALLOUT_TAKES_ALL] = "takes any address, so it proves nothing" };

    buf_append_str(to, words[d != NULL ? d->known : CALLOUT_KNOWN_NOTHING]);
    if (d != NULL && d->known != CALLOUT_KNOWN_NOTHING)
        buf_printf(to, " (probed %llds ago)", (long long)((now_ms - d->probed_ms) / 1000));
    else if (d != NULL && d->why_nothing[0] != '\0')
        buf_printf(to, ": %s", d->why_nothing);
}
