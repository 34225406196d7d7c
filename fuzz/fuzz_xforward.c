/* fuzz_xforward.c - what was taken over can be handed on in short clean commands, and is then the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/smtp_cmd.h"
#include "lib/proto/smtp_line.h"
#include "lib/proto/xforward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_commands(span text, int commands, struct xforward *back)
{
    struct smtp_line l;
    struct smtp_cmd c;
    span line;
    size_t used;

    smtp_line_init(&l);
    for (; text.n > 0; commands--, text = span_from(text, used)) {
        if (smtp_line_next(&l, text, XFORWARD_COMMAND_MAX - 2, &line, &used) != SMTP_LINE_OK || !smtp_cmd_parse(line, &c) ||
            c.verb != SMTP_XFORWARD || xforward_parse(c.args, back) != XFORWARD_OK)
            abort();
    }
    if (commands != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    unsigned all = (1u << XFORWARD_ATTRS) - 1;
    struct xforward x, back;
    struct buf b;
    int n;

    (void)xforward_offered(in);
    xforward_init(&x);
    xforward_init(&back);
    if (xforward_parse(in, &x) != XFORWARD_OK) {
        for (int a = 0; a < XFORWARD_ATTRS; a++)
            if (x.v[a].given)
                abort();
        return 0;
    }
    buf_init(&b, 1 << 16);
    n = xforward_append(&b, &x, all);
    if (n <= 0)
        abort();
    check_commands(buf_span(&b), n, &back);
    for (int a = 0; a < XFORWARD_ATTRS; a++) {
        span was = xforward_get(&x, (enum xforward_attr)a), is = xforward_get(&back, (enum xforward_attr)a);

        /* A value that no command has room for is handed on as unknown. */
        if (x.v[a].given != back.v[a].given || (!span_eq(was, is) && (is.n > 0 || was.n < 150)))
            abort();
    }
    buf_free(&b);
    return 0;
}
