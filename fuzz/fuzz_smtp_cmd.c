/* fuzz_smtp_cmd.c - what is parsed lies inside the line; paths and parameters never hold what would end them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/smtp_cmd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(span part, span whole)
{
    return part.p == NULL || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    struct smtp_mail_params mp;
    struct smtp_param param;
    struct smtp_path path;
    struct smtp_cmd c;

    if (!smtp_cmd_parse(in, &c))
        return 0;
    if (c.word.n == 0 || !inside(c.word, in) || !inside(c.args, in) || !span_eq(c.line, in))
        abort();
    if (!smtp_cmd_path(&c, &path))
        return 0;
    if (c.verb != SMTP_MAIL && c.verb != SMTP_RCPT)
        abort();
    if (!inside(path.raw, in) || !inside(path.mailbox, path.raw) || !inside(path.params, in) || path.raw.n == 0)
        abort();
    if (path.bracketed != (path.raw.p[0] == '<') || (path.bracketed && path.raw.p[path.raw.n - 1] != '>'))
        abort();
    smtp_mail_params(path.params, &mp);
    while (smtp_param_next(&path.params, &param))
        if (!inside(param.name, in) || span_find(param.name, '=') < param.name.n || span_find(param.value, ' ') < param.value.n)
            abort();
    return 0;
}
