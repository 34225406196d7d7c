/* test_dir_value.c - which values of which attributes are recipients.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socketmapd/dir_model.h"
#include "socketmapd/dir_value.h"

static const struct { const char *attribute; span value; const char *want; } values[] = {
    { "proxyAddresses", SPAN("SMTP:Bob@Example.COM"), "bob@example.com" },
    { "proxyaddresses", SPAN("smtp:bob@example.com"), "bob@example.com" },
    { "proxyAddresses", SPAN("SmTp:bob@example.com."), "bob@example.com" },
    { "proxyAddresses", SPAN("SIP:bob@example.com"), NULL },
    { "proxyAddresses", SPAN("x500:/o=Example/cn=bob@example.com"), NULL },
    { "proxyAddresses", SPAN("X400:c=US;a= ;p=Example;o=bob@example.com"), NULL },
    { "proxyAddresses", SPAN("EUM:123@example.com;phone-context=x"), NULL },
    { "proxyAddresses", SPAN("bob@example.com"), NULL },
    { "proxyAddresses", SPAN("smtp:"), NULL },
    { "proxyAddresses", SPAN("smtp:@example.com"), NULL },
    { "proxyAddresses", SPAN("smtp:\"a b\"@example.com"), "a b@example.com" },
    { "proxyAddresses", SPAN("smtp:bob@b\xc3\xbc""cher.example"), "bob@xn--bcher-kva.example" },
    { "mail", SPAN("Bob@example.com"), "bob@example.com" },
    { "mail", SPAN(" bob@example.com "), "bob@example.com" },
    { "mail", SPAN("smtp:bob@example.com"), "bob@example.com" },
    { "mail", SPAN("sip:bob@example.com"), NULL },
    { "mail", SPAN("bob"), NULL },
    { "mail", SPAN("bob@"), NULL },
    { "mail", SPAN("b\0b@example.com"), NULL },
    { "mail", SPAN("b\xff@example.com"), NULL },
    { "mail", SPAN(""), NULL },
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char buffer[ADDRESS_MAX];
        span got;

        print_message("%s %.*s\n", values[i].attribute, SPAN_ARG(values[i].value));
        assert_int_equal(dir_value_address(values[i].attribute, values[i].value, true, buffer, &got), values[i].want != NULL);
        if (values[i].want != NULL)
            assert_true(span_eq(got, span_str(values[i].want)));
    }
}

static const struct { const char *description; const char *name; uint64_t next; } ranges[] = {
    { "proxyAddresses", NULL, 0 },
    { "proxyAddresses;range=0-1499", "proxyAddresses", 1500 },
    { "proxyAddresses;Range=1500-*", "proxyAddresses", 0 },
    { "proxyAddresses;binary", NULL, 0 },
    { "proxyAddresses;range=", NULL, 0 },
    { "proxyAddresses;range=a-b", NULL, 0 },
    { "proxyAddresses;range=0-x", NULL, 0 },
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint64_t next = 77;
        span name;
        bool is = dir_value_range(span_str(ranges[i].description), &name, &next);

        print_message("%s\n", ranges[i].description);
        if (ranges[i].name == NULL) {
            assert_false(is && next != 0);
            continue;
        }
        assert_true(is);
        assert_true(span_eq(name, span_str(ranges[i].name)));
        assert_int_equal(next, ranges[i].next);
    }
}

static const struct { const char *name, *control, *details; bool leaver; } accounts[] = {
    { "user", "512", "1", false },
    { "disabled user mailbox", "514", "1", true },
    { "disabled, no Exchange", "514", "", true },
    { "shared mailbox", "514", "4", false },
    { "room", "514", "16", false },
    { "equipment", "514", "32", false },
    { "linked mailbox", "514", "2", false },
    { "remote user mailbox", "514", "2147483648", false },
    { "a negative number", "-2147483134", "1", true },
    { "nonsense", "x", "1", false },
};

static void test_leavers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        print_message("%s\n", accounts[i].name);
        assert_int_equal(dir_value_leaver(span_str(accounts[i].control), span_str(accounts[i].details)), accounts[i].leaver);
    }
}

static void entry(struct dir_entry *e, const char *id, const char *a, const char *b)
{
    dir_entry_reset(e);
    e->id_n = strlen(id);
    memcpy(e->id, id, e->id_n);
    buf_append_str(&e->dn, id);
    if (a != NULL)
        dir_entry_add(e, span_str(a), 0, false);
    if (b != NULL)
        dir_entry_add(e, span_str(b), 1, true);
}

static void test_the_model_knows_who_had_what(void **state)
{
    struct dir_model *m = dir_model_new();
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct dir_entry e;
    bool changed;

    (void)state;
    dir_entry_init(&e);
    entry(&e, "1", "a@x", "b@x");
    dir_model_put(m, &e, &changed);
    assert_true(changed);
    dir_model_put(m, &e, &changed);
    assert_false(changed);
    entry(&e, "2", NULL, NULL);
    dir_model_put(m, &e, &changed);
    assert_false(changed);
    assert_int_equal(dir_model_count(m), 2);
    assert_int_equal(dir_model_naming(m), 1);
    assert_true(dir_model_named(m, SPAN("1"), SPAN("b@x")));
    entry(&e, "1", "a@x", NULL);
    dir_model_put(m, &e, &changed);
    assert_true(changed);
    assert_false(dir_model_named(m, SPAN("1"), SPAN("b@x")));
    dir_model_into(m, w);
    assert_int_equal(rcpt_set_writer_count(w), 1);
    assert_true(dir_model_remove(m, SPAN("1")));
    assert_false(dir_model_remove(m, SPAN("1")));
    assert_int_equal(dir_model_naming(m), 0);
    assert_false(dir_model_has(m, SPAN("1")));
    rcpt_set_writer_free(&w);
    dir_entry_free(&e);
    dir_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_ranges), cmocka_unit_test(test_leavers),
                                        cmocka_unit_test(test_the_model_knows_who_had_what) };

    return cmocka_run_group_tests_name("dir_value", tests, NULL, NULL);
}
