/* test_mixed.c - one answer for recipients of several classes, by rows: what was found, whose mail it is, and what all get.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/mixed.h"
#include "lib/net/loop.h"
#include "tests/unit/cfilter/default_settings.h"

enum { ACCEPT = VERDICT_ACCEPT, TAG = VERDICT_TAG, REJECT = VERDICT_REJECT, DEFER = VERDICT_DEFER };

/* One letter a class. */
static struct settings base, sets[8];
static struct set_rcpt_class classes[] = {
    { .name = "strict", .set = &sets[0] },       /* S: spam tagged from 3, refused from 6 */
    { .name = "lax", .set = &sets[1] },          /* L: spam tagged from 8, never refused */
    { .name = "off", .set = &sets[2] },          /* N: no spam rules */
    { .name = "watching", .set = &sets[3] },     /* W: spam observed */
    { .name = "infected", .set = &sets[4] },     /* I: viruses observed */
    { .name = "locked", .set = &sets[5] },       /* E: encrypted archives refused, documents put off, malformed mail passed */
};
static const char letters[] = "SLNWIE";           /* D: default, tagged from 5, refused from 10 */

static void make_settings(void)
{
    base = (struct settings){ .mode = MODE_ENFORCE,
                              .filter = { .virus = { .mode = MODE_ENFORCE }, .unscannable = { UNSCANNABLE_REJECT, 3, HOURS(4) },
                                          .spam = { .mode = MODE_INHERIT, .tag = 5, .reject = 10, .max_bytes = 102400, .subject_tag = "[D]" } } };
    default_classes(&base);
    for (size_t i = 0; i < 6; i++)
        sets[i] = base;
    sets[0].filter.spam.tag = 3;
    sets[0].filter.spam.reject = 6;
    sets[1].filter.spam.tag = 8;
    sets[1].filter.spam.reject = 0;
    sets[2].filter.spam.mode = MODE_OFF;
    sets[3].filter.spam.mode = MODE_OBSERVE;
    sets[4].filter.virus.mode = MODE_OBSERVE;
    sets[5].filter.unchecked.encrypted_archive.action = CLASS_REJECT;
    sets[5].filter.unchecked.encrypted_document.action = CLASS_DEFER;
    sets[5].filter.mime.shapes.partial.action = CLASS_PASS;
}

struct row {
    const char *name, *classes;
    int kind, klass;                  /* of the one thing that the worker found; 0: nothing */
    double points;                    /* of spam beside it */
    int outcome;
    int64_t tries;
    bool trusted;
    int action, cause, would, would_cause;
    char decided;
    bool subject;
};

#define VIRUS          .kind = FACT_VIRUS
#define CRASH(n)       .outcome = SCAN_CRASHED, .tries = n
#define IS(a, c)       .action = a, .cause = c, .would = a, .would_cause = c
#define AND(a, c, w, d) .action = a, .cause = c, .would = w, .would_cause = d
#define BY(letter)     .decided = letter

static const struct row rows[] = {
    { "nothing", "DS", IS(ACCEPT, CAUSE_NONE), BY('D') },
    { "one class is its own verdict", "S", .points = 7, IS(REJECT, CAUSE_SPAM), BY('S') },
    { "one class, observing", "W", .points = 20, AND(ACCEPT, CAUSE_NONE, REJECT, CAUSE_SPAM), BY('W') },

    { "a virus", "DSL", VIRUS, IS(REJECT, CAUSE_VIRUS), BY('D') },
    { "a virus, for one class only watched", "ID", VIRUS, IS(REJECT, CAUSE_VIRUS), BY('D') },
    { "a virus, watched by all", "I", VIRUS, AND(ACCEPT, CAUSE_NONE, REJECT, CAUSE_VIRUS), BY('I') },
    { "a virus that is spam: the words of the virus", "SDI", VIRUS, .points = 20, IS(REJECT, CAUSE_VIRUS), BY('S') },
    { "a virus that all refuse, one of them as spam", "ID", VIRUS, .points = 20, IS(REJECT, CAUSE_VIRUS), BY('D') },
    { "a virus, trusted", "DI", VIRUS, .trusted = true, IS(REJECT, CAUSE_VIRUS), BY('D') },

    { "spam for all", "DS", .points = 12, IS(REJECT, CAUSE_SPAM), BY('D') },
    { "spam for one, clean for the other", "DS", .points = 4, IS(TAG, CAUSE_SPAM), BY('S'), .subject = true },
    { "refused by one, tagged by the other", "DS", .points = 7, IS(TAG, CAUSE_SPAM), BY('D'), .subject = true },
    { "refused by one, clean for the other", "SL", .points = 7, IS(TAG, CAUSE_SPAM), BY('S'), .subject = true },
    { "refused by one, the other has no spam rules", "NS", .points = 20, IS(TAG, CAUSE_SPAM), BY('S'), .subject = true },
    { "refused by one, never by the other", "SL", .points = 20, IS(TAG, CAUSE_SPAM), BY('S'), .subject = true },
    { "refused by one, watched by the other: not by all; enforcing all would", "DW", .points = 20, AND(TAG, CAUSE_SPAM, REJECT, CAUSE_SPAM), BY('D'), .subject = true },
    { "watched by all", "W", .points = 20, AND(ACCEPT, CAUSE_NONE, REJECT, CAUSE_SPAM), BY('W') },
    { "tagged by one, watched by the other", "SW", .points = 4, IS(TAG, CAUSE_SPAM), BY('S'), .subject = true },
    { "no spam rules anywhere it would matter", "NL", .points = 7, IS(ACCEPT, CAUSE_NONE), BY('N') },
    { "spam of a trusted client", "DS", .points = 1000, .trusted = true, IS(ACCEPT, CAUSE_NONE), BY('D') },

    { "a crash", "DS", CRASH(1), IS(DEFER, CAUSE_NOT_SCANNED), BY('D') },
    { "a crash, viruses watched by one", "ID", CRASH(1), IS(DEFER, CAUSE_NOT_SCANNED), BY('D') },
    { "a crash too many", "ID", CRASH(4), IS(REJECT, CAUSE_UNSCANNABLE), BY('D') },
    { "a crash, viruses watched by all", "I", CRASH(1), AND(ACCEPT, CAUSE_NONE, DEFER, CAUSE_NOT_SCANNED), BY('I') },
    { "no engine", "DSLNWI", .outcome = SCAN_NO_ENGINE, IS(DEFER, CAUSE_NOT_SCANNED), BY('D') },
    { "encrypted", "DS", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_ARCHIVE, IS(TAG, CAUSE_UNCHECKED), BY('D') },
    { "encrypted and spam for one", "DS", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_ARCHIVE, .points = 4, IS(TAG, CAUSE_SPAM), BY('S'), .subject = true },
    { "an encrypted archive that one class refuses", "DE", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_ARCHIVE, IS(REJECT, CAUSE_UNCHECKED), BY('E') },
    { "... and the other as spam: the words of what is no spam", "SE", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_ARCHIVE, .points = 7, IS(REJECT, CAUSE_UNCHECKED), BY('E') },
    { "an encrypted document that one class puts off", "DE", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_DOCUMENT, IS(DEFER, CAUSE_UNCHECKED), BY('E') },
    { "put off by one, spam for the other: spam refuses nobody's", "SE", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_DOCUMENT, .points = 7, IS(DEFER, CAUSE_UNCHECKED), BY('E') },
    { "put off by one who would refuse it as spam, too", "EL", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_DOCUMENT, .points = 20, IS(DEFER, CAUSE_UNCHECKED), BY('E') },
    { "a shape of the short list, passed by one class", "ED", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_SHAPE, IS(REJECT, CAUSE_SHAPE), BY('D') },
    { "a shape, passed by the only class", "E", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_SHAPE, IS(ACCEPT, CAUSE_NONE), BY('E') },
    { "a shape, trusted", "ED", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_SHAPE, .trusted = true, IS(REJECT, CAUSE_SHAPE), BY('D') },
    { "encrypted, trusted", "DS", .kind = FACT_UNCHECKED, .klass = FACT_CLASS_ENCRYPTED_ARCHIVE, .trusted = true, IS(ACCEPT, CAUSE_NONE), BY('D') },
};

static size_t take_classes(const char *names, struct mixed_class *to)
{
    size_t n = 0;

    for (; names[n] != '\0'; n++) {
        const char *at = strchr(letters, names[n]);

        to[n] = (struct mixed_class){ .share = { at != NULL ? &classes[at - letters] : NULL, 1 } };
    }
    return n;
}

static void check(const struct row *r)
{
    struct mixed_class *of = calloc(MIXED_CLASSES_MAX, sizeof(*of));
    struct facts *f = malloc(sizeof(*f));
    struct verdict_input in = { .set = &base, .trusted = r->trusted, .size = 1000, .scanned = true, .outcome = (enum scan_outcome)r->outcome,
                                .why = "", .facts = r->outcome == SCAN_DONE ? f : NULL, .tries = r->tries };
    size_t n = take_classes(r->classes, of), by;
    struct verdict v;

    facts_init(f);
    f->complete = true;
    if (r->kind != 0)
        facts_add(f, "test", (enum fact_kind)r->kind, (enum fact_class)r->klass, 0, r->klass == FACT_CLASS_SHAPE ? "partial" : "Found", "");
    if (r->points > 0)
        facts_add(f, "test", FACT_SPAM, FACT_CLASS_NONE, r->points, "RULE", "");
    by = mixed_verdict(&in, of, n, &v);
    if ((int)v.action != r->action || (int)v.cause != r->cause || (int)v.would != r->would || (int)v.would_cause != r->would_cause ||
        r->classes[by] != r->decided || v.mark_subject != r->subject)
        fail_msg("%s: %s/%s would %s/%s by %c%s", r->name, verdict_action_name(v.action), verdict_cause_name(v.cause), verdict_action_name(v.would),
                 verdict_cause_name(v.would_cause), r->classes[by], v.mark_subject ? ", marked" : "");
    if (v.would_cause != CAUSE_NONE && v.name[0] == '\0')
        fail_msg("%s: no name", r->name);
    free(of);
    free(f);
}

static void one_answer(void **state)
{
    (void)state;
    make_settings();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("  %s\n", rows[i].name);
        check(&rows[i]);
    }
}

static int strictness(enum verdict_action a)
{
    return a == VERDICT_ACCEPT ? 0 : a == VERDICT_TAG ? 1 : a == VERDICT_DEFER ? 2 : 3;
}

/* Of any two classes and any find: the order makes no difference to what is done, and it is never less than what the milder one has, nor,
 * but for spam, less than what the stricter one has. */
static void any_two(void **state)
{
    static const char all[] = "DSLNWIE";
    static const struct { int kind, klass, outcome; int64_t tries; } finds[] = {
        { 0, 0, SCAN_DONE, 0 }, { FACT_VIRUS, 0, SCAN_DONE, 0 }, { FACT_UNCHECKED, FACT_CLASS_LIMIT, SCAN_DONE, 0 },
        { FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT, SCAN_DONE, 0 }, { FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, SCAN_DONE, 0 },
        { 0, 0, SCAN_CRASHED, 1 }, { 0, 0, SCAN_CRASHED, 9 }, { 0, 0, SCAN_NO_ENGINE, 0 },
    };
    struct mixed_class *one = calloc(2, sizeof(*one)), *two = calloc(2, sizeof(*two));
    struct facts *f = malloc(sizeof(*f));

    (void)state;
    make_settings();
    for (size_t x = 0; x < 7; x++)
        for (size_t y = 0; y < 7; y++)
            for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++)
                for (int points = 0; points < 12; points++) {
                    struct verdict_input in = { .set = &base, .size = 1000, .scanned = true, .outcome = (enum scan_outcome)finds[i].outcome,
                                                .why = "", .facts = finds[i].outcome == SCAN_DONE ? f : NULL, .tries = finds[i].tries };
                    struct verdict a, b;
                    int mild, strict;

                    facts_init(f);
                    f->complete = true;
                    if (finds[i].kind != 0)
                        facts_add(f, "test", (enum fact_kind)finds[i].kind, (enum fact_class)finds[i].klass, 0, "Found", "");
                    facts_add(f, "test", FACT_SPAM, FACT_CLASS_NONE, points, "RULE", "");
                    take_classes((char[]){ all[x], all[y], '\0' }, one);
                    take_classes((char[]){ all[y], all[x], '\0' }, two);
                    (void)mixed_verdict(&in, one, 2, &a);
                    (void)mixed_verdict(&in, two, 2, &b);
                    assert_int_equal(a.action, b.action);
                    assert_int_equal(a.would, b.would);
                    mild = strictness(one[0].verdict.action);
                    strict = strictness(one[1].verdict.action);
                    if (mild > strict) {
                        int t = mild;

                        mild = strict;
                        strict = t;
                    }
                    assert_true(strictness(a.action) >= mild);
                    if (one[0].verdict.cause != CAUSE_SPAM && one[1].verdict.cause != CAUSE_SPAM)
                        assert_int_equal(strictness(a.action), strict);
                    if (a.action == VERDICT_REJECT && a.cause == CAUSE_SPAM)
                        assert_int_equal(mild, 3);
                }
    free(one);
    free(two);
    free(f);
}

static void shares(void **state)
{
    struct class_share of[MIXED_CLASSES_MAX];
    size_t n = 0;

    (void)state;
    class_share_add(of, &n, NULL);
    class_share_add(of, &n, &classes[1]);
    class_share_add(of, &n, NULL);
    assert_int_equal(n, 2);
    assert_null(of[0].klass);
    assert_int_equal(of[0].recipients, 2);
    assert_ptr_equal(of[1].klass, &classes[1]);
    assert_int_equal(of[1].recipients, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_answer), cmocka_unit_test(any_two), cmocka_unit_test(shares) };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    default_end();
    return failed;
}
