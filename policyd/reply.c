/* reply.c - the words of an answer to Postfix.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/reply.h"

#include <stdio.h>

#include "lib/app/log.h"

/* Room for " (id ...)" stays, whatever the text says. */
enum { WORDS_MAX = POLICY_TEXT_MAX - (ID_LEN + 7) };

struct words {
    char text[POLICY_TEXT_MAX + 1];
    size_t n;
};

static void say_to(struct words *w, size_t max, const char *s)
{
    size_t n = s != NULL ? strlen(s) : 0;

    if (w->n >= max)
        return;
    if (n > max - w->n)
        n = max - w->n;
    if (n > 0)
        memcpy(w->text + w->n, s, n);
    w->n += n;
}

static void say(struct words *w, const char *s)
{
    say_to(w, WORDS_MAX, s);
}

static void drop_joint(struct words *w)
{
    while (w->n > 0 && strchr(" :;,-", w->text[w->n - 1]) != NULL)
        w->n--;
}

static void say_id(struct words *w, const char *id)
{
    say_to(w, sizeof(w->text) - 1, " (id ");
    say_to(w, sizeof(w->text) - 1, id);
    say_to(w, sizeof(w->text) - 1, ")");
}

/* True when the mark was the id. */
static bool say_mark(struct words *w, char mark, const struct reply_marks *marks)
{
    char number[32];

    switch (mark) {
    case 'l':
        say(w, marks->list);
        break;
    case 't':
    case 'r':
        if (marks->reason == NULL)
            drop_joint(w);
        say(w, marks->reason);
        break;
    case 's':
        snprintf(number, sizeof(number), "%g", marks->score);
        say(w, number);
        break;
    case '%':
        say(w, "%");
        break;
    default:
        break;
    }
    return mark == 'i';
}

char *reply_fill(struct arena *arena, const char *template, const struct reply_marks *marks)
{
    struct words w;
    bool has_id = false;

    w.n = 0;
    for (const char *p = template; *p != '\0'; p++) {
        char plain[2] = { *p, '\0' };

        if (*p != '%' || p[1] == '\0') {
            say(&w, plain);
        } else if (say_mark(&w, *++p, marks)) {
            say_to(&w, sizeof(w.text) - 1, marks->id);
            has_id = true;
        }
    }
    if (!has_id)
        say_id(&w, marks->id);
    return arena_str(arena, span_of(w.text, w.n));
}

/* Which template words a refusal for this cause. */
static const char *template_of(const struct settings *set, const struct finding *cause)
{
    if (cause == NULL || cause->listing)
        return set->replies.listed;
    if (cause->reply == REPLY_GREYLISTED)
        return set->replies.greylisted;
    return cause->reply == REPLY_SPOOFED ? set->replies.spoofed : set->replies.denied;
}

/* Cuts "554 5.7.1 " off a text; a code of the other class does not get its way: what is put off is never refused for good. */
static void take_codes(struct policy_reply *r, char klass)
{
    uint64_t code;
    size_t blank = span_find(r->text, ' ');
    span first = span_head(r->text, blank);
    bool fits;

    if (first.n != 3 || !span_to_u64(first, &code))
        return;
    fits = first.p[0] == klass;
    if (fits) {
        r->verb = POLICY_SAY_CODE;
        r->code = (int)code;
    }
    r->text = span_from(r->text, blank + 1);
    blank = span_find(r->text, ' ');
    if (r->text.n > 2 && r->text.p[1] == '.' && blank < r->text.n) {
        char *enhanced = (char *)(uintptr_t)r->text.p;      /* in our own copy of the text */

        enhanced[blank] = '\0';
        if (fits)
            r->enhanced = enhanced;
        r->text = span_from(r->text, blank + 1);
    }
}

struct policy_reply reply_of(struct eval *e, const struct decide_side *side, const char *id)
{
    const struct finding *cause = side->cause != DECIDE_NO_CAUSE ? e->hits[side->cause] : NULL;
    bool reject = side->outcome == OUTCOME_REJECT;
    struct policy_reply r = { .verb = POLICY_SAY_DUNNO };
    struct reply_marks marks = { .id = id, .score = side->score };
    const char *template;

    if (!outcome_refuses(side->outcome))
        return r;
    r.verb = reject ? POLICY_SAY_REJECT : POLICY_SAY_CODE;
    r.code = 450;
    r.enhanced = reject ? "5.7.1" : "4.7.1";
    if (cause != NULL) {
        marks.list = cause->name;
        marks.reason = cause->text;
    }
    template = cause != NULL && cause->reply == REPLY_OWN_TEXT ? cause->text : template_of(e->rules->set, cause);
    r.text = span_str(reply_fill(e->arena, template, &marks));
    take_codes(&r, reject ? '5' : '4');
    return r;
}

void reply_append(struct buf *to, const struct policy_reply *r)
{
    static const struct policy_reply dunno = { .verb = POLICY_SAY_DUNNO };

    if (policy_append_reply(to, r))
        return;
    log_error("an answer could not be written (verb %d), DUNNO given instead: please report this", (int)r->verb);
    policy_append_reply(to, &dunno);
}

const char *reply_word(const struct policy_reply *r)
{
    switch (r->verb) {
    case POLICY_SAY_REJECT:
        return "REJECT";
    case POLICY_SAY_CODE:
        return r->code < 500 ? "DEFER" : "REJECT";
    case POLICY_SAY_DEFER:
    case POLICY_SAY_DEFER_IF_PERMIT:
        return "DEFER";
    case POLICY_SAY_PREPEND:
        return "PREPEND";
    default:
        return "DUNNO";
    }
}
