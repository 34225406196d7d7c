/* test_settings_docs.c - what is written about the keys is what the rows say.
 *
 * GATEPOST_WRITE_DOCS=1 writes config/gatepost.yaml and man/gatepost.yaml.5 anew from the rows.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/settings/settings.h"

enum { FILE_MAX = 1 << 20 };

static const char example_path[] = "config/gatepost.yaml";
static const char manual_path[] = "man/gatepost.yaml.5";

static void slurp(const char *path, struct buf *to)
{
    FILE *f = fopen(path, "re");
    char chunk[4096];
    size_t n;

    if (f == NULL)
        fail_msg("%s: cannot be opened (tests run in the root of the tree)", path);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        assert_true(buf_append(to, span_of(chunk, n)));
    fclose(f);
}

static void spit(const char *path, const struct buf *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(buf_span(text).p, 1, text->len, f), text->len);
    assert_int_equal(fclose(f), 0);
}

/* `made` between the end of `before` and the begin of `after` in the file ("" : its end). */
static void compare_or_write(const char *path, const char *before, const char *after, const struct buf *made)
{
    struct buf now, want;
    size_t head, tail;

    buf_init(&now, FILE_MAX);
    buf_init(&want, FILE_MAX);
    slurp(path, &now);
    head = span_find_span(buf_span(&now), span_str(before));
    assert_true(head < now.len);
    head += strlen(before);
    tail = after[0] != '\0' ? span_find_span(buf_span(&now), span_str(after)) : now.len;
    assert_true(head <= tail);
    buf_append(&want, span_head(buf_span(&now), head));
    buf_append(&want, buf_span(made));
    buf_append(&want, span_from(buf_span(&now), tail));
    if (getenv("GATEPOST_WRITE_DOCS") != NULL)
        spit(path, &want);
    else if (!span_eq(buf_span(&want), buf_span(&now)))
        fail_msg("%s is not what the rows say: run this test with GATEPOST_WRITE_DOCS=1", path);
    buf_free(&now);
    buf_free(&want);
}

static void test_example_is_up_to_date(void **state)
{
    struct buf made;

    (void)state;
    buf_init(&made, FILE_MAX);
    conf_example(settings_rows, &made);
    assert_false(made.overflow);
    compare_or_write(example_path, "\n\n", "", &made);
    buf_free(&made);
}

static void test_manual_is_up_to_date(void **state)
{
    struct buf made;

    (void)state;
    buf_init(&made, FILE_MAX);
    conf_man(settings_rows, &made);
    assert_false(made.overflow);
    compare_or_write(manual_path, "test_settings_docs.c\n", ".\\\" end of rows\n", &made);
    buf_free(&made);
}

/* Everything that a text sets, shown with all defaults. */
static void show_all(span text, struct buf *to)
{
    struct settings set;
    struct arena *arena = arena_new(4096);
    struct conf_errors *errors = conf_errors_new();

    memset(&set, 0, sizeof(set));
    if (!conf_parse(text, "gatepost.yaml", settings_rows, &set, arena, errors, NULL))
        fail_msg("%s", conf_errors_at(errors, 0));
    conf_show(settings_rows, &set, NULL, true, to);
    conf_errors_free(&errors);
    arena_free(&arena);
}

/* "  #key: value" -> "  key: value"; comments have a blank behind the #, keys without a default have no value. */
static void uncomment(span text, struct buf *to)
{
    span line;

    while (span_next(&text, '\n', &line)) {
        size_t at = 0;

        while (at < line.n && line.p[at] == ' ')
            at++;
        if (at + 1 < line.n && line.p[at] == '#' && line.p[at + 1] >= 'a' && line.p[at + 1] <= 'z' && line.p[line.n - 1] != ':') {
            buf_append(to, span_head(line, at));
            buf_append(to, span_from(line, at + 1));
        } else {
            buf_append(to, line);
        }
        buf_append_char(to, '\n');
    }
}

static void test_example_holds_the_defaults(void **state)
{
    struct buf file, bare, none, as_is, without_marks;

    (void)state;
    buf_init(&file, FILE_MAX);
    buf_init(&bare, FILE_MAX);
    buf_init(&none, FILE_MAX);
    buf_init(&as_is, FILE_MAX);
    buf_init(&without_marks, FILE_MAX);
    slurp(example_path, &file);
    uncomment(buf_span(&file), &bare);
    assert_true(span_find_span(buf_span(&bare), SPAN("\n    reject: 5\n")) < bare.len);   /* it did uncomment */
    show_all(SPAN(""), &none);
    show_all(buf_span(&file), &as_is);
    show_all(buf_span(&bare), &without_marks);
    assert_string_equal(buf_cstr(&as_is), buf_cstr(&none));
    assert_string_equal(buf_cstr(&without_marks), buf_cstr(&none));
    buf_free(&file);
    buf_free(&bare);
    buf_free(&none);
    buf_free(&as_is);
    buf_free(&without_marks);
}

/* Help is a sentence, and a default stands within its own bounds. */
static void check_rows(const struct conf_key *rows, int depth)
{
    assert_true(depth < 8);
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        size_t n = r->help != NULL ? strlen(r->help) : 0;

        if (n < 3 || (r->help[n - 1] != '.' && r->help[n - 1] != '>'))
            fail_msg("%s: help \"%s\" is no sentence", r->name, r->help != NULL ? r->help : "");
        if ((r->type == CONF_ENUM) != (r->words != NULL))
            fail_msg("%s: words go with CONF_ENUM", r->name);
        if (r->min > r->max)
            fail_msg("%s: min > max", r->name);
        if (r->sub != NULL)
            check_rows(r->sub, depth + 1);
        if ((r->type == CONF_LIST || r->type == CONF_NAMED) && r->sub_size == 0)
            fail_msg("%s: sub_size", r->name);
    }
}

static void test_rows_are_sound(void **state)
{
    (void)state;
    check_rows(settings_rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_is_up_to_date),
        cmocka_unit_test(test_manual_is_up_to_date),
        cmocka_unit_test(test_example_holds_the_defaults),
        cmocka_unit_test(test_rows_are_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
