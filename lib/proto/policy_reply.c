/* policy_reply.c - writes actions that Postfix cannot misread.
 *
 * A word that access(5) does not know is "server configuration error" to the client, a lone number or nothing at all
 * lets the mail in, and a LF ends the value: so every answer is built from a fixed word and cleaned text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/policy.h"

#include <stdio.h>

#include "lib/proto/header.h"
#include "lib/proto/oneline.h"
#include "lib/proto/smtp_reply.h"

static bool append_all(struct buf *to, const span *parts, size_t n)
{
    size_t total = 0;
    char *at;

    for (size_t i = 0; i < n; i++)
        total += parts[i].n;
    if ((at = buf_reserve(to, total)) == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n > 0)
            memcpy(at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    buf_commit(to, total);
    return true;
}

/* "action=WORD [ENHANCED ]TEXT LF LF" with cleaned text; `fallback` when nothing is left of it. */
static bool append_worded(struct buf *to, span word, const char *enhanced, span text, const char *fallback)
{
    char clean[POLICY_TEXT_MAX];
    span said = span_of(clean, oneline_utf8(text, clean, sizeof(clean)));
    span parts[7] = { SPAN("action="), word, SPAN(" "), span_str(enhanced), SPAN(" "), said.n > 0 ? said : span_str(fallback),
                      SPAN("\n\n") };

    if (enhanced == NULL)
        parts[4].n = 0;
    return append_all(to, parts, 7);
}

/* The enhanced code to send: the caller's if it is one of this class, ours if he has none, NULL if it is wrong. */
static const char *enhanced_for(char klass, const char *enhanced)
{
    span code;

    if (enhanced == NULL)
        return klass == '4' ? "4.7.1" : "5.7.1";
    if (!smtp_enhanced_parse(span_str(enhanced), &code) || code.n != strlen(enhanced) || enhanced[0] != klass)
        return NULL;
    return enhanced;
}

/* What goes to the client: always with an enhanced code, so that a number at the head of the text is never taken for one. */
static bool append_refusal(struct buf *to, span word, char klass, const struct policy_reply *r)
{
    const char *enhanced = enhanced_for(klass, r->enhanced);

    return enhanced != NULL &&
           append_worded(to, word, enhanced, r->text, klass == '4' ? "Try again later" : "Access denied");
}

static bool append_code(struct buf *to, const struct policy_reply *r)
{
    char word[16];

    if (r->code < 400 || r->code > 599)
        return false;
    snprintf(word, sizeof(word), "%d", r->code);
    return append_refusal(to, span_str(word), word[0], r);
}

static bool is_field_body(span body)
{
    if (body.n == 0 || body.n > POLICY_HEADER_MAX || span_trim(body).n == 0 || !oneline_is_utf8(body))
        return false;
    for (size_t i = 0; i < body.n; i++)
        if (((unsigned char)body.p[i] < 0x20 && body.p[i] != '\t') || body.p[i] == 0x7f)
            return false;
    return true;
}

/* The body is kept whole: it may be signed. */
static bool append_prepend(struct buf *to, const struct policy_reply *r)
{
    const span parts[] = { SPAN("action=PREPEND "), r->header, SPAN(": "), r->text, SPAN("\n\n") };

    return header_name_is_valid(r->header) && r->header.n <= POLICY_HEADER_MAX && is_field_body(r->text) && append_all(to, parts, 5);
}

bool policy_append_reply(struct buf *to, const struct policy_reply *r)
{
    switch (r->verb) {
    case POLICY_SAY_DUNNO:
        return buf_append(to, SPAN("action=DUNNO\n\n"));
    case POLICY_SAY_OK:
        return buf_append(to, SPAN("action=OK\n\n"));
    case POLICY_SAY_REJECT:
        return append_refusal(to, SPAN("REJECT"), '5', r);
    case POLICY_SAY_DEFER:
        return append_refusal(to, SPAN("DEFER"), '4', r);
    case POLICY_SAY_DEFER_IF_PERMIT:
        return append_refusal(to, SPAN("DEFER_IF_PERMIT"), '4', r);
    case POLICY_SAY_CODE:
        return append_code(to, r);
    case POLICY_SAY_PREPEND:
        return append_prepend(to, r);
    case POLICY_SAY_WARN:
        return append_worded(to, SPAN("WARN"), NULL, r->text, "no reason given");
    case POLICY_SAY_INFO:
        return append_worded(to, SPAN("INFO"), NULL, r->text, "no reason given");
    }
    return false;
}
