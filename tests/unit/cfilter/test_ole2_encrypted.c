/* test_ole2_encrypted.c - encrypted and open Office files, by the marks they carry.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cfilter/ole2_encrypted.h"

#define MAGIC "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#define WIDE_PACKAGE "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0\0\0"

static const struct {
    const char *name;
    size_t at;                 /* where the bytes stand in a file of four sectors */
    span bytes;
    bool want;
} rows[] = {
    { "nothing", 600, { "", 0 }, false },
    { "a package", 1024, { WIDE_PACKAGE, sizeof WIDE_PACKAGE - 1 }, true },
    { "a package cut short", 1024, { WIDE_PACKAGE, sizeof WIDE_PACKAGE - 8 }, false },
    { "its name in plain letters", 1024, { "EncryptedPackage", 17 }, false },
    { "Word", 1024, { "\xec\xa5\xc1\0\0\0\x09\x04\0\0\0\0", 12 }, false },
    { "Word, encrypted", 1024, { "\xec\xa5\xc1\0\0\0\x09\x04\0\0\0\x01", 12 }, true },
    { "Word, encrypted and else", 512, { "\xec\xa5\x12\x01\0\0\x09\x04\0\0\xff\xff", 12 }, true },
    { "Word's mark not at a sector", 1030, { "\xec\xa5\xc1\0\0\0\x09\x04\0\0\0\x01", 12 }, false },
    { "Word of no version", 1024, { "\xec\xa5\xff\xff\0\0\x09\x04\0\0\0\x01", 12 }, false },
    { "Excel", 512, { "\x09\x08\x10\0\0\x06\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\xe1\0\x02\0", 24 }, false },
    { "Excel, encrypted", 512, { "\x09\x08\x10\0\0\x06\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x2f\0\x36\0", 24 }, true },
    { "Excel, write-protected, encrypted", 512, { "\x09\x08\x10\0\0\x06\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x86\0\0\0\x2f\0\x36\0", 28 }, true },
    { "Excel, a record of any length", 512, { "\x09\x08\x10\0\0\x06\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x86\0\xff\xff\x2f\0", 26 }, false },
};

static void by_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[2048] = MAGIC;

        if (rows[i].bytes.n > 0)
            memcpy(file + rows[i].at, rows[i].bytes.p, rows[i].bytes.n);
        if (ole2_is_encrypted(span_of(file, sizeof file)) != rows[i].want)
            fail_msg("%s", rows[i].name);
        for (size_t n = 0; n < sizeof file; n += 7)         /* any length is fine */
            ole2_is_encrypted(span_of(file, n));
        file[0] = 'x';
        assert_false(ole2_is_encrypted(span_of(file, sizeof file)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(by_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
