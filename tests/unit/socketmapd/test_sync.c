/* test_sync.c - a set on disk and the clocks: what is known stays known whatever the wall clock does.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/alloc.h"
#include "socketmapd/rcpt_set.h"
#include "socketmapd/sync.h"
#include "socketmapd/sync_order.h"

#define WALL 1790000000000LL

static char folder[] = "/tmp/gatepost-sync-XXXXXX", below[64], path[80];
static const char *const servers[] = { "ldap://127.0.0.1:1" };

static struct set_recipient_source source = {
    .name = "ldap", .profile = LDAP_PROFILE_ACTIVE_DIRECTORY, .servers = { servers, 1 }, .base = "", .filter = "", .timeout_ms = 1000,
    .sync = { .method = SYNC_AUTO, .filter = "", .interval_ms = SECONDS(30), .full_interval_ms = MINUTES(30), .grace_ms = MINUTES(15), .leavers = true, .login = "" },
};

static struct settings settings_here(void)
{
    struct settings s = { 0 };

    s.process.state_directory = folder;
    s.recipients.fold_local_part = true;
    return s;
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(below, sizeof(below), "%s/recipients", folder);
    snprintf(path, sizeof(path), "%s/ldap.set", below);
    return mkdir(below, 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    rmdir(below);
    return rmdir(folder);
}

static void asked_of(const struct settings *all, char out[65])
{
    struct buf password, domains;
    struct sync_order o;
    struct errtext err = { "" };

    buf_init(&password, 100);
    buf_init(&domains, 100);
    assert_int_equal(sync_order_fill(all, &source, &password, &domains, &o, &err), 0);
    sync_order_digest(&o, out);
    buf_free(&domains);
}

static void write_set(const struct settings *all, int64_t complete_ms, int64_t since_ms, uint32_t missed)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about = { .generation = 3, .complete_ms = complete_ms, .attr = { "proxyAddresses", "mail" } };
    struct errtext err = { "" };

    asked_of(all, about.asked);
    rcpt_set_add_object(w, SPAN("cn=here"));
    rcpt_set_add(w, &(struct rcpt_set_entry){ .address = SPAN("here@example.com") });
    rcpt_set_add(w, &(struct rcpt_set_entry){ .address = SPAN("inside@example.com"), .flags = RCPT_SET_INTERNAL });
    rcpt_set_add(w, &(struct rcpt_set_entry){ .address = SPAN("gone@example.com"), .flags = RCPT_SET_MISSING, .since_ms = since_ms,
                                              .missed = missed, .missed_by = 2 });
    assert_int_equal(rcpt_set_write(w, &about, path, &err), 0);
    rcpt_set_writer_free(&w);
}

static const struct {
    const char *name;
    int64_t complete_before_ms, gone_before_ms;
    uint32_t missed;
    int64_t step_ms;                 /* somebody sets the wall clock */
    enum sync_knows gone;
    int64_t age_ms;
} rows[] = {
    { "within the grace", MINUTES(5), MINUTES(5), 2, 0, SYNC_GOING, MINUTES(5) },
    { "the grace is over", MINUTES(5), MINUTES(16), 2, 0, SYNC_GONE, MINUTES(5) },
    { "missed once only", MINUTES(5), DAYS(2), 1, 0, SYNC_GOING, MINUTES(5) },
    { "the clock goes forward by twenty years", MINUTES(5), MINUTES(5), 2, DAYS(7300), SYNC_GONE, MINUTES(5) },
    { "the clock goes back by an hour", MINUTES(5), MINUTES(16), 2, -HOURS(1), SYNC_GOING, MINUTES(5) },
    { "written in the future", -HOURS(2), -HOURS(2), 2, 0, SYNC_GOING, 0 },
    { "an old set", DAYS(30), DAYS(1), 5, 0, SYNC_GONE, DAYS(30) },
};

static void test_clocks(void **state)
{
    struct settings all = settings_here();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct loop *l = loop_new_fake(DAYS(40), WALL);
        struct errtext err = { "" };
        struct sync *s;
        bool internal;

        print_message("%s\n", rows[i].name);
        write_set(&all, WALL - rows[i].complete_before_ms, WALL - rows[i].gone_before_ms, rows[i].missed);
        s = sync_new(l, &all, &source, false, &err);
        assert_non_null(s);
        loop_fake_wall_step(l, rows[i].step_ms);
        assert_int_equal(sync_state(s), SYNC_LOADED);
        assert_int_equal(sync_find(s, SPAN("here@example.com"), &internal), SYNC_HAS);
        assert_false(internal);
        assert_int_equal(sync_find(s, SPAN("inside@example.com"), &internal), SYNC_HAS);
        assert_true(internal);
        assert_int_equal(sync_find(s, SPAN("gone@example.com"), &internal), rows[i].gone);
        assert_int_equal(sync_find(s, SPAN("nobody@example.com"), &internal), SYNC_UNKNOWN);
        assert_int_equal(sync_age_ms(s), rows[i].age_ms);
        assert_false(sync_is_current(s));
        sync_free(&s);
        loop_free(&l);
    }
}

static void test_what_is_told_beside_the_set(void **state)
{
    struct settings all = settings_here();
    struct loop *l = loop_new_fake(DAYS(40), WALL);
    struct errtext err = { "" };
    struct sync *s;
    struct buf text;
    bool internal;

    (void)state;
    write_set(&all, WALL, WALL, 1);
    s = sync_new(l, &all, &source, false, &err);
    sync_learn(s, SPAN("new@example.com"), true, "cn=new");
    assert_int_equal(sync_find(s, SPAN("new@example.com"), &internal), SYNC_HAS);
    assert_true(internal);
    assert_int_equal(sync_count(s), 3);
    sync_drop(s, SPAN("new@example.com"));
    assert_int_equal(sync_find(s, SPAN("new@example.com"), &internal), SYNC_GONE);
    sync_drop(s, SPAN("here@example.com"));
    assert_int_equal(sync_find(s, SPAN("here@example.com"), &internal), SYNC_GONE);       /* valid unless the directory says no */
    sync_learn(s, SPAN("here@example.com"), false, "cn=here");
    assert_int_equal(sync_find(s, SPAN("here@example.com"), &internal), SYNC_HAS);
    buf_init(&text, 4096);
    sync_describe_address(s, SPAN("gone@example.com"), &text);
    assert_non_null(strstr(buf_cstr(&text), "gone from the directory since set 2"));
    buf_reset(&text);
    sync_list(s, SPAN("@example.com"), 10, &text);
    assert_non_null(strstr(buf_cstr(&text), "inside@example.com\tinternal\n"));
    assert_non_null(strstr(buf_cstr(&text), "gone@example.com\tgone\n"));
    buf_free(&text);
    sync_free(&s);
    loop_free(&l);
}

static void test_a_set_of_another_question_is_not_used(void **state)
{
    struct settings all = settings_here();
    struct loop *l = loop_new_fake(DAYS(40), WALL);
    struct errtext err = { "" };
    struct sync *s;
    bool internal;

    (void)state;
    write_set(&all, WALL, WALL, 1);
    source.base = "dc=other";
    s = sync_new(l, &all, &source, false, &err);
    source.base = "";
    assert_int_equal(sync_state(s), SYNC_EMPTY);
    assert_int_equal(sync_age_ms(s), -1);
    assert_int_equal(sync_find(s, SPAN("here@example.com"), &internal), SYNC_UNKNOWN);
    sync_free(&s);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_clocks), cmocka_unit_test(test_what_is_told_beside_the_set),
                                        cmocka_unit_test(test_a_set_of_another_question_is_not_used) };

    return cmocka_run_group_tests_name("sync", tests, make_folder, remove_folder);
}
