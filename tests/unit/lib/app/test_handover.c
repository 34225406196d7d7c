/* test_handover.c - the signed field: what is read back, and what is not believed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/app/handover.h"

enum { NOW = 1764000000, MAX_AGE = 3600 };

static const struct handover_key key = { .b = { 1, 2, 3 } };
static const struct handover sample = {
    .id = "0123456789ABC", .time_s = NOW,          .client = "2001:db8::7",       .score = 6.5,
    .hits = "zen:5,helo:1.5", .login = "a b;c%d\xc3\xa9", .trusted = true, .msg_class = "default",
};

/* The field's body: what follows "X-Gatepost:". */
static char *body_of(const struct handover *h, span reverse_path)
{
    static char text[8192];
    struct buf b;

    buf_init(&b, sizeof text);
    handover_write(h, reverse_path, &key, &b);
    snprintf(text, sizeof text, "%s", buf_cstr(&b) + strlen(HANDOVER_FIELD ":"));
    assert_memory_equal(buf_cstr(&b), HANDOVER_FIELD ": v=1; id=", 16);
    buf_free(&b);
    return text;
}

static enum handover_status read_at(const char *body, span reverse_path, int64_t now, struct handover *out)
{
    return handover_read(span_str(body), reverse_path, &key, now, MAX_AGE, out);
}

static void assert_sample(const struct handover *h)
{
    assert_string_equal(h->id, sample.id);
    assert_true(h->time_s == sample.time_s);
    assert_string_equal(h->client, sample.client);
    assert_true(h->score > 6.499 && h->score < 6.501);
    assert_string_equal(h->hits, sample.hits);
    assert_string_equal(h->login, sample.login);
    assert_true(h->trusted);
    assert_string_equal(h->msg_class, sample.msg_class);
}

static void test_round_trip(void **state)
{
    struct handover got;
    char *body = body_of(&sample, SPAN("a@example.net"));

    (void)state;
    for (const char *p = body; *p != '\0'; p++)
        assert_true(*p >= 0x20 && *p < 0x7f);
    assert_int_equal(read_at(body, SPAN("a@example.net"), NOW, &got), HANDOVER_OK);
    assert_sample(&got);
    struct handover least = { .id = "0123456789ABC", .time_s = NOW };
    assert_int_equal(read_at(body_of(&least, SPAN("")), SPAN(""), NOW, &got), HANDOVER_OK);
    assert_string_equal(got.login, "");
    assert_false(got.trusted);
    /* the longest of everything */
    struct handover most = sample;
    memset(most.hits, ';', sizeof most.hits - 1);
    memset(most.login, '%', sizeof most.login - 1);
    memset(most.client, ' ', sizeof most.client - 1);
    memset(most.msg_class, '\n', sizeof most.msg_class - 1);
    assert_int_equal(read_at(body_of(&most, SPAN("x")), SPAN("x"), NOW, &got), HANDOVER_OK);
    assert_memory_equal(got.hits, most.hits, sizeof most.hits);
    assert_memory_equal(got.login, most.login, sizeof most.login);
    assert_memory_equal(got.msg_class, most.msg_class, sizeof most.msg_class);
}

/* "; " becomes `instead`. */
static char *refolded(const char *body, const char *instead)
{
    static char text[8192];
    size_t n = 0;

    for (const char *p = body; *p != '\0'; p++) {
        if (p[0] == ' ' && p > body) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", instead);
            continue;
        }
        text[n++] = *p;
    }
    text[n] = '\0';
    return text;
}

static void test_folds(void **state)
{
    static const struct { const char *name, *fold; enum handover_status want; } rows[] = {
        { "CRLF SP", "\r\n ", HANDOVER_OK },   { "CRLF TAB", "\r\n\t", HANDOVER_OK },        { "LF SP", "\n ", HANDOVER_OK },
        { "two blanks", "  ", HANDOVER_OK },   { "CR alone", "\r ", HANDOVER_BAD_SYNTAX },   { "a new line", "\r\n", HANDOVER_BAD_SYNTAX },
        { "no blank", "", HANDOVER_BAD_SYNTAX }, { "NUL-like", "\x01", HANDOVER_BAD_SYNTAX },
    };
    struct handover got;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = refolded(body_of(&sample, SPAN("p")), rows[i].fold);

        if (read_at(text, SPAN("p"), NOW, &got) != rows[i].want)
            fail_msg("%s", rows[i].name);
    }
}

static void test_age(void **state)
{
    static const struct { const char *name; int64_t now; enum handover_status want; } rows[] = {
        { "now", NOW, HANDOVER_OK },
        { "just young enough", NOW + MAX_AGE, HANDOVER_OK },
        { "replayed", NOW + MAX_AGE + 1, HANDOVER_TOO_OLD },
        { "clocks differ a little", NOW - 200, HANDOVER_OK },
        { "from the future", NOW - 400, HANDOVER_TOO_OLD },
    };
    struct handover got;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (read_at(body_of(&sample, SPAN("p")), SPAN("p"), rows[i].now, &got) != rows[i].want)
            fail_msg("%s", rows[i].name);
}

/* Any changed byte, any cut: never HANDOVER_OK, and *out stays as it was. */
static void test_forged(void **state)
{
    char *body = body_of(&sample, SPAN("a@example.net")), text[8192];
    struct handover got = { .client = "untouched" };
    size_t n = strlen(body);

    (void)state;
    assert_int_equal(read_at(body, SPAN("b@example.net"), NOW, &got), HANDOVER_BAD_MAC);
    assert_int_equal(read_at(body, SPAN(""), NOW, &got), HANDOVER_BAD_MAC);
    for (size_t i = 1; i < n; i++) {
        snprintf(text, sizeof text, "%s", body);
        text[i] ^= 1;
        if (read_at(text, SPAN("a@example.net"), NOW, &got) == HANDOVER_OK)
            fail_msg("byte %zu of %s", i, text);
        snprintf(text, sizeof text, "%.*s", (int)i, body);
        if (read_at(text, SPAN("a@example.net"), NOW, &got) == HANDOVER_OK)
            fail_msg("cut to %zu", i);
    }
    struct handover_key other = { .b = { 9 } };
    assert_int_equal(handover_read(span_str(body), SPAN("a@example.net"), &other, NOW, MAX_AGE, &got), HANDOVER_BAD_MAC);
    assert_string_equal(got.client, "untouched");
}

/* Bodies whose syntax is wrong, whoever signed them. */
static void test_syntax(void **state)
{
#define MAC "mac=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define REST "client=; score=0.000; hits=; login=; trusted=0; class=; "
    static const struct { const char *name, *body; enum handover_status want; } rows[] = {
        { "whole but unsigned", " v=1; id=0123456789ABC; t=1; " REST MAC, HANDOVER_BAD_MAC },
        { "next version", " v=2; id=0123456789ABC; t=1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "no version", " id=0123456789ABC; t=1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "version not first", " id=0123456789ABC; v=1; t=1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "attribute twice", " v=1; id=0123456789ABC; id=0123456789ABC; t=1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "attribute missing", " v=1; id=0123456789ABC; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "unknown attribute", " v=1; id=0123456789ABC; t=1; x=1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "two macs", " v=1; id=0123456789ABC; t=1; " REST MAC "; " MAC, HANDOVER_BAD_SYNTAX },
        { "text behind the mac", " v=1; id=0123456789ABC; t=1; " REST MAC "; x=1", HANDOVER_BAD_SYNTAX },
        { "bad id", " v=1; id=0123; t=1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "negative time", " v=1; id=0123456789ABC; t=-1; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "huge time", " v=1; id=0123456789ABC; t=99999999999999999999; " REST MAC, HANDOVER_BAD_SYNTAX },
        { "half an escape", " v=1; id=0123456789ABC; t=1; client=%2; score=0; hits=; login=; trusted=0; class=; " MAC, HANDOVER_BAD_SYNTAX },
        { "NUL", " v=1; id=0123456789ABC; t=1; client=%00; score=0; hits=; login=; trusted=0; class=; " MAC, HANDOVER_BAD_SYNTAX },
        { "score inf", " v=1; id=0123456789ABC; t=1; client=; score=inf; hits=; login=; trusted=0; class=; " MAC, HANDOVER_BAD_SYNTAX },
        { "score hex", " v=1; id=0123456789ABC; t=1; client=; score=0x1; hits=; login=; trusted=0; class=; " MAC, HANDOVER_BAD_SYNTAX },
        { "score empty", " v=1; id=0123456789ABC; t=1; client=; score=; hits=; login=; trusted=0; class=; " MAC, HANDOVER_BAD_SYNTAX },
        { "trusted=2", " v=1; id=0123456789ABC; t=1; client=; score=0; hits=; login=; trusted=2; class=; " MAC, HANDOVER_BAD_SYNTAX },
        { "empty", "", HANDOVER_BAD_SYNTAX },
        { "only a mac", " " MAC, HANDOVER_BAD_SYNTAX },
    };
    struct handover got;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (read_at(rows[i].body, SPAN("p"), NOW, &got) != rows[i].want)
            fail_msg("%s", rows[i].name);
}

static void test_key_file(void **state)
{
    char folder[] = "/tmp/test_handover.XXXXXX", path[64], hex[128] = "";
    struct handover_key a, b;
    struct errtext err;
    struct stat st;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    assert_int_equal(handover_key_load(path, false, &a, &err), -1);
    assert_non_null(strstr(err.text, "no key file"));
    assert_int_equal(handover_key_load(path, true, &a, &err), 0);
    assert_int_equal(handover_key_load(path, true, &b, &err), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(handover_key_load(path, true, &b, &err), -1);
    assert_non_null(strstr(err.text, "everybody"));
    assert_int_equal(chmod(path, 0640), 0);

    f = fopen(path, "r");
    assert_non_null(fgets(hex, sizeof hex, f));
    fclose(f);
    assert_int_equal(strspn(hex, "0123456789abcdef"), 64);
    f = fopen(path, "w");
    fprintf(f, "%.63s\n", hex);
    fclose(f);
    assert_int_equal(handover_key_load(path, true, &b, &err), -1);
    assert_non_null(strstr(err.text, "64 hex digits"));
    unlink(path);
    assert_int_equal(rmdir(folder), 0);       /* no half-made key is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_folds),  cmocka_unit_test(test_age),
        cmocka_unit_test(test_forged),     cmocka_unit_test(test_syntax), cmocka_unit_test(test_key_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
