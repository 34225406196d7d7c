/* test_address.c - keys of an MTA and the addresses that they mean.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/alloc.h"
#include "socketmapd/address.h"

static const char *const domains[] = { "example.com", "xn--bcher-kva.example" };
static const struct set_domain_alias aliases[] = {
    { "example.org", "example.com" }, { "chain.example", "example.org" }, { "loop-a.example", "loop-b.example" },
    { "loop-b.example", "loop-a.example" }, { "astray.example", "elsewhere.example" },
};

static struct settings settings_of(const char *delimiters, bool fold)
{
    struct settings s = { 0 };

    s.domains = (struct conf_strings){ domains, 2 };
    s.recipients.aliases = (struct conf_list){ (void *)(uintptr_t)aliases, sizeof(aliases) / sizeof(aliases[0]) };
    s.recipients.delimiters = delimiters;
    s.recipients.fold_local_part = fold;
    return s;
}

static const struct {
    const char *name, *key;
    enum address_status want;
    const char *candidates[4];
} rows[] = {
    { "plain", "bob@example.com", ADDRESS_OK, { "bob@example.com" } },
    { "upper case", "BOB@EXAMPLE.COM", ADDRESS_OK, { "bob@example.com" } },
    { "trailing dot of the domain", "bob@example.com.", ADDRESS_OK, { "bob@example.com" } },
    { "quoted without need", "\"bob\"@example.com", ADDRESS_OK, { "bob@example.com" } },
    { "quoted with a blank", "\"quo ted\"@example.com", ADDRESS_OK, { "quo ted@example.com" } },
    { "the same, unquoted as Postfix asks second", "quo ted@example.com", ADDRESS_OK, { "quo ted@example.com" } },
    { "sub-address", "bob+list@example.com", ADDRESS_OK, { "bob+list@example.com", "bob@example.com" } },
    { "two sub-addresses, first and shortest", "bob+a+b@example.com", ADDRESS_OK,
      { "bob+a+b@example.com", "bob+a@example.com", "bob@example.com" } },
    { "delimiter first: no sub-address", "+bob@example.com", ADDRESS_OK, { "+bob@example.com" } },
    { "alias domain", "bob@example.org", ADDRESS_OK, { "bob@example.com" } },
    { "alias of an alias", "bob@chain.example", ADDRESS_OK, { "bob@example.com" } },
    { "aliases in a circle", "bob@loop-a.example", ADDRESS_ALIAS_LOOP, { NULL } },
    { "alias that leads to nobody's domain", "bob@astray.example", ADDRESS_NOT_OURS, { NULL } },
    { "domain in UTF-8", "bob@b\xc3\xbc" "cher.example", ADDRESS_OK, { "bob@xn--bcher-kva.example" } },
    { "local-part in UTF-8", "j\xc3\xb6rg@example.com", ADDRESS_OK, { "j\xc3\xb6rg@example.com" } },
    { "local-part in upper case", "J\xc3\x96RG@example.com", ADDRESS_OK, { "j\xc3\xb6rg@example.com" } },
    { "local-part of a letter and a mark", "JO\xcc\x88rg@example.com", ADDRESS_OK, { "j\xc3\xb6rg@example.com" } },
    { "a sharp s stays", "stra\xc3\x9f" "e@example.com", ADDRESS_OK, { "stra\xc3\x9f" "e@example.com" } },
    { "Cyrillic, with a sub-address", "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd+x@example.com", ADDRESS_OK,
      { "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd+x@example.com", "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd@example.com" } },
    { "local-part that is no UTF-8", "j\xf6rg@example.com", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "foreign domain", "bob@example.net", ADDRESS_NOT_OURS, { NULL } },
    { "sub-domain is another domain", "bob@sub.example.com", ADDRESS_NOT_OURS, { NULL } },
    { "the wildcard key of transport_maps", "*", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "bare domain", "example.com", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "domain with @ only", "@example.com", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "no domain", "bob@", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "empty", "", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "null sender", "<>", ADDRESS_NOT_A_MAILBOX, { NULL } },
    { "filter syntax is a local-part", "*)(mail=*@example.com", ADDRESS_OK, { "*)(mail=*@example.com" } },
};

static void test_rows(void **state)
{
    struct settings s = settings_of("+", true);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address a, copy;
        size_t n = 0;

        print_message("%s\n", rows[i].name);
        assert_int_equal(address_resolve(&s, span_str(rows[i].key), &a), rows[i].want);
        if (rows[i].want != ADDRESS_OK)
            continue;
        address_copy(&a, &copy);
        memset(&a, 0x5a, sizeof(a));
        while (n < 4 && rows[i].candidates[n] != NULL)
            n++;
        assert_int_equal(copy.n, n);
        for (size_t c = 0; c < n; c++)
            assert_true(span_eq(copy.candidate[c], span_str(rows[i].candidates[c])));
    }
}

/* With and without the short cut for what most keys are made of. */
static void test_nul(void **state)
{
    static const span keys[] = {
        { "bob@example.com\0", 16 }, { "bob@example.com\0\0\0\0\0\0\0\0\0", 24 }, { "bob@example\0com", 15 }, { "bob@\0", 5 },
    };
    struct settings s = settings_of("+", true);
    struct address a;

    (void)state;
    for (int without_aliases = 0; without_aliases < 2; without_aliases++) {
        if (without_aliases)
            s.recipients.aliases.n = 0;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            assert_int_not_equal(address_resolve(&s, keys[i], &a), ADDRESS_OK);
    }
}

static void test_case_kept_when_asked(void **state)
{
    struct settings s = settings_of("", false);
    struct address a;

    (void)state;
    assert_int_equal(address_resolve(&s, SPAN("Bob+X@EXAMPLE.com"), &a), ADDRESS_OK);
    assert_true(span_eq(a.whole, SPAN("Bob+X@example.com")));
    assert_int_equal(a.n, 1);
}

static void test_hostile_lengths(void **state)
{
    struct settings s = settings_of("+", true);
    char *key = xmalloc(100000);
    struct address a;

    (void)state;
    memset(key, '+', 100000);
    memcpy(key + 200, "@example.com", 12);
    assert_int_equal(address_resolve(&s, span_of(key, 100000), &a), ADDRESS_NOT_A_MAILBOX);
    key[0] = 'a';
    assert_int_equal(address_resolve(&s, span_of(key, 212), &a), ADDRESS_OK);
    assert_true(a.n <= ADDRESS_CANDIDATES_MAX);
    assert_int_equal(address_resolve(&s, span_of("a\0b@example.com", 15), &a), ADDRESS_NOT_A_MAILBOX);
    free(key);
}

static void test_list_entries(void **state)
{
    char buffer[ADDRESS_MAX];
    span out;

    (void)state;
    assert_true(address_fold_entry(SPAN("Bob@Example.COM"), true, buffer, &out));
    assert_true(span_eq(out, SPAN("bob@example.com")));
    assert_true(address_fold_entry(SPAN("@Example.COM"), true, buffer, &out));
    assert_true(span_eq(out, SPAN("@example.com")));
    assert_false(address_fold_entry(SPAN("bob"), true, buffer, &out));
    assert_false(address_fold_entry(SPAN("bob@"), true, buffer, &out));
}

/* Without aliases a plain key takes a short way: to the same place. */
static void test_the_short_way(void **state)
{
    struct settings with = settings_of("+", true), without = settings_of("+", true);

    (void)state;
    without.recipients.aliases.n = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address a, b;
        enum address_status st = address_resolve(&with, span_str(rows[i].key), &a);

        if (strstr(rows[i].name, "alias") != NULL)
            continue;
        print_message("%s\n", rows[i].name);
        assert_int_equal(address_resolve(&without, span_str(rows[i].key), &b), st);
        if (st != ADDRESS_OK)
            continue;
        assert_int_equal(a.n, b.n);
        assert_true(span_eq(a.domain, b.domain));
        assert_null(b.alias_of);
        for (size_t c = 0; c < a.n; c++)
            assert_true(span_eq(a.candidate[c], b.candidate[c]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_nul), cmocka_unit_test(test_the_short_way),
        cmocka_unit_test(test_case_kept_when_asked),
        cmocka_unit_test(test_hostile_lengths),
        cmocka_unit_test(test_list_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
