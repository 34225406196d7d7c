/* decode_rows.h - what the tests of decoders share: comparing bytes, whatever they are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_DECODE_ROWS_H
#define GATEPOST_TESTS_DECODE_ROWS_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cfilter/mime/decode.h"

enum { ROWS_LIMIT = 1 << 20 };

static inline void print_bytes(const char *what, span s)
{
    print_error("  %s: \"", what);
    for (size_t i = 0; i < s.n && i < 300; i++)
        print_error(isprint((unsigned char)s.p[i]) ? "%c" : "\\x%02x", (unsigned char)s.p[i]);
    print_error("\" (%zu bytes)\n", s.n);
}

static inline void assert_bytes(const char *row, span got, span want)
{
    if (span_eq(got, want))
        return;
    print_error("%s:\n", row);
    print_bytes("got ", got);
    print_bytes("want", want);
    fail();
}

#define ROWS(v) (sizeof(v) / sizeof((v)[0]))

#endif
