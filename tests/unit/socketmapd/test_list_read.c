/* test_list_read.c - lists, exports and patterns: what is a recipient in them, and which line is wrong.
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

#include "socketmapd/list_patterns.h"
#include "socketmapd/list_read.h"

static char folder[] = "/tmp/gatepost-list-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const struct {
    const char *name, *file, *text;
    const char *has[6], *has_not[4];
    const char *wrong;               /* part of the error */
    const char *patterns;
} rows[] = {
    { "a list", "a.txt", "# people\nBob@Example.com\n\n@all.example # everybody\r\n\"quo ted\"@example.com\n",
      { "bob@example.com", "@all.example", "quo ted@example.com" }, { "people" }, NULL, "" },
    { "no line end", "a.txt", "bob@example.com", { "bob@example.com" }, { NULL }, NULL, "" },
    { "a wrong line", "a.txt", "bob@example.com\n\nnobody\n", { NULL }, { NULL }, "a.txt:3: \"nobody\" is neither", NULL },
    { "patterns", "a.txt", "/^.+-bounces@lists\\.example\\.com$/\nbob@example.com\n", { "bob@example.com" }, { NULL }, NULL,
      "^.+-bounces@lists\\.example\\.com$\n" },
    { "half a pattern", "a.txt", "/abc\n", { NULL }, { NULL }, "a.txt:1: \"/abc\" is no pattern", NULL },
    { "Exchange's CSV", "export.csv",
      "\"Name\",\"EmailAddresses\",\"PrimarySmtpAddress\"\r\n\"Bob, B.\",\"SMTP:bob@example.com;smtp:b@example.com;SIP:s@example.com;x500:/o=x\",\"bob@example.com\"\r\n"
      "\"says \"\"hi\"\"\",,carol@example.com\r\n",
      { "bob@example.com", "b@example.com", "carol@example.com" }, { "s@example.com" }, NULL, "" },
    { "CSV with semicolons", "export.csv", "Name;Mail\nBob;bob@example.com\n", { "bob@example.com" }, { NULL }, NULL, "" },
    { "a CSV without addresses", "export.csv", "Name,Phone\nBob,123\n", { NULL }, { NULL }, "export.csv: no address", NULL },
    { "LDIF", "export.ldif",
      "dn: uid=bob,dc=example\nmail: bob@example.com\nproxyAddresses: SMTP:b.o\n b@example.com\nproxyAddresses: SIP:s@example.com\n"
      "description: x@example.com\nmail:: Y2Fyb2xAZXhhbXBsZS5jb20=\nMailLocalAddress;x-a: dave@example.com\n\n",
      { "bob@example.com", "b.ob@example.com", "carol@example.com", "dave@example.com" }, { "s@example.com", "x@example.com" }, NULL, "" },
    { "an empty list", "a.txt", "", { NULL }, { "bob@example.com" }, NULL, "" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rcpt_set_writer *w = rcpt_set_writer_new();
        struct errtext err = { "" };
        struct buf patterns;
        char path[128];
        FILE *f;
        int r;

        print_message("%s\n", rows[i].name);
        snprintf(path, sizeof(path), "%s/%s", folder, rows[i].file);
        f = fopen(path, "we");
        fputs(rows[i].text, f);
        fclose(f);
        buf_init(&patterns, 4096);
        r = list_read(path, 1, true, w, &patterns, &err);
        if (rows[i].wrong != NULL) {
            assert_int_equal(r, -1);
            if (strstr(err.text, rows[i].wrong) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].wrong);
        } else {
            assert_string_equal(err.text, "");
            assert_int_equal(r, 0);
            assert_string_equal(buf_cstr(&patterns), rows[i].patterns);
        }
        for (size_t k = 0; k < 6 && rows[i].has[k] != NULL; k++)
            assert_true(rcpt_set_added(w, span_str(rows[i].has[k])));
        for (size_t k = 0; k < 4 && rows[i].has_not[k] != NULL; k++)
            assert_false(rcpt_set_added(w, span_str(rows[i].has_not[k])));
        buf_free(&patterns);
        rcpt_set_writer_free(&w);
        unlink(path);
    }
}

static void test_patterns(void **state)
{
    struct errtext err = { "" };
    struct list_patterns *p = list_patterns_new(SPAN(".+-bounces@lists\\.example\\.com\nspecial@example\\.com\n"), &err);
    bool failed;

    (void)state;
    assert_non_null(p);
    assert_non_null(list_patterns_match(p, SPAN("x-bounces@lists.example.com"), &failed));
    assert_non_null(list_patterns_match(p, SPAN("Special@Example.com"), &failed));
    assert_null(list_patterns_match(p, SPAN("x-bounces@lists.example.com.evil.example"), &failed));      /* whole addresses */
    assert_null(list_patterns_match(p, SPAN("notspecial@example.com"), &failed));
    assert_false(failed);
    list_patterns_free(&p);
    assert_null(list_patterns_new(SPAN("ok\n(un\n"), &err));
    assert_non_null(strstr(err.text, "/(un/ is wrong"));
    p = list_patterns_new(SPAN("(a+)+b@example\\.com\n"), &err);
    assert_null(list_patterns_match(p, SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac@example.com"), &failed));
    assert_true(failed);
    list_patterns_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_patterns) };

    return cmocka_run_group_tests_name("list_read", tests, make_folder, remove_folder);
}
