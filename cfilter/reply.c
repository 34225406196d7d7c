/* reply.c - the words that a refused sender sees.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/proto/oneline.h"
#include "lib/proto/smtp_reply.h"

enum { TEXT_MAX = 400 };           /* with code, id and line end well under 512 */

#define AT(field) offsetof(struct set_replies, field)

/* Which template a verdict takes; the first row that fits.  A class is named as in the settings. */
static const struct {
    enum verdict_action action;
    int cause;                     /* -1: any */
    const char *klass;             /* NULL: any */
    size_t at;
} templates[] = {
    { VERDICT_REJECT, CAUSE_VIRUS, NULL, AT(virus) },
    { VERDICT_REJECT, CAUSE_SPAM, NULL, AT(spam) },
    { VERDICT_REJECT, CAUSE_UNSCANNABLE, NULL, AT(unscannable) },
    { VERDICT_REJECT, CAUSE_SHAPE, NULL, AT(shape) },
    { VERDICT_REJECT, CAUSE_HEURISTIC, NULL, AT(heuristic) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, "encrypted_archive", AT(encrypted_archive) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, "encrypted_document", AT(encrypted_document) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, "encrypted_mail", AT(encrypted_mail) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, "unreadable_archive", AT(unreadable_archive) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, "limit", AT(limit) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, "budget", AT(budget) },
    { VERDICT_REJECT, CAUSE_UNCHECKED, NULL, AT(ambiguous) },
    { VERDICT_DEFER, -1, "timeout", AT(timeout) },
    { VERDICT_DEFER, -1, "crashed", AT(crashed) },
    { VERDICT_DEFER, CAUSE_NOT_SCANNED, NULL, AT(engine) },
    { VERDICT_DEFER, -1, NULL, AT(put_off) },
};

static const char *template_of(const struct settings *set, const struct verdict *v)
{
    const char *klass = v->klass != NULL ? v->klass : "";

    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
        if (templates[i].action == v->action && (templates[i].cause < 0 || templates[i].cause == (int)v->cause) &&
            (templates[i].klass == NULL || strcmp(templates[i].klass, klass) == 0)) {
            const char *own = *(const char *const *)(const void *)((const char *)&set->replies + templates[i].at);

            return own != NULL ? own : "";
        }
    return "";
}

/* Takes "554 " and "5.7.1 " off the head of *rest where they stand and are of the verdict's class. */
static void take_codes(span *rest, const struct verdict *v, int *code_out, char enhanced[16])
{
    char klass = v->action == VERDICT_REJECT ? '5' : '4';
    span enh;

    *code_out = klass == '5' ? 554 : 451;
    snprintf(enhanced, 16, "%c.7.1", klass);
    if (rest->n >= 4 && rest->p[0] >= '2' && rest->p[0] <= '5' && rest->p[1] >= '0' && rest->p[1] <= '9' && rest->p[2] >= '0' &&
        rest->p[2] <= '9' && rest->p[3] == ' ') {
        if (rest->p[0] == klass)
            *code_out = (klass - '0') * 100 + (rest->p[1] - '0') * 10 + (rest->p[2] - '0');
        *rest = span_trim(span_from(*rest, 4));
    }
    if (smtp_enhanced_parse(*rest, &enh) && enh.n < 16) {
        if (enh.p[0] == klass)
            snprintf(enhanced, 16, "%.*s", SPAN_ARG(enh));
        *rest = span_trim(span_from(*rest, enh.n));
    }
}

static bool expand(span from, const struct verdict *v, const char *id, struct buf *to)
{
    bool id_said = false;
    char number[32];

    for (size_t i = 0; i < from.n; i++) {
        char what = from.p[i] == '%' && i + 1 < from.n ? from.p[i + 1] : '\0';

        snprintf(number, sizeof(number), "%.1f", v->score);
        if (what == 'v' || what == 'r')
            buf_append_str(to, v->name);
        else if (what == 't')
            buf_append_str(to, v->detail);
        else if (what == 's')
            buf_append_str(to, number);
        else if (what == 'i')
            buf_append_str(to, id);
        else if (what == '%')
            buf_append_char(to, '%');
        else {
            buf_append_char(to, from.p[i]);
            continue;
        }
        id_said = id_said || what == 'i';
        i++;
    }
    return id_said;
}

void reply_to_verdict(const struct settings *set, const struct verdict *v, const char *id, struct buf *to)
{
    span rest = span_trim(span_str(template_of(set, v)));
    char enhanced[16], clean[TEXT_MAX + 32];
    struct buf text;
    size_t n;
    int code;
    bool id_said;

    take_codes(&rest, v, &code, enhanced);
    if (rest.n == 0)               /* nothing but a code, or nothing at all */
        rest = v->action == VERDICT_REJECT ? SPAN("Message refused") : SPAN("Message put off, try again later");
    buf_init(&text, 16 * 1024);
    id_said = expand(rest, v, id, &text);
    n = oneline_ascii(buf_span(&text), clean, TEXT_MAX);
    if (!id_said)
        n += (size_t)snprintf(clean + n, sizeof(clean) - n, " (id %s)", id);
    buf_free(&text);
    smtp_reply_append(to, code, enhanced, span_of(clean, n));
}
