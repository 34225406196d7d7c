/* callout_verdict.c - what an inner server's reply to RCPT says of the recipient.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/callout_verdict.h"

/* 5.1.x but those about the sender: 5.1.7 bad sender's syntax, 5.1.8 bad sender's system, 5.1.9 relayed to non-compliant mailer. */
static bool is_about_address(span enhanced)
{
    static const char *const about[] = { "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10" };

    for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
        if (span_eq(enhanced, span_str(about[i])))
            return true;
    }
    return false;
}

static bool is_refusal_code(int code)
{
    return code == 550 || code == 551 || code == 553;
}

void callout_words(const struct smtp_reply *r, span address, char out[CALLOUT_WORDS_MAX])
{
    span text = r->text;
    size_t n = 0, at = 0, local = span_rfind(address, '@');

    while (at < text.n && n + 1 < CALLOUT_WORDS_MAX) {
        if (address.n > 0 && span_starts_nocase(span_from(text, at), address)) {
            at += address.n;
        } else if (local > 3 && span_starts_nocase(span_from(text, at), span_head(address, local))) {
            at += local;
        } else {
            char c = ascii_lower(text.p[at++]);

            if (c < '0' || c > '9')          /* queue ids, times */
                out[n++] = c;
        }
    }
    out[n] = '\0';
}

bool callout_refuses_unknown(const struct smtp_reply *r)
{
    return is_refusal_code(r->code) && (r->enhanced.n == 0 || is_about_address(r->enhanced));
}

enum callout_says callout_verdict(const struct smtp_reply *r, span address, const char *refusal)
{
    char words[CALLOUT_WORDS_MAX];

    if (r->code >= 200 && r->code < 300)
        return CALLOUT_EXISTS;
    /* A mailbox that is full is a mailbox. */
    if (span_eq(r->enhanced, SPAN("4.2.2")) || span_eq(r->enhanced, SPAN("5.2.2")))
        return CALLOUT_EXISTS;
    if (!is_refusal_code(r->code))
        return CALLOUT_NOTHING;
    if (r->enhanced.n > 0)
        return is_about_address(r->enhanced) ? CALLOUT_UNKNOWN : CALLOUT_NOTHING;
    callout_words(r, address, words);
    return refusal[0] != '\0' && strcmp(words, refusal) == 0 ? CALLOUT_UNKNOWN : CALLOUT_NOTHING;
}
