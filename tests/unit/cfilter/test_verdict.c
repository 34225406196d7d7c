/* test_verdict.c - the verdict by rows: what was found, under which settings, and what is done.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/verdict.h"
#include "cfilter/verdict_tell.h"
#include "tests/unit/cfilter/default_settings.h"

enum { INHERIT = MODE_INHERIT, ENFORCE = MODE_ENFORCE, OBSERVE = MODE_OBSERVE, OFF = MODE_OFF };
enum { ACCEPT = VERDICT_ACCEPT, TAG = VERDICT_TAG, REJECT = VERDICT_REJECT, DEFER = VERDICT_DEFER };

struct found {
    int kind, klass;
    double points;
    const char *name;
};

struct row {
    const char *name;
    struct found found[4];            /* by the worker */
    struct found looked_up[2];
    int outcome;                      /* enum scan_outcome */
    bool incomplete, trusted;
    uint64_t size;
    int mode, filter, virus, spam;    /* 0: the defaults */
    int64_t tries, since_ms;
    int unscannable;
    const char *klass;                /* set otherwise than the defaults: a class or a shape */
    int to;                           /* enum class_action */
    double worth;
    int action, cause, would, would_cause;
    bool subject;
};

#define VIRUS      { FACT_VIRUS, 0, 0, "Eicar-Test-Signature" }
#define SPAM(n)    { FACT_SPAM, 0, n, "RULE" }
#define MACRO      { FACT_HEURISTIC, FACT_CLASS_MACRO, 0, "Macro" }
#define PHISHING   { FACT_HEURISTIC, FACT_CLASS_PHISHING, 0, "Phishing" }
#define ENCRYPTED  { FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, 0, "encrypted_archive" }
#define LIMIT      { FACT_UNCHECKED, FACT_CLASS_LIMIT, 0, "limit" }
#define TIMEOUT    { FACT_UNCHECKED, FACT_CLASS_TIMEOUT, 0, "timeout" }
#define DOCUMENT   { FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT, 0, "encrypted_document" }
#define BUDGET     { FACT_UNCHECKED, FACT_CLASS_BUDGET, 0, "budget" }
#define AMBIGUOUS  { FACT_UNCHECKED, FACT_CLASS_AMBIGUOUS, 0, "ambiguous" }
#define PUA        { FACT_HEURISTIC, FACT_CLASS_PUA, 0, "PUA.Win.Packer" }
#define SHAPE(n)   { FACT_UNCHECKED, FACT_CLASS_SHAPE, 0, n }
#define NOTE       { FACT_NOTE, 0, 0, "parts=3" }
#define IS(a, c)       .action = a, .cause = c, .would = a, .would_cause = c
#define ONLY(w, c)     .action = ACCEPT, .cause = CAUSE_NONE, .would = w, .would_cause = c

static const struct row rows[] = {
    { "nothing found", IS(ACCEPT, CAUSE_NONE) },
    { "a note is nothing", .found = { NOTE }, IS(ACCEPT, CAUSE_NONE) },
    { "a virus", .found = { VIRUS }, IS(REJECT, CAUSE_VIRUS) },
    { "a virus among much else", .found = { SPAM(20), ENCRYPTED, VIRUS, NOTE }, IS(REJECT, CAUSE_VIRUS) },
    { "a virus of a trusted client", .found = { VIRUS }, .trusted = true, IS(REJECT, CAUSE_VIRUS) },
    { "a virus in a large message", .found = { VIRUS }, .size = 10000000, IS(REJECT, CAUSE_VIRUS) },
    { "a virus in a message that was not read to its end", .found = { VIRUS }, .incomplete = true, IS(REJECT, CAUSE_VIRUS) },
    { "a virus, all observing but viruses", .found = { VIRUS }, .mode = OBSERVE, IS(REJECT, CAUSE_VIRUS) },
    { "a virus, the filter observing", .found = { VIRUS }, .filter = OBSERVE, IS(REJECT, CAUSE_VIRUS) },
    { "a virus, viruses observing", .found = { VIRUS }, .virus = OBSERVE, ONLY(REJECT, CAUSE_VIRUS) },
    { "a virus that is spam, viruses observing", .found = { VIRUS, SPAM(20) }, .virus = OBSERVE,
      .action = REJECT, .cause = CAUSE_SPAM, .would = REJECT, .would_cause = CAUSE_VIRUS },
    { "viruses off", .found = { VIRUS }, .virus = OFF, IS(ACCEPT, CAUSE_NONE) },
    { "the filter off", .found = { VIRUS, SPAM(20) }, .filter = OFF, IS(ACCEPT, CAUSE_NONE) },

    { "below tag", .found = { SPAM(4.9) }, IS(ACCEPT, CAUSE_NONE) },
    { "at tag", .found = { SPAM(5) }, IS(TAG, CAUSE_SPAM), .subject = true },
    { "below reject", .found = { SPAM(9.5) }, IS(TAG, CAUSE_SPAM), .subject = true },
    { "at reject", .found = { SPAM(10) }, IS(REJECT, CAUSE_SPAM) },
    { "points add up, of workers and lookups", .found = { SPAM(3), SPAM(3) }, .looked_up = { SPAM(4) }, IS(REJECT, CAUSE_SPAM) },
    { "ham points take off", .found = { SPAM(12) }, .looked_up = { SPAM(-8) }, IS(ACCEPT, CAUSE_NONE) },
    { "points that are no number count nothing", .found = { SPAM(NAN), SPAM(INFINITY) }, IS(ACCEPT, CAUSE_NONE) },
    { "spam of a trusted client", .found = { SPAM(1000) }, .trusted = true, IS(ACCEPT, CAUSE_NONE) },
    { "too large to be scored", .found = { SPAM(1000) }, .size = 102401, IS(ACCEPT, CAUSE_NONE) },
    { "just small enough", .found = { SPAM(1000) }, .size = 102400, IS(REJECT, CAUSE_SPAM) },
    { "spam, observing", .found = { SPAM(1000) }, .mode = OBSERVE, ONLY(REJECT, CAUSE_SPAM) },
    { "spam, the filter observing", .found = { SPAM(6) }, .filter = OBSERVE, ONLY(TAG, CAUSE_SPAM) },
    { "spam, spam observing", .found = { SPAM(1000) }, .spam = OBSERVE, ONLY(REJECT, CAUSE_SPAM) },
    { "spam enforced under an observing filter stays observed", .found = { SPAM(1000) }, .filter = OBSERVE, .spam = ENFORCE, ONLY(REJECT, CAUSE_SPAM) },
    { "spam off", .found = { SPAM(1000) }, .spam = OFF, IS(ACCEPT, CAUSE_NONE) },

    { "macros score", .found = { MACRO, SPAM(3) }, IS(TAG, CAUSE_SPAM), .subject = true },
    { "phishing alone does not mark", .found = { PHISHING }, IS(ACCEPT, CAUSE_NONE) },
    { "phishing in a large message does not", .found = { PHISHING, SPAM(9) }, .size = 200000, IS(ACCEPT, CAUSE_NONE) },
    { "encrypted: a report, no mark", .found = { ENCRYPTED }, IS(TAG, CAUSE_UNCHECKED) },
    { "over a limit", .found = { LIMIT }, IS(TAG, CAUSE_UNCHECKED) },
    { "encrypted and spam", .found = { ENCRYPTED, SPAM(6) }, IS(TAG, CAUSE_SPAM), .subject = true },
    { "encrypted of a trusted client", .found = { ENCRYPTED }, .trusted = true, IS(ACCEPT, CAUSE_NONE) },
    { "encrypted, observing", .found = { ENCRYPTED }, .mode = OBSERVE, ONLY(TAG, CAUSE_UNCHECKED) },
    { "encrypted, large", .found = { ENCRYPTED }, .size = 200000, IS(TAG, CAUSE_UNCHECKED) },

    { "encrypted documents are a class of their own", .found = { DOCUMENT }, .klass = "encrypted_archive", .to = CLASS_REJECT, IS(TAG, CAUSE_UNCHECKED) },
    { "encrypted: reject", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_REJECT, IS(REJECT, CAUSE_UNCHECKED) },
    { "encrypted: reject, of a trusted client", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_REJECT, .trusted = true, IS(REJECT, CAUSE_UNCHECKED) },
    { "encrypted: reject, observing", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_REJECT, .mode = OBSERVE, ONLY(REJECT, CAUSE_UNCHECKED) },
    { "encrypted: reject, viruses observing", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_REJECT, .virus = OBSERVE, ONLY(REJECT, CAUSE_UNCHECKED) },
    { "encrypted: reject, large", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_REJECT, .size = 10000000, IS(REJECT, CAUSE_UNCHECKED) },
    { "encrypted: defer", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_DEFER, IS(DEFER, CAUSE_UNCHECKED) },
    { "encrypted: defer, of spam", .found = { ENCRYPTED, SPAM(20) }, .klass = "encrypted_archive", .to = CLASS_DEFER, IS(REJECT, CAUSE_SPAM) },
    { "encrypted: defer, of what would be marked", .found = { ENCRYPTED, SPAM(6) }, .klass = "encrypted_archive", .to = CLASS_DEFER, IS(DEFER, CAUSE_UNCHECKED) },
    { "encrypted: pass", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_PASS, IS(ACCEPT, CAUSE_NONE) },
    { "encrypted: score", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_SCORE, .worth = 6, IS(TAG, CAUSE_SPAM), .subject = true },
    { "encrypted: score, of a trusted client", .found = { ENCRYPTED }, .klass = "encrypted_archive", .to = CLASS_SCORE, .worth = 60, .trusted = true, IS(ACCEPT, CAUSE_NONE) },
    { "encrypted: rejected before spam is", .found = { ENCRYPTED, SPAM(20) }, .klass = "encrypted_archive", .to = CLASS_REJECT, IS(REJECT, CAUSE_UNCHECKED) },
    { "encrypted: reject, and a virus", .found = { ENCRYPTED, VIRUS }, .klass = "encrypted_archive", .to = CLASS_REJECT, IS(REJECT, CAUSE_VIRUS) },
    { "the strongest of several counts", .found = { LIMIT, MACRO, DOCUMENT }, .klass = "encrypted_document", .to = CLASS_REJECT, IS(REJECT, CAUSE_UNCHECKED) },
    { "over a limit: reject", .found = { LIMIT }, .klass = "limit", .to = CLASS_REJECT, IS(REJECT, CAUSE_UNCHECKED) },
    { "budget spent", .found = { BUDGET }, IS(TAG, CAUSE_UNCHECKED) },
    { "budget: reject", .found = { BUDGET }, .klass = "budget", .to = CLASS_REJECT, IS(REJECT, CAUSE_UNCHECKED) },
    { "parsers disagree: points alone", .found = { AMBIGUOUS, SPAM(3) }, IS(TAG, CAUSE_SPAM), .subject = true },
    { "parsers disagree, nothing else", .found = { AMBIGUOUS }, IS(ACCEPT, CAUSE_NONE) },
    { "parsers disagree in several ways: points but once", .found = { AMBIGUOUS, AMBIGUOUS, AMBIGUOUS, AMBIGUOUS }, IS(ACCEPT, CAUSE_NONE) },
    { "two classes add up", .found = { AMBIGUOUS, AMBIGUOUS, PHISHING }, IS(TAG, CAUSE_SPAM), .subject = true },
    { "parsers disagree: reject", .found = { AMBIGUOUS }, .klass = "ambiguous", .to = CLASS_REJECT, IS(REJECT, CAUSE_UNCHECKED) },
    { "macros: reject", .found = { MACRO }, .klass = "macro", .to = CLASS_REJECT, IS(REJECT, CAUSE_HEURISTIC) },
    { "macros: tag", .found = { MACRO }, .klass = "macro", .to = CLASS_TAG, IS(TAG, CAUSE_HEURISTIC) },
    { "macros: pass", .found = { MACRO, SPAM(4) }, .klass = "macro", .to = CLASS_PASS, IS(ACCEPT, CAUSE_NONE) },
    { "macros worth more", .found = { MACRO }, .klass = "macro", .to = CLASS_SCORE, .worth = 10, IS(REJECT, CAUSE_SPAM) },
    { "PUA: reject", .found = { PUA }, .klass = "pua", .to = CLASS_REJECT, IS(REJECT, CAUSE_HEURISTIC) },
    { "phishing and PUA, macros refused", .found = { PHISHING, PUA }, .klass = "macro", .to = CLASS_REJECT, IS(TAG, CAUSE_SPAM), .subject = true },

    { "a piece of a message", .found = { SHAPE("partial") }, IS(REJECT, CAUSE_SHAPE) },
    { "two transfer encodings", .found = { SHAPE("transfer-encoding-twice") }, IS(REJECT, CAUSE_SHAPE) },
    { "two boundaries", .found = { SHAPE("boundary-twice") }, IS(REJECT, CAUSE_SHAPE) },
    { "NUL in a field", .found = { SHAPE("nul-in-field") }, IS(REJECT, CAUSE_SHAPE) },
    { "CR in a field", .found = { SHAPE("cr-in-field") }, IS(REJECT, CAUSE_SHAPE) },
    { "lone CR", .found = { SHAPE("lone-cr") }, IS(REJECT, CAUSE_SHAPE) },
    { "a shape that nobody knows counts as ambiguous", .found = { SHAPE("new") }, IS(ACCEPT, CAUSE_NONE) },
    { "a shape of a trusted client", .found = { SHAPE("partial") }, .trusted = true, IS(REJECT, CAUSE_SHAPE) },
    { "a shape, observing", .found = { SHAPE("partial") }, .mode = OBSERVE, ONLY(REJECT, CAUSE_SHAPE) },
    { "a shape, the filter observing", .found = { SHAPE("partial") }, .filter = OBSERVE, ONLY(REJECT, CAUSE_SHAPE) },
    { "a shape and a virus", .found = { SHAPE("partial"), VIRUS }, IS(REJECT, CAUSE_VIRUS) },
    { "a shape, viruses off", .found = { SHAPE("partial") }, .virus = OFF, IS(ACCEPT, CAUSE_NONE) },
    { "a shape in a message that was not read to its end", .found = { SHAPE("partial") }, .incomplete = true, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "one shape allowed, not the other", .found = { SHAPE("lone-cr"), SHAPE("partial") }, .klass = "partial", .to = CLASS_PASS, IS(REJECT, CAUSE_SHAPE) },
    { "a shape: pass", .found = { SHAPE("partial") }, .klass = "partial", .to = CLASS_PASS, IS(ACCEPT, CAUSE_NONE) },
    { "a shape: tag", .found = { SHAPE("partial") }, .klass = "partial", .to = CLASS_TAG, IS(TAG, CAUSE_SHAPE) },
    { "a shape: score", .found = { SHAPE("partial"), SPAM(3) }, .klass = "partial", .to = CLASS_SCORE, IS(TAG, CAUSE_SPAM), .subject = true },

    { "no engine", .outcome = SCAN_NO_ENGINE, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "no engine, for ever: never the message's fault", .outcome = SCAN_NO_ENGINE, .tries = 100, .since_ms = DAYS(9), IS(DEFER, CAUSE_NOT_SCANNED) },
    { "busy, for ever", .outcome = SCAN_BUSY, .tries = 100, .since_ms = DAYS(9), IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, nobody counts", .outcome = SCAN_CRASHED, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, first try", .outcome = SCAN_CRASHED, .tries = 1, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, second try", .outcome = SCAN_CRASHED, .tries = 2, .since_ms = MINUTES(5), IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, third try", .outcome = SCAN_CRASHED, .tries = 3, .since_ms = MINUTES(9), IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, after three tries", .outcome = SCAN_CRASHED, .tries = 4, .since_ms = MINUTES(9), IS(REJECT, CAUSE_UNSCANNABLE) },
    { "crash, second try after 4 hours", .outcome = SCAN_CRASHED, .tries = 2, .since_ms = HOURS(4), IS(REJECT, CAUSE_UNSCANNABLE) },
    { "timeout, after three tries", .outcome = SCAN_TIMED_OUT, .tries = 4, IS(REJECT, CAUSE_UNSCANNABLE) },
    { "garbage, after three tries", .outcome = SCAN_GARBAGE, .tries = 4, IS(REJECT, CAUSE_UNSCANNABLE) },
    { "not read to its end: never clean", .incomplete = true, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "not read to its end, after three tries", .incomplete = true, .tries = 4, IS(REJECT, CAUSE_UNSCANNABLE) },
    { "a scanner's own timeout", .found = { TIMEOUT }, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crashed: tag", .outcome = SCAN_CRASHED, .tries = 9, .klass = "crashed", .to = CLASS_TAG, IS(TAG, CAUSE_NOT_SCANNED) },
    { "crashed: tag, of a trusted client", .outcome = SCAN_CRASHED, .trusted = true, .klass = "crashed", .to = CLASS_TAG, IS(ACCEPT, CAUSE_NOT_SCANNED) },
    { "garbage counts as crashed", .outcome = SCAN_GARBAGE, .klass = "crashed", .to = CLASS_TAG, IS(TAG, CAUSE_NOT_SCANNED) },
    { "not read to its end counts as crashed", .incomplete = true, .klass = "crashed", .to = CLASS_PASS, IS(ACCEPT, CAUSE_NOT_SCANNED) },
    { "crashed: pass leaves the spam rules", .outcome = SCAN_CRASHED, .klass = "crashed", .to = CLASS_PASS, .looked_up = { SPAM(20) }, IS(REJECT, CAUSE_SPAM) },
    { "crashed: score", .outcome = SCAN_CRASHED, .klass = "crashed", .to = CLASS_SCORE, .worth = 7, IS(TAG, CAUSE_SPAM), .subject = true },
    { "crashed: tag does not change a timeout", .outcome = SCAN_TIMED_OUT, .klass = "crashed", .to = CLASS_TAG, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "timeout: tag", .outcome = SCAN_TIMED_OUT, .klass = "timeout", .to = CLASS_TAG, IS(TAG, CAUSE_NOT_SCANNED) },
    { "timeout: tag, libclamav's own", .found = { TIMEOUT }, .klass = "timeout", .to = CLASS_TAG, IS(TAG, CAUSE_NOT_SCANNED) },
    { "timeout: score, libclamav's own", .found = { TIMEOUT }, .klass = "timeout", .to = CLASS_SCORE, .worth = 7, IS(TAG, CAUSE_SPAM), .subject = true },
    { "timeout: pass, libclamav's own, beside something encrypted", .found = { TIMEOUT, ENCRYPTED }, .klass = "timeout", .to = CLASS_PASS, IS(TAG, CAUSE_UNCHECKED) },
    { "no engine: tag", .outcome = SCAN_NO_ENGINE, .klass = "engine", .to = CLASS_TAG, IS(TAG, CAUSE_NOT_SCANNED) },
    { "no engine: pass", .outcome = SCAN_NO_ENGINE, .klass = "engine", .to = CLASS_PASS, IS(ACCEPT, CAUSE_NOT_SCANNED) },
    { "no free worker is put off whatever is set", .outcome = SCAN_BUSY, .klass = "engine", .to = CLASS_PASS, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "unscannable: defer", .outcome = SCAN_CRASHED, .tries = 9, .unscannable = UNSCANNABLE_DEFER, IS(DEFER, CAUSE_UNSCANNABLE) },
    { "unscannable: tag", .outcome = SCAN_CRASHED, .tries = 9, .unscannable = UNSCANNABLE_TAG, IS(TAG, CAUSE_UNSCANNABLE) },
    { "unscannable: pass", .outcome = SCAN_CRASHED, .tries = 9, .unscannable = UNSCANNABLE_PASS, IS(ACCEPT, CAUSE_UNSCANNABLE) },
    { "unscannable: pass, but spam", .outcome = SCAN_CRASHED, .tries = 9, .unscannable = UNSCANNABLE_PASS, .looked_up = { SPAM(20) }, IS(REJECT, CAUSE_SPAM) },
    { "crash of a trusted client's", .outcome = SCAN_CRASHED, .trusted = true, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash in observe mode: viruses are still looked for", .outcome = SCAN_CRASHED, .mode = OBSERVE, IS(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, viruses observing", .outcome = SCAN_CRASHED, .virus = OBSERVE, ONLY(DEFER, CAUSE_NOT_SCANNED) },
    { "crash, viruses off: only points are missing", .outcome = SCAN_CRASHED, .virus = OFF, IS(ACCEPT, CAUSE_NONE) },
    { "crash, spam by lookup: first the scan", .outcome = SCAN_CRASHED, .looked_up = { SPAM(20) }, IS(DEFER, CAUSE_NOT_SCANNED) },
};

static struct settings settings_of(const struct row *r)
{
    struct settings set = {
        .mode = r->mode != 0 ? r->mode : MODE_ENFORCE,
        .filter = { .mode = r->filter, .virus = { .mode = r->virus != 0 ? r->virus : MODE_ENFORCE },
                    .unscannable = { r->unscannable, 3, HOURS(4) },
                    .spam = { .mode = r->spam, .tag = 5, .reject = 10, .max_bytes = 100 * 1024 } },
    };

    default_classes(&set);
    if (r->klass != NULL) {
        const struct set_class *c = settings_class(&set, r->klass) != NULL ? settings_class(&set, r->klass) : settings_shape(&set, r->klass);

        assert_non_null(c);
        ((struct set_class *)(uintptr_t)c)->action = r->to;
        if (r->worth > 0)
            ((struct set_class *)(uintptr_t)c)->points = r->worth;
    }
    return set;
}

static void put(struct facts *f, const struct found *found, size_t n)
{
    facts_init(f);
    for (size_t i = 0; i < n; i++) {
        if (found[i].name == NULL)
            continue;
        facts_add(f, "test", (enum fact_kind)found[i].kind, (enum fact_class)found[i].klass, 0, found[i].name, "");
        f->v[f->n - 1].points = (float)found[i].points;
    }
}

static void make(const struct row *r, const struct settings *set, struct verdict *v)
{
    static struct facts facts, lookups;
    struct verdict_input in = { .set = set, .trusted = r->trusted, .size = r->size, .scanned = r->filter != OFF,
                                .outcome = (enum scan_outcome)r->outcome, .why = "", .tries = r->tries, .since_first_ms = r->since_ms };

    put(&facts, r->found, 4);
    put(&lookups, r->looked_up, 2);
    facts.complete = !r->incomplete;
    in.facts = r->outcome == SCAN_DONE ? &facts : NULL;
    in.lookups = &lookups;
    verdict_make(&in, v);
}

static void by_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct settings set = settings_of(r);
        struct verdict v;

        make(r, &set, &v);
        if ((int)v.action != r->action || (int)v.cause != r->cause || (int)v.would != r->would || (int)v.would_cause != r->would_cause ||
            v.mark_subject != r->subject)
            fail_msg("%s: %s because %s (would %s because %s)%s", r->name, verdict_action_name(v.action), verdict_cause_name(v.cause),
                     verdict_action_name(v.would), verdict_cause_name(v.would_cause), v.mark_subject ? ", subject" : "");
    }
}

/* Whatever is found and set: ignorance never refuses for good, and a virus that was found is never let in by an enforcing scan. */
static void promises(void **state)
{
    static const struct found finds[] = { { 0 }, VIRUS, SPAM(7), SPAM(50), SHAPE("partial"), ENCRYPTED, MACRO, TIMEOUT };
    static const int modes[] = { ENFORCE, OBSERVE, OFF };
    unsigned n = 0;

    (void)state;
    for (unsigned k = 0; k < 8 * 6 * 3 * 3 * 3 * 2 * 2; k++) {
        struct row r = { .found = { finds[k % 8] }, .outcome = (int)(k / 8 % 6), .mode = modes[k / 48 % 3 % 2], .virus = modes[k / 144 % 3],
                         .spam = modes[k / 432 % 3], .trusted = k / 1296 % 2, .incomplete = k / 2592 % 2, .tries = 1 };
        struct settings set = settings_of(&r);
        bool virus = r.outcome == SCAN_DONE && k % 8 == 1;
        struct verdict v;

        make(&r, &set, &v);
        n++;
        if (v.action == VERDICT_REJECT)
            assert_true(v.cause == CAUSE_VIRUS || v.cause == CAUSE_SHAPE || (v.cause == CAUSE_SPAM && !r.trusted));
        if (virus && r.virus == ENFORCE)
            assert_int_equal(v.action, VERDICT_REJECT);
        if (r.virus == ENFORCE && (r.outcome != SCAN_DONE || r.incomplete))
            assert_true(v.action == VERDICT_DEFER || virus);
        if (r.mode == OBSERVE && v.action != VERDICT_ACCEPT)
            assert_true(v.cause == CAUSE_VIRUS || v.cause == CAUSE_NOT_SCANNED);
    }
    assert_int_equal(n, 5184);
}

static void wishes(void **state)
{
    struct row r = { .name = "" };
    struct settings set = settings_of(&r);

    (void)state;
    assert_true(verdict_wants_virus(&set));
    assert_true(verdict_wants_spam(&set, false, 102400));
    assert_false(verdict_wants_spam(&set, false, 102401));
    assert_false(verdict_wants_spam(&set, true, 1));
    assert_true(verdict_may_edit(&set));
    set.mode = MODE_OBSERVE;
    assert_true(verdict_wants_virus(&set));
    assert_true(verdict_wants_spam(&set, false, 1));       /* to tell what would have been done */
    assert_false(verdict_may_edit(&set));
    set.filter.mode = MODE_OFF;
    assert_false(verdict_wants_virus(&set));
    assert_false(verdict_wants_spam(&set, false, 1));
    assert_false(verdict_may_edit(&set));
}

static void many_reasons(void **state)
{
    static struct facts f;
    struct row r = { .name = "" };
    struct settings set = settings_of(&r);
    struct verdict_input in = { .set = &set, .scanned = true, .facts = &f, .size = 1 };
    struct verdict v;
    char name[20];

    (void)state;
    facts_init(&f);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "R%d", i);
        facts_add(&f, "test", FACT_SPAM, FACT_CLASS_NONE, (i * 37) % 100 * 0.01, name, "");
    }
    facts_add(&f, "test", FACT_VIRUS, FACT_CLASS_NONE, 0, "V", "");
    verdict_make(&in, &v);
    assert_int_equal(v.n, VERDICT_REASONS_MAX);
    assert_string_equal(v.reasons[0].name, "V");
    for (size_t i = 2; i < v.n; i++)
        assert_true(v.reasons[i - 1].points >= v.reasons[i].points);
    assert_true(v.reasons[1].points > 0.985);
    assert_true(v.reasons[VERDICT_REASONS_MAX - 1].points > 0.685);
    assert_true(v.score > 49 && v.score < 50);
}

static void stars(void **state)
{
    static const struct {
        double score;
        size_t n;
    } t[] = { { -5, 0 }, { 0, 0 }, { 0.99, 0 }, { 4.5, 4 }, { 50, 50 }, { 1000, 50 } };
    char text[51];

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        verdict_stars(t[i].score, text);
        assert_int_equal(strlen(text), t[i].n);
        assert_int_equal(strspn(text, "*"), t[i].n);
    }
}

/* What log and events say of each: class and action. */
static void hits(void **state)
{
    struct row r = { .found = { VIRUS, MACRO, ENCRYPTED, SPAM(1.5) } };
    struct settings set = settings_of(&r);
    struct verdict v;
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    make(&r, &set, &v);
    verdict_hits(&v, &b);
    assert_string_equal(buf_cstr(&b), "test:Eicar-Test-Signature,test:encrypted_archive(tag),test:Macro(macro:score):2,test:RULE:1.5");
    assert_int_equal(v.classes, 1U << FACT_CLASS_MACRO | 1U << FACT_CLASS_ENCRYPTED_ARCHIVE);
    r = (struct row){ .found = { ENCRYPTED } };
    make(&r, &set, &v);
    buf_reset(&b);
    assert_true(verdict_report(&v, &b));
    assert_string_equal(buf_cstr(&b), "score=0 hits=encrypted_archive unchecked=encrypted_archive");
    r = (struct row){ .outcome = SCAN_CRASHED, .klass = "crashed", .to = CLASS_TAG };
    set = settings_of(&r);
    make(&r, &set, &v);
    buf_reset(&b);
    assert_true(verdict_report(&v, &b));
    assert_string_equal(buf_cstr(&b), "score=0 hits=crashed not-scanned=crashed");
    buf_free(&b);
}

/* Each class of the record has a setting of its name; none falls to another's. */
static void names(void **state)
{
    struct row r = { .name = "" };
    struct settings set = settings_of(&r);

    (void)state;
    for (int k = FACT_CLASS_NONE + 1; k < FACT_CLASSES; k++)
        for (int other = FACT_CLASS_NONE + 1; other <= k && k != FACT_CLASS_SHAPE && other != FACT_CLASS_SHAPE; other++) {
            assert_non_null(settings_class(&set, fact_class_name((enum fact_class)k)));
            assert_int_equal(settings_class(&set, fact_class_name((enum fact_class)k)) == settings_class(&set, fact_class_name((enum fact_class)other)), k == other);
        }
    assert_null(settings_class(&set, ""));
    assert_null(settings_shape(&set, "new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_rows), cmocka_unit_test(promises), cmocka_unit_test(wishes), cmocka_unit_test(many_reasons),
        cmocka_unit_test(stars),   cmocka_unit_test(hits),     cmocka_unit_test(names),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    default_end();
    return failed;
}
