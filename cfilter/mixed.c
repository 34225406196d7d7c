/* mixed.c - one answer for a message to recipients of several classes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mixed.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

void class_share_add(struct class_share *shares, size_t *n, const struct set_rcpt_class *c)
{
    size_t i = 0;

    while (i < *n && shares[i].klass != c)
        i++;
    if (i == *n)
        shares[(*n)++] = (struct class_share){ c, 0 };
    shares[i].recipients++;
}

/* How much an action says; among refusals, how much their reason. */
static int weight(enum verdict_action a, enum verdict_cause c, bool mark_subject)
{
    switch (a) {
    case VERDICT_ACCEPT:
        return 0;
    case VERDICT_TAG:
        return mark_subject ? 2 : 1;
    case VERDICT_DEFER:
        return 3;
    case VERDICT_REJECT:
        return c == CAUSE_SPAM ? 4 : c == CAUSE_VIRUS ? 6 : 5;
    }
    return 0;
}

static int weight_of(const struct verdict *v, bool would)
{
    return would ? weight(v->would, v->would_cause, v->would_cause == CAUSE_SPAM) : weight(v->action, v->cause, v->mark_subject);
}

/* The first of those that weigh most. */
static size_t heaviest(const struct mixed_class *classes, size_t n, bool would)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (weight_of(&classes[i].verdict, would) > weight_of(&classes[best].verdict, would))
            best = i;
    return best;
}

static bool all_refuse(const struct mixed_class *classes, size_t n, bool would)
{
    for (size_t i = 0; i < n; i++)
        if ((would ? classes[i].verdict.would : classes[i].verdict.action) != VERDICT_REJECT)
            return false;
    return true;
}

static void make_all(const struct verdict_input *in, struct mixed_class *classes, size_t n, bool spam_tags)
{
    for (size_t i = 0; i < n; i++) {
        struct verdict_input one = *in;

        one.set = settings_of_rcpt_class(in->set, classes[i].share.klass);
        one.scanned = in->scanned && (verdict_wants_virus(one.set) || verdict_wants_spam(one.set, in->trusted, in->size));
        one.spam_tags = spam_tags;
        verdict_make(&one, &classes[i].verdict);
    }
}

/* What enforcing would do, beside what is done. */
static void add_would(struct verdict *out, const struct verdict *from)
{
    out->would = from->would;
    out->would_cause = from->would_cause;
    if (out->cause != CAUSE_NONE)
        return;
    out->klass = from->klass;
    memcpy(out->name, from->name, sizeof(out->name));
    memcpy(out->detail, from->detail, sizeof(out->detail));
}

/* Spam that not everybody refuses is only marked: what else a class has to say then counts. */
static size_t combine(const struct verdict_input *in, const struct mixed_class *classes, size_t n, struct verdict *out)
{
    struct mixed_class *tagging = xmalloc(n * sizeof(*tagging));
    const struct mixed_class *act = tagging, *would = tagging;
    size_t decided;

    memcpy(tagging, classes, n * sizeof(*tagging));
    make_all(in, tagging, n, true);
    if (all_refuse(classes, n, false))
        act = classes;
    if (all_refuse(classes, n, true))
        would = classes;
    decided = heaviest(act, n, false);
    *out = act[decided].verdict;
    add_would(out, &would[heaviest(would, n, true)].verdict);
    free(tagging);
    return decided;
}

size_t mixed_verdict(const struct verdict_input *in, struct mixed_class *classes, size_t n, struct verdict *out)
{
    assert(n > 0 && n <= MIXED_CLASSES_MAX);
    make_all(in, classes, n, false);
    if (n > 1)
        return combine(in, classes, n, out);
    *out = classes[0].verdict;
    return 0;
}

bool mixed_wants_virus(const struct settings *set, const struct class_share *shares, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (verdict_wants_virus(settings_of_rcpt_class(set, shares[i].klass)))
            return true;
    return n == 0 && verdict_wants_virus(set);
}

bool mixed_wants_spam(const struct settings *set, const struct class_share *shares, size_t n, bool trusted, uint64_t size)
{
    for (size_t i = 0; i < n; i++)
        if (verdict_wants_spam(settings_of_rcpt_class(set, shares[i].klass), trusted, size))
            return true;
    return n == 0 && verdict_wants_spam(set, trusted, size);
}
