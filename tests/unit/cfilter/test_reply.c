/* test_reply.c - the words that a refused sender sees.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "cfilter/reply.h"
#include "tests/unit/cfilter/default_settings.h"

static const char *klass = "";

static void check_reply(const struct settings *set, enum verdict_action a, enum verdict_cause c, const char *name, const char *want)
{
    struct verdict v = { .action = a, .cause = c, .klass = klass, .score = 12.34, .detail = "Heuristics.X" };
    struct buf out;
    span all;

    snprintf(v.name, sizeof(v.name), "%s", name);
    buf_init(&out, 4096);
    reply_to_verdict(set, &v, "37EFND001W33R", &out);
    all = buf_span(&out);
    assert_true(all.n > 2 && all.n <= 512);
    assert_memory_equal(all.p + all.n - 2, "\r\n", 2);
    for (size_t i = 0; i < all.n - 2; i++)
        assert_true(all.p[i] >= ' ' && all.p[i] < 127);
    if (want != NULL) {
        buf_truncate(&out, all.n - 2);
        assert_string_equal(buf_cstr(&out), want);
    }
    buf_free(&out);
}

static void replies(void **state)
{
    struct settings set = { .mode = MODE_ENFORCE };
    char long_name[FACT_NAME_MAX], long_text[300];

    (void)state;
    default_of(&set, "replies");
    check_reply(&set, VERDICT_REJECT, CAUSE_VIRUS, "Eicar-Test-Signature", "554 5.7.1 Message contains Eicar-Test-Signature virus, rejected (id 37EFND001W33R)");
    check_reply(&set, VERDICT_REJECT, CAUSE_SPAM, "spam", "554 5.7.1 Message seems to be spam, rejected (id 37EFND001W33R)");
    check_reply(&set, VERDICT_REJECT, CAUSE_UNSCANNABLE, "crash", "554 5.6.0 Message could not be scanned for viruses (crash), rejected (id 37EFND001W33R)");
    check_reply(&set, VERDICT_DEFER, CAUSE_NOT_SCANNED, "no-engine", "451 4.7.1 Message could not be scanned for viruses now (no-engine), try again later (id 37EFND001W33R)");
    klass = "crashed";
    check_reply(&set, VERDICT_DEFER, CAUSE_UNSCANNABLE, "crash", "451 4.7.1 Message could not be scanned for viruses now (crash), try again later (id 37EFND001W33R)");

    klass = "";
    set.replies.virus = "Found %v, see https://x.example/%i (100%% sure)";
    check_reply(&set, VERDICT_REJECT, CAUSE_VIRUS, "A.B", "554 5.7.1 Found A.B, see https://x.example/37EFND001W33R (100% sure)");
    set.replies.virus = "550 5.6.6 no %x %";
    check_reply(&set, VERDICT_REJECT, CAUSE_VIRUS, "A.B", "550 5.6.6 no %x % (id 37EFND001W33R)");
    set.replies.spam = "552 %s points";
    check_reply(&set, VERDICT_REJECT, CAUSE_SPAM, "spam", "552 5.7.1 12.3 points (id 37EFND001W33R)");
    /* A template cannot make a refusal of a delay, nor a success of a refusal. */
    set.replies.spam = "250 2.0.0 fine";
    check_reply(&set, VERDICT_REJECT, CAUSE_SPAM, "spam", "554 5.7.1 fine (id 37EFND001W33R)");
    set.replies.spam = "451 4.7.1 later";
    check_reply(&set, VERDICT_REJECT, CAUSE_SPAM, "spam", "554 5.7.1 later (id 37EFND001W33R)");
    /* What comes from elsewhere stays one short line. */
    set.replies.spam = "a\r\nb\tc\xc3\xa9";
    check_reply(&set, VERDICT_REJECT, CAUSE_SPAM, "spam", NULL);
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    snprintf(long_text, sizeof(long_text), "%s", "%v %v %v %v %v %v %v %v %v %v %v");
    set.replies.virus = long_text;
    check_reply(&set, VERDICT_REJECT, CAUSE_VIRUS, long_name, NULL);
}

/* Every class that can refuse or put off has words of its own, which are the administrator's. */
static void each_class(void **state)
{
    static const struct {
        enum verdict_action action;
        enum verdict_cause cause;
        const char *klass, *name, *want;
    } rows[] = {
        { VERDICT_REJECT, CAUSE_SHAPE, "shape", "partial", "554 5.6.0 Message is malformed in a way that hides attachments (partial), rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_HEURISTIC, "macro", "Heuristics.OLE2.ContainsMacros.VBA", "554 5.7.1 Message contains something suspicious (Heuristics.OLE2.ContainsMacros.VBA), rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "encrypted_archive", "encrypted_archive", "554 5.7.1 Message contains an encrypted archive, which cannot be checked for viruses, rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "encrypted_document", "encrypted_document", "554 5.7.1 Message contains an encrypted document, which cannot be checked for viruses, rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "limit", "limit", "554 5.7.1 Message contains more than can be checked for viruses, rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "budget", "budget", "554 5.6.0 Message is packed too deeply to be checked for viruses, rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "encrypted_mail", "encrypted_mail", "554 5.7.1 Message is encrypted, which cannot be checked for viruses, rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "unreadable_archive", "unreadable_archive", "554 5.7.1 Message contains an archive that cannot be read, so not be checked for viruses, rejected (id 37EFND001W33R)" },
        { VERDICT_REJECT, CAUSE_UNCHECKED, "ambiguous", "ambiguous", "554 5.6.0 Message can be read in more than one way, rejected (id 37EFND001W33R)" },
        { VERDICT_DEFER, CAUSE_NOT_SCANNED, "timeout", "timeout", "451 4.7.1 Message could not be scanned for viruses now (timeout), try again later (id 37EFND001W33R)" },
        { VERDICT_DEFER, CAUSE_NOT_SCANNED, "crashed", "garbage", "451 4.7.1 Message could not be scanned for viruses now (garbage), try again later (id 37EFND001W33R)" },
        { VERDICT_DEFER, CAUSE_NOT_SCANNED, "engine", "no_engine", "451 4.7.1 Message could not be scanned for viruses now (no_engine), try again later (id 37EFND001W33R)" },
        { VERDICT_DEFER, CAUSE_NOT_SCANNED, "", "busy", "451 4.7.1 Message could not be scanned for viruses now (busy), try again later (id 37EFND001W33R)" },
        { VERDICT_DEFER, CAUSE_UNCHECKED, "limit", "limit", "451 4.7.1 Message could not be checked (limit), try again later (id 37EFND001W33R)" },
        { VERDICT_DEFER, CAUSE_SHAPE, "shape", "partial", "451 4.7.1 Message could not be checked (partial), try again later (id 37EFND001W33R)" },
    };
    struct settings set = { .mode = MODE_ENFORCE };

    (void)state;
    default_of(&set, "replies");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        klass = rows[i].klass;
        check_reply(&set, rows[i].action, rows[i].cause, rows[i].name, rows[i].want);
    }
    klass = "limit";
    set.replies.limit = "552 5.3.4 %r: %t";
    check_reply(&set, VERDICT_REJECT, CAUSE_UNCHECKED, "limit", "552 5.3.4 limit: Heuristics.X (id 37EFND001W33R)");
    set.replies.put_off = "450 4.2.0";          /* no words at all */
    check_reply(&set, VERDICT_DEFER, CAUSE_UNCHECKED, "limit", "450 4.2.0 Message put off, try again later (id 37EFND001W33R)");
    set.replies.put_off = "554 5.7.1 no";
    check_reply(&set, VERDICT_DEFER, CAUSE_UNCHECKED, "limit", "451 4.7.1 no (id 37EFND001W33R)");
    set.replies = (struct set_replies){ NULL };
    check_reply(&set, VERDICT_REJECT, CAUSE_VIRUS, "A", "554 5.7.1 Message refused (id 37EFND001W33R)");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(replies), cmocka_unit_test(each_class) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    default_end();
    return failed;
}
