/* test_decode_qp.c - quoted-printable clean and otherwise, as each kind of reader takes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/decode_qp.h"
#include "tests/unit/cfilter/mime/decode_rows.h"

static void test_rows(void **state)
{
    static const struct { const char *name; unsigned policy; span in, out; unsigned seen; } rows[] = {
        { "nothing", 0, SPAN(""), SPAN(""), 0 },
        { "plain", 0, SPAN("abc\r\ndef\r\n"), SPAN("abc\r\ndef\r\n"), 0 },
        { "escapes", 0, SPAN("=41=3D=00=FF"), SPAN("A=\0\xff"), 0 },
        { "lower case", 0, SPAN("=3d=fF"), SPAN("=\xff"), QP_SAW_LOWER },
        { "lower case is none", QP_UPPER_ONLY, SPAN("=3d=3D"), SPAN("=3d="), QP_SAW_LOWER | QP_SAW_BAD },
        { "soft CR LF", 0, SPAN("ab=\r\ncd"), SPAN("abcd"), 0 },
        { "soft LF", 0, SPAN("ab=\ncd"), SPAN("abcd"), 0 },
        { "soft break before what could be digits", 0, SPAN("ab=\r\n41=\n4"), SPAN("ab414"), 0 },
        { "8 bits and NUL", 0, SPAN("\xe4\0\xff"), SPAN("\xe4\0\xff"), 0 },

        { "soft CR", 0, SPAN("ab=\rcd"), SPAN("abcd"), QP_SAW_CR },
        { "soft CR, to the LF", QP_CR_TO_LF, SPAN("ab=\rcd\nef"), SPAN("abef"), QP_SAW_CR },
        { "soft CR, to the LF that never comes", QP_CR_TO_LF, SPAN("ab=\rcd"), SPAN("ab"), QP_SAW_CR },
        { "CR is kept", QP_CR_KEPT, SPAN("ab=\rcd"), SPAN("ab=\rcd"), QP_SAW_CR | QP_SAW_BAD },
        { "soft with blanks", 0, SPAN("ab= \t\r\ncd"), SPAN("abcd"), QP_SAW_SOFT_BLANKS },
        { "soft with a form feed", 0, SPAN("ab=\f\v\r\ncd"), SPAN("abcd"), QP_SAW_SOFT_BLANKS },
        { "soft with blanks is none", QP_BLANKS_NOT_SOFT, SPAN("ab= \ncd"), SPAN("ab= \ncd"), QP_SAW_SOFT_BLANKS | QP_SAW_BAD | QP_SAW_BLANKS },
        { "a sign at the end", 0, SPAN("ab="), SPAN("ab"), 0 },
        { "a sign and blanks at the end", 0, SPAN("ab= "), SPAN("ab"), QP_SAW_SOFT_BLANKS },
        { "half an escape at the end", 0, SPAN("ab=4"), SPAN("ab=4"), QP_SAW_BAD },

        { "LF and CR, of which one is kept", 0, SPAN("ab=\n\rcd"), SPAN("ab\rcd"), QP_SAW_LF_CR },
        { "LF and CR", QP_LF_CR, SPAN("ab=\n\rcd"), SPAN("abcd"), QP_SAW_LF_CR },
        { "LF and an empty line", QP_LF_CR, SPAN("ab=\n\r\ncd"), SPAN("ab\r\ncd"), 0 },

        { "bad, kept", 0, SPAN("a=zz=41"), SPAN("a=zzA"), QP_SAW_BAD },
        { "half bad, kept", 0, SPAN("a=4z=41"), SPAN("a=4zA"), QP_SAW_BAD },
        { "bad before good, kept", 0, SPAN("=4=31"), SPAN("=41"), QP_SAW_BAD },
        { "bad before good, copied", QP_BAD_COPIED, SPAN("=4=31"), SPAN("=4=31"), QP_SAW_BAD },
        { "bad, copied at the end", QP_BAD_COPIED, SPAN("=z"), SPAN("=z"), QP_SAW_BAD },
        { "bad, sign dropped", QP_BAD_SIGN_DROPPED, SPAN("a=zz=41"), SPAN("azzA"), QP_SAW_BAD },
        { "bad, dropped", QP_BAD_DROPPED, SPAN("a=zzb=41"), SPAN("abA"), QP_SAW_BAD },
        { "bad, dropped at the end", QP_BAD_DROPPED, SPAN("a=z"), SPAN("a"), QP_SAW_BAD },

        { "two signs", 0, SPAN("==41"), SPAN("=A"), QP_SAW_DOUBLE | QP_SAW_BAD },
        { "two signs are one", QP_DOUBLE, SPAN("==41"), SPAN("=41"), QP_SAW_DOUBLE },
        { "two signs, copied", QP_BAD_COPIED, SPAN("==41"), SPAN("==41"), QP_SAW_DOUBLE | QP_SAW_BAD },
        { "three signs", 0, SPAN("===41"), SPAN("==A"), QP_SAW_DOUBLE | QP_SAW_BAD },

        { "split by a line end, as it stands", 0, SPAN("=4\r\n1"), SPAN("=4\r\n1"), QP_SAW_SPLIT | QP_SAW_BAD },
        { "split by a line end", QP_SPLIT, SPAN("=4\r\n1"), SPAN("A"), QP_SAW_SPLIT },
        { "split by a soft break, as it stands", 0, SPAN("=4=\r\n1"), SPAN("=41"), QP_SAW_SPLIT | QP_SAW_BAD },
        { "split by a soft break", QP_SOFT_FIRST, SPAN("=4=\r\n1"), SPAN("A"), QP_SAW_SPLIT },
        { "split by a soft break with blanks", QP_SOFT_FIRST, SPAN("=4= \n1"), SPAN("A"), QP_SAW_SPLIT },
        { "soft break right behind the sign", QP_SOFT_FIRST, SPAN("==\n41"), SPAN("A"), QP_SAW_SPLIT | QP_SAW_DOUBLE },
        { "split by several", QP_SOFT_FIRST | QP_SPLIT, SPAN("==\n4=\r\n\r\n1"), SPAN("A"), QP_SAW_SPLIT | QP_SAW_DOUBLE },
        { "a plain soft break is never part of an escape", QP_SOFT_FIRST | QP_SPLIT, SPAN("=\r\n41"), SPAN("41"), 0 },

        { "blanks at line ends", 0, SPAN("ab \r\ncd\t\nef "), SPAN("ab \r\ncd\t\nef "), QP_SAW_BLANKS },
        { "blanks at line ends go", QP_BLANKS_STRIPPED, SPAN("ab \r\ncd\t\nef "), SPAN("ab\r\ncd\nef"), QP_SAW_BLANKS },
        { "encoded blanks stay", QP_BLANKS_STRIPPED, SPAN("ab=20\r\n"), SPAN("ab \r\n"), 0 },
        { "blanks before an escape stay", QP_BLANKS_STRIPPED, SPAN("ab  =41 \n"), SPAN("ab  A\n"), QP_SAW_BLANKS },
        { "a line of blanks", QP_BLANKS_STRIPPED, SPAN("a\r\n \t \r\nb"), SPAN("a\r\n\r\nb"), QP_SAW_BLANKS },
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decode_result r;

        buf_reset(&b);
        r = qp_decode(rows[i].in, rows[i].policy, &b);
        assert_bytes(rows[i].name, buf_span(&b), rows[i].out);
        if (r.seen != rows[i].seen || r.made_bytes != b.len || r.full || r.used_bytes != rows[i].in.n)
            fail_msg("%s: seen %#x, want %#x; used %zu", rows[i].name, r.seen, rows[i].seen, r.used_bytes);
    }
    buf_free(&b);
}

static void test_limit(void **state)
{
    (void)state;
    for (size_t limit = 0; limit <= 10; limit++) {
        struct decode_result r;
        struct buf b;

        buf_init(&b, limit);
        r = qp_decode(SPAN("ab=41=\r\ncd\r\nef"), 0, &b);
        assert_bytes("as much as fits", buf_span(&b), span_head(SPAN("abAcd\r\nef"), limit));
        assert_int_equal(r.full, limit < 9);
        buf_free(&b);
    }
}

static void test_policies(void **state)
{
    static const struct { unsigned seen; size_t n; unsigned first; } rows[] = {
        { 0, 0, 0 },
        { QP_SAW_BAD, 3, QP_BAD_SIGN_DROPPED },
        { QP_SAW_SPLIT, 2, QP_SOFT_FIRST },
        { QP_SAW_LOWER, 1, QP_UPPER_ONLY },
        { QP_SAW_BLANKS, 1, QP_BLANKS_STRIPPED },
    };
    unsigned v[QP_POLICIES_MAX];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = qp_policies(rows[i].seen, v);

        assert_int_equal(n, rows[i].n);
        if (n > 0)
            assert_int_equal(v[0], rows[i].first);
    }
    assert_true(qp_policies(0xffff, v) <= QP_POLICIES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
