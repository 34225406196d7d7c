/* test_layers.c - which layers may be passed over, and what a message tells the verdict cache.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cfilter/layers.h"

#define MAIL "CL_TYPE_MAIL"
#define ZIP "CL_TYPE_ZIP"
#define TEXT "CL_TYPE_TEXT_ASCII"
#define BYTES SPAN("the bytes of a part")

static struct clean_cache *cache;
static struct clean_view *view;
static struct layers *layers;
enum { GENERATION = 3, SERIAL = 7 };

static int start(void **state)
{
    (void)state;
    cache = clean_cache_new(64, NULL);
    view = clean_view_open(clean_cache_fd(cache), NULL);
    layers = layers_new();
    layers_use_cache(layers, view, GENERATION, SERIAL);
    layers_begin_message(layers);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    layers_free(&layers);
    clean_view_close(&view);
    clean_cache_free(&cache);
    return 0;
}

static void next_message(void)
{
    const struct digest *keys;
    size_t n = layers_clean(layers, &keys);

    for (size_t i = 0; i < n; i++)
        clean_cache_add(cache, &keys[i], clean_worker(GENERATION, SERIAL));
    layers_begin_message(layers);
}

static size_t told(void)
{
    const struct digest *keys;

    return layers_clean(layers, &keys);
}

static bool end(void)
{
    return layers_end_call(layers);
}

/* A message with one part in it; whether the part was passed over. */
static bool message_with(const char *type, uint32_t attributes, span bytes)
{
    layers_begin_call(layers, LAYERS_MESSAGE, SPAN(""), NULL);
    assert_false(layers_enter(layers, 0, MAIL, 0, SPAN("whole message")));
    bool known = layers_enter(layers, 1, type, attributes, bytes);
    layers_leave(layers, true);
    layers_leave(layers, true);
    assert_true(end());
    return known;
}

static bool part_of(const char *type, span bytes)
{
    struct digest d;

    if (layers_seen(layers, bytes, false, &d))
        return true;
    layers_begin_call(layers, LAYERS_PART, bytes, &d);
    assert_false(layers_enter(layers, 0, type, 0, bytes));
    layers_leave(layers, true);
    assert_true(end());
    return false;
}

static bool member(const char *type, span bytes)
{
    struct digest d;

    if (layers_seen(layers, bytes, false, &d))
        return true;
    layers_remember(layers, bytes, &d);
    layers_begin_call(layers, LAYERS_BUNDLE, SPAN(""), NULL);
    assert_false(layers_enter(layers, 0, "CL_TYPE_POSIX_TAR", 0, SPAN("the archive")));
    assert_false(layers_enter(layers, 1, type, 0, bytes));
    layers_leave(layers, true);
    layers_leave(layers, true);
    assert_true(end());
    return false;
}

static void test_second_time(void **state)
{
    (void)state;
    assert_false(message_with(ZIP, 0, BYTES));
    assert_int_equal(told(), 1);
    next_message();
    assert_true(message_with(ZIP, 0, BYTES));
    assert_int_equal(layers_hits(layers), 1);
    assert_int_equal(told(), 0);                       /* nothing new */
    next_message();
    assert_false(message_with(ZIP, 0, SPAN("the bytes of a parT")));
    assert_false(message_with(TEXT, 0, BYTES));        /* other type, other parser */
    assert_false(message_with(ZIP, 2, BYTES));
    assert_false(part_of(ZIP, SPAN("own")));
    next_message();
    assert_true(part_of(ZIP, SPAN("own")));
    assert_int_equal(layers_hits(layers), 1);
    assert_false(message_with(ZIP, 0, SPAN("own")));   /* in a mail other signatures may count */
    next_message();
    assert_true(member(ZIP, SPAN("own")));             /* alone or in a bundle is the same */
    assert_false(member(ZIP, SPAN("ours")));
    assert_int_equal(told(), 1);                       /* the member, not the bundle */
    next_message();
    assert_true(part_of(ZIP, SPAN("ours")));
    assert_false(part_of(TEXT, SPAN("new")));
    next_message();
    assert_true(part_of(TEXT, SPAN("new")));
    assert_true(message_with(ZIP, 0, BYTES));
    layers_begin_message(layers);
    layers_use_cache(layers, view, GENERATION + 1, SERIAL);
    assert_false(message_with(ZIP, 0, BYTES));
    assert_false(part_of(ZIP, SPAN("ours")));
}

static void test_parts_of_this_message(void **state)
{
    struct digest d;

    (void)state;
    message_with(TEXT, 0, SPAN("line\nline\n"));
    assert_true(layers_seen(layers, SPAN("line\nline\n"), false, &d));
    assert_true(layers_seen(layers, SPAN("line\r\nline\r\n"), true, &d));
    assert_false(layers_seen(layers, SPAN("line\r\nline\r\n"), false, &d));
    assert_false(layers_seen(layers, SPAN("whole message"), false, &d));
    next_message();
    assert_false(layers_seen(layers, SPAN("line\nline\n"), false, &d));
    assert_true(message_with(TEXT, 0, SPAN("line\nline\n")));
    assert_true(layers_seen(layers, SPAN("line\nline\n"), false, &d));     /* passed over, and known to be in there */
}

/* What is deeper, the mail itself and mail within: never. */
static void test_not_cacheable(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        layers_begin_call(layers, LAYERS_MESSAGE, SPAN(""), NULL);
        assert_false(layers_enter(layers, 0, MAIL, 0, BYTES));
        assert_false(layers_enter(layers, 1, MAIL, 0, SPAN("a mail in the mail")));
        assert_false(layers_enter(layers, 2, ZIP, 0, SPAN("deeper")));
        for (int i = 0; i < 3; i++)
            layers_leave(layers, true);
        assert_true(end());
        assert_false(part_of(MAIL, SPAN("a part that is mail")));
        assert_int_equal(told(), 0);
        next_message();
    }
}

static void test_nothing_is_told_after(void **state)
{
    struct digest d;

    (void)state;
    message_with(ZIP, 0, BYTES);
    layers_alert(layers);
    assert_int_equal(told(), 0);
    next_message();
    assert_false(message_with(ZIP, 0, BYTES));         /* an alert in the message before took it back */
    next_message();
    assert_true(message_with(ZIP, 0, BYTES));
    layers_begin_message(layers);
    layers_alert(layers);
    assert_false(message_with(ZIP, 0, BYTES));         /* after an alert all is looked at */

    layers_begin_message(layers);                      /* libclamav says that the layer is not clean */
    assert_false(layers_seen(layers, SPAN("x"), false, &d));
    layers_begin_call(layers, LAYERS_PART, SPAN("x"), &d);
    layers_enter(layers, 0, ZIP, 0, SPAN("x"));
    layers_leave(layers, false);
    assert_true(end());
    assert_int_equal(told(), 0);
}

/* libclamav left a layer that it had not told of. */
static void test_unbalanced(void **state)
{
    (void)state;
    layers_begin_call(layers, LAYERS_MESSAGE, SPAN(""), NULL);
    layers_enter(layers, 0, MAIL, 0, SPAN("m"));
    layers_enter(layers, 1, ZIP, 0, BYTES);
    for (int i = 0; i < 3; i++)
        layers_leave(layers, true);
    assert_false(end());
    assert_int_equal(told(), 0);
    layers_begin_message(layers);
    layers_begin_call(layers, LAYERS_MESSAGE, SPAN(""), NULL);
    layers_enter(layers, 0, MAIL, 0, SPAN("m"));
    assert_false(end());
    layers_begin_message(layers);
    layers_begin_call(layers, LAYERS_MESSAGE, SPAN(""), NULL);
    for (uint32_t i = 0; i <= LAYERS_DEPTH_MAX; i++)
        layers_enter(layers, i, ZIP, 0, SPAN("deep"));
    for (uint32_t i = 0; i <= LAYERS_DEPTH_MAX; i++)
        layers_leave(layers, true);
    assert_false(end());
    assert_int_equal(told(), 0);
}

/* Whoever reads the same part otherwise asks whether it is known clean, not whether it was seen. */
static void test_passed_over(void **state)
{
    (void)state;
    assert_false(message_with(ZIP, 0, BYTES));
    assert_false(layers_passed_over(layers, BYTES));       /* looked at in this very message */
    assert_false(part_of(ZIP, SPAN("own")));
    assert_false(layers_passed_over(layers, SPAN("own")));
    next_message();
    assert_false(layers_passed_over(layers, BYTES));       /* nobody has come upon it yet */
    assert_true(message_with(ZIP, 0, BYTES));
    assert_true(part_of(ZIP, SPAN("own")));
    assert_true(layers_passed_over(layers, BYTES));
    assert_true(layers_passed_over(layers, SPAN("own")));
    assert_false(layers_passed_over(layers, SPAN("another")));
    layers_alert(layers);
    assert_false(layers_passed_over(layers, BYTES));
    next_message();
    assert_false(layers_passed_over(layers, BYTES));
}

static void test_many(void **state)
{
    (void)state;
    for (char c = 0; c < LAYERS_CLEAN_MAX + 10; c++) {
        message_with(ZIP, 0, span_of(&c, 1));
        message_with(ZIP, 0, span_of(&c, 1));
    }
    assert_int_equal(told(), LAYERS_CLEAN_MAX);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_second_time), TEST(test_parts_of_this_message), TEST(test_not_cacheable), TEST(test_nothing_is_told_after),
        TEST(test_unbalanced), TEST(test_passed_over), TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
