/* test_settings_secret.c - secrets are read from files that keep them, and DNSBL zones are made with them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/settings/settings.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char folder[] = "/tmp/gatepost-secret-XXXXXX";
static char file[sizeof(folder) + 16];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof(file), "%s/secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file);
    return rmdir(folder);
}

static void write_secret(span text, mode_t mode)
{
    FILE *f;

    (void)unlink(file);
    f = fopen(file, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(file, mode), 0);
}

static char long_text[5000];

static void test_read(void **state)
{
    const struct { const char *name; span text; mode_t mode; const char *want, *error; } rows[] = {
        { "with line end", SPAN("hunter2\n"), 0600, "hunter2", NULL },
        { "without", SPAN("hunter2"), 0640, "hunter2", NULL },
        { "of DOS", SPAN("hunter2\r\n"), 0600, "hunter2", NULL },
        { "blanks are part of it", SPAN(" a b \n\n"), 0600, " a b \n", NULL },
        { "empty", SPAN(""), 0600, NULL, "is empty" },
        { "only a line end", SPAN("\n"), 0600, NULL, "is empty" },
        { "NUL", SPAN("a\0b"), 0600, NULL, "holds a NUL byte" },
        { "readable by all", SPAN("x"), 0644, NULL, "others may read it (chmod 0640" },
        { "writable by all", SPAN("x"), 0602, NULL, "others may write it" },
        { "writable by the group", SPAN("x"), 0660, NULL, "others may write it" },
        { "too long", { long_text, sizeof(long_text) }, 0600, NULL, "longer than" },
    };

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct errtext err = { "" };
        struct buf secret;
        int r;

        buf_init(&secret, 65536);
        write_secret(rows[i].text, rows[i].mode);
        r = settings_secret_read(file, &secret, &err);
        if ((r == 0) != (rows[i].want != NULL))
            fail_msg("%s: %s", rows[i].name, err.text);
        if (r == 0)
            assert_string_equal(buf_cstr(&secret), rows[i].want);
        else if (strstr(err.text, rows[i].error) == NULL || secret.len != 0)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_null(strstr(err.text, "hunter"));
        buf_free(&secret);
    }
}

static void test_odd_paths(void **state)
{
    struct errtext err = { "" };
    struct buf secret;

    (void)state;
    buf_init(&secret, 1000);
    (void)unlink(file);
    assert_int_equal(settings_secret_read(file, &secret, &err), -1);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(settings_secret_read(file, &secret, &err), -1);      /* and does not wait for a writer */
    assert_non_null(strstr(err.text, "not a plain file"));
    assert_int_equal(settings_secret_read(folder, &secret, &err), -1);
    assert_non_null(strstr(err.text, "not a plain file"));
    buf_free(&secret);
}

static void test_credential(void **state)
{
    struct errtext err = { "" };
    struct buf secret;

    (void)state;
    buf_init(&secret, 1000);
    write_secret(SPAN("cred\n"), 0440);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(settings_secret_read("credential:secret", &secret, &err), -1);
    assert_non_null(strstr(err.text, "LoadCredential=secret:"));
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    assert_int_equal(settings_secret_read("credential:secret", &secret, &err), 0);
    assert_string_equal(buf_cstr(&secret), "cred");
    assert_int_equal(settings_secret_read("credential:other", &secret, &err), -1);
    unsetenv("CREDENTIALS_DIRECTORY");
    buf_free(&secret);
}

static void test_dnsbl_zone(void **state)
{
    const struct { const char *name; struct set_dnsbl list; const char *key, *want; } rows[] = {
        { "zone", { .zone = "dnsbl.example" }, NULL, "dnsbl.example" },
        { "zone with key", { .zone = "dnsbl.example", .key_file = file }, "abc123\n", "abc123.dnsbl.example" },
        { "public", { .preset = DNSBL_PRESET_SPAMHAUS }, NULL, "zen.spamhaus.org" },
        { "public, domains", { .preset = DNSBL_PRESET_SPAMHAUS, .kind = DNSBL_SENDER }, NULL, "dbl.spamhaus.org" },
        { "dqs", { .preset = DNSBL_PRESET_SPAMHAUS_DQS, .key_file = file }, " abc123 \n", "abc123.zen.dq.spamhaus.net" },
        { "dqs, domains", { .preset = DNSBL_PRESET_SPAMHAUS_DQS, .key_file = file, .kind = DNSBL_HELO }, "abc123", "abc123.dbl.dq.spamhaus.net" },
        { "two words", { .preset = DNSBL_PRESET_SPAMHAUS_DQS, .key_file = file }, "key: abc123\n", NULL },
        { "a name", { .preset = DNSBL_PRESET_SPAMHAUS_DQS, .key_file = file }, "abc.def\n", NULL },
        { "nothing", { .preset = DNSBL_PRESET_SPAMHAUS_DQS, .key_file = file }, "  \n", NULL },
        { "no file", { .preset = DNSBL_PRESET_SPAMHAUS_DQS, .key_file = "/nonexistent" }, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct errtext err = { "" };
        struct buf zone;
        int r;

        buf_init(&zone, 300);
        if (rows[i].key != NULL)
            write_secret(span_str(rows[i].key), 0600);
        r = settings_dnsbl_zone(&rows[i].list, &zone, &err);
        if ((r == 0) != (rows[i].want != NULL) || (r == 0 && strcmp(buf_cstr(&zone), rows[i].want) != 0))
            fail_msg("%s: %d %s", rows[i].name, r, r == 0 ? buf_cstr(&zone) : err.text);
        assert_null(strstr(err.text, "abc"));         /* an error never tells the key */
        buf_free(&zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_odd_paths),
        cmocka_unit_test(test_credential),
        cmocka_unit_test(test_dnsbl_zone),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
