/* test_merge.c - what a proposal may do to the set in force.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/net/loop.h"
#include "socketmapd/rcpt_merge.h"

static char folder[] = "/tmp/gatepost-merge-XXXXXX", set_path[64], proposal_path[64], diff_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(set_path, sizeof(set_path), "%s/a.set", folder);
    snprintf(proposal_path, sizeof(proposal_path), "%s/a.proposal", folder);
    snprintf(diff_path, sizeof(diff_path), "%s/a.diff", folder);
    return 0;
}

static int empty_folder(void **state)
{
    (void)state;
    unlink(set_path);
    unlink(proposal_path);
    unlink(diff_path);
    return 0;
}

static int remove_folder(void **state)
{
    empty_folder(state);
    return rmdir(folder);
}

/* What a directory has: users FROM to TO of each of two domains. */
struct people { int from, to, from_other, to_other; bool by_mail_only; const char *context, *asked; };

static void add(struct rcpt_set_writer *w, const char *domain, int i, unsigned attr)
{
    char text[64];
    struct rcpt_set_entry e = { .address = span_of(text, (size_t)snprintf(text, sizeof(text), "u%d@%s", i, domain)), .attr = attr };

    e.object = rcpt_set_add_object(w, e.address);
    rcpt_set_add(w, &e);
}

static void propose(struct people p)
{
    struct rcpt_set_about about = { .complete_ms = 1, .attr = { "proxyAddresses", "mail" } };
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct errtext err = { "" };

    snprintf(about.context, sizeof(about.context), "%s", p.context != NULL ? p.context : "dc=a");
    snprintf(about.asked, sizeof(about.asked), "%s", p.asked != NULL ? p.asked : "same");
    for (int i = p.from; i < p.to; i++)
        add(w, "one.example", i, p.by_mail_only || i % 2 == 0);
    for (int i = p.from_other; i < p.to_other; i++)
        add(w, "two.example", i, 1);
    assert_int_equal(rcpt_set_write(w, &about, proposal_path, &err), 0);
    rcpt_set_writer_free(&w);
}

static const struct people whole = { 0, 1000, 0, 100, false, NULL, NULL };

static struct merge_result merge_with(struct merge_word word, enum merge_mode mode, int64_t now_ms, const char *canaries)
{
    struct merge_order o = { .set_path = span_str(set_path), .proposal_path = span_str(proposal_path), .diff_path = span_str(diff_path),
                             .mode = mode, .word = word, .now_ms = now_ms, .keep_missing_ms = DAYS(7), .canaries = span_str(canaries), .limits = { 5, 50, 20 } };
    struct merge_result r, told;
    struct merge_order read;
    struct buf wire;

    buf_init(&wire, 65536);
    merge_order_encode(&o, &wire);
    assert_true(merge_order_decode(buf_span(&wire), &read));
    merge_run(&read, &r);
    buf_reset(&wire);
    merge_result_encode(&r, &wire);
    assert_true(merge_result_decode(buf_span(&wire), &told));
    assert_int_equal(told.removed_digest, r.removed_digest);
    assert_int_equal(told.removed, r.removed);
    assert_string_equal(told.why, r.why);
    assert_int_equal(told.drastic, r.drastic);
    assert_int_equal(told.by_word, r.by_word);
    buf_free(&wire);
    return told;
}

static struct merge_result merge_at(enum merge_mode mode, int64_t now_ms, const char *canaries)
{
    return merge_with((struct merge_word){ false, 0 }, mode, now_ms, canaries);
}

static struct merge_result merge(struct people p, enum merge_mode mode)
{
    propose(p);
    return merge_at(mode, 1000, "");
}

static bool in_set(const char *address, struct rcpt_set_entry *e)
{
    struct errtext err = { "" };
    struct rcpt_set *s = NULL;
    bool found;

    assert_int_equal(rcpt_set_open(set_path, true, &s, &err), RCPT_SET_OK);
    found = rcpt_set_find(s, span_str(address), e);
    rcpt_set_close(&s);
    return found;
}

static const struct {
    const char *name;
    struct people then;
    const char *canaries;
    const char *held;                /* part of the reason; NULL: taken */
    uint64_t removed, added;
} rows[] = {
    { "nothing changes", { 0, 1000, 0, 100, false, NULL, NULL }, "", NULL, 0, 0 },
    { "some come", { 0, 1500, 0, 100, false, NULL, NULL }, "", NULL, 0, 500 },
    { "few go", { 20, 1000, 0, 100, false, NULL, NULL }, "", NULL, 20, 0 },
    { "five in a hundred go", { 55, 1000, 0, 100, false, NULL, NULL }, "", NULL, 55, 0 },
    { "one more", { 56, 1000, 0, 100, false, NULL, NULL }, "", "56 of 1100 addresses would go", 56, 0 },
    { "a third goes", { 300, 1000, 0, 100, false, NULL, NULL }, "", "300 of 1000 addresses of one.example", 300, 0 },
    { "all go", { 0, 0, 0, 0, false, NULL, NULL }, "", "no address at all", 1100, 0 },
    { "a domain goes", { 0, 1000, 0, 0, false, NULL, NULL }, "", "the whole domain two.example", 100, 0 },
    { "much of a domain goes", { 0, 1000, 49, 100, false, NULL, NULL }, "", NULL, 49, 0 },
    { "more than may always go, of a domain", { 0, 1000, 51, 100, false, NULL, NULL }, "", "51 of 100 addresses of two.example", 51, 0 },
    { "an attribute is not readable any more", { 0, 1000, 0, 100, true, NULL, NULL }, "", "proxyAddresses names 0 addresses", 0, 0 },
    { "another server's context", { 0, 1000, 0, 100, false, "dc=b", NULL }, "", "naming context", 0, 0 },
    { "the canary sings", { 0, 1000, 0, 100, false, NULL, NULL }, "u5@one.example\n", NULL, 0, 0 },
    { "the canary is dead", { 1, 1000, 0, 100, false, NULL, NULL }, "u0@one.example\n", "u0@one.example is not in it", 1, 0 },
    { "another question", { 0, 10, 0, 0, false, "dc=b", "other" }, "", NULL, 0, 10 },
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct merge_result r;
        struct rcpt_set_entry e;

        print_message("%s\n", rows[i].name);
        empty_folder(state);
        assert_true(merge(whole, MERGE_JUDGE).changed);
        propose(rows[i].then);
        r = merge_at(MERGE_JUDGE, 2000, rows[i].canaries);
        assert_true(r.ok);
        assert_int_equal(r.held, rows[i].held != NULL);
        if (rows[i].held != NULL && strstr(r.why, rows[i].held) == NULL)
            fail_msg("\"%s\" does not tell of \"%s\"", r.why, rows[i].held);
        assert_int_equal(r.removed, rows[i].removed);
        assert_int_equal(r.added, rows[i].added);
        assert_int_equal(r.drastic, rows[i].held != NULL && (strstr(r.why, "whole domain") != NULL || strstr(r.why, "at all") != NULL));
        assert_int_equal(access(diff_path, F_OK) == 0, rows[i].held != NULL);
        if (rows[i].then.asked != NULL)
            continue;
        for (int n = 0; n < 1000; n++) {         /* whatever it was, nobody is unknown now */
            char text[64];

            if (n % 250 != 0)
                continue;
            snprintf(text, sizeof(text), "u%d@one.example", n);
            assert_true(in_set(text, &e));
            if (rows[i].held != NULL)
                assert_int_equal(e.flags, 0);
        }
    }
}

static void test_what_goes_is_missing_and_may_come_back(void **state)
{
    struct people fewer = { 1, 1000, 0, 100, false, NULL, NULL };
    struct rcpt_set_entry e;

    (void)state;
    merge(whole, MERGE_JUDGE);
    propose(fewer);
    assert_int_equal(merge_at(MERGE_JUDGE, 5000, "").generation, 2);
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, RCPT_SET_MISSING);
    assert_int_equal(e.since_ms, 5000);
    assert_int_equal(e.missed, 1);
    assert_int_equal(e.missed_by, 2);
    assert_int_equal(merge_at(MERGE_JUDGE, 6000, "").removed, 0);        /* counted once */
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.missed, 2);
    assert_int_equal(e.since_ms, 5000);
    assert_int_equal(e.missed_by, 2);
    propose(whole);
    assert_int_equal(merge_at(MERGE_JUDGE, 7000, "").added, 1);
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, 0);
    propose(fewer);
    merge_at(MERGE_JUDGE, 8000, "");
    merge_at(MERGE_JUDGE, 8000 + DAYS(7), "");
    assert_true(in_set("u0@one.example", &e));
    merge_at(MERGE_JUDGE, 8001 + DAYS(7), "");
    assert_false(in_set("u0@one.example", &e));
}

static void test_a_held_one_adds_and_is_accepted(void **state)
{
    struct people moved = { 500, 1200, 0, 100, false, NULL, NULL };
    struct rcpt_set_entry e;
    struct merge_result r;

    (void)state;
    merge(whole, MERGE_JUDGE);
    r = merge(moved, MERGE_JUDGE);
    assert_true(r.held && r.changed);
    assert_true(in_set("u1199@one.example", &e));
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, 0);
    assert_int_equal(merge_at(MERGE_JUDGE, 3000, "").removed_digest, r.removed_digest);
    r = merge_with((struct merge_word){ true, r.removed_digest }, MERGE_JUDGE, 4000, "");
    assert_false(r.held);
    assert_true(r.by_word);
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, RCPT_SET_MISSING);
    assert_int_not_equal(access(diff_path, F_OK), 0);
}

/* More has gone since the person looked: that she has not seen. */
static void test_the_word_is_for_what_was_shown(void **state)
{
    struct people fewer = { 500, 1000, 0, 100, false, NULL, NULL }, nobody = { 0, 0, 0, 0, false, NULL, NULL };
    struct merge_word word = { true, 0 };
    struct rcpt_set_entry e;
    struct merge_result r;

    (void)state;
    merge(whole, MERGE_JUDGE);
    word.removed_digest = merge(fewer, MERGE_JUDGE).removed_digest;
    propose(nobody);
    r = merge_with(word, MERGE_JUDGE, 3000, "");
    assert_true(r.ok && r.held && !r.by_word);
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, 0);
    propose(fewer);
    r = merge_with(word, MERGE_HOLD, 4000, "");
    assert_true(r.by_word && !r.held);
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, RCPT_SET_MISSING);
}

static void test_a_person_holds_everything(void **state)
{
    struct people fewer = { 1, 1000, 0, 100, false, NULL, NULL };
    struct rcpt_set_entry e;

    (void)state;
    merge(whole, MERGE_JUDGE);
    assert_true(merge(fewer, MERGE_HOLD).held);
    assert_true(in_set("u0@one.example", &e));
    assert_int_equal(e.flags, 0);
}

static void test_an_empty_first_reading_makes_no_set(void **state)
{
    struct merge_result r = merge((struct people){ 0, 0, 0, 0, false, NULL, NULL }, MERGE_JUDGE);

    (void)state;
    assert_true(r.ok && r.held);
    assert_false(r.changed);
    assert_int_not_equal(access(set_path, F_OK), 0);
}

static void test_a_broken_proposal_changes_nothing(void **state)
{
    struct rcpt_set_entry e;
    struct merge_result r;
    FILE *f;

    (void)state;
    merge(whole, MERGE_JUDGE);
    f = fopen(proposal_path, "r+e");
    fseek(f, 20000, SEEK_SET);
    fputs("damage", f);
    fclose(f);
    r = merge_at(MERGE_JUDGE, 3000, "");
    assert_false(r.ok);
    assert_non_null(strstr(r.why, "checksum"));
    assert_true(in_set("u0@one.example", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test_setup(test_what_goes_is_missing_and_may_come_back, empty_folder),
        cmocka_unit_test_setup(test_a_held_one_adds_and_is_accepted, empty_folder),
        cmocka_unit_test_setup(test_the_word_is_for_what_was_shown, empty_folder),
        cmocka_unit_test_setup(test_a_person_holds_everything, empty_folder),
        cmocka_unit_test_setup(test_an_empty_first_reading_makes_no_set, empty_folder),
        cmocka_unit_test_setup(test_a_broken_proposal_changes_nothing, empty_folder),
    };

    return cmocka_run_group_tests_name("merge", tests, make_folder, remove_folder);
}
