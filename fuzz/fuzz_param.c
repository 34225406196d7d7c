/* fuzz_param.c - a value that is written by the rules is among the readings, first; spans lie in the field or are owned; the list has its bound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/param.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena *arena;

static void expect_first(span body, span name, span value)
{
    struct param_list l = { 0 };
    struct param p;
    size_t i = 0;

    arena_reset(arena);
    param_parse(body, arena, &l);
    if (!param_next(&l, name, &i, &p) || !span_eq(p.value, value))
        abort();
}

static void check_quoted(span in)
{
    struct buf b, plain;

    buf_init(&b, 1 << 20);
    buf_init(&plain, 1 << 20);
    buf_append(&b, SPAN("multipart/mixed; name=\""));
    for (size_t i = 0; i < in.n && i < 4000; i++) {
        if (in.p[i] == '\r' || in.p[i] == '\n')
            continue;
        if (in.p[i] == '"' || in.p[i] == '\\')
            buf_append_char(&b, '\\');
        buf_append_char(&b, in.p[i]);
        buf_append_char(&plain, in.p[i]);
    }
    buf_append(&b, SPAN("\"; other=value"));
    expect_first(buf_span(&b), SPAN("name"), buf_span(&plain));
    expect_first(buf_span(&b), SPAN("other"), SPAN("value"));
    expect_first(buf_span(&b), SPAN(""), SPAN("multipart/mixed"));
    buf_free(&b);
    buf_free(&plain);
}

static void check_extended(span in)
{
    struct buf b;
    span some = span_head(in, 1000);

    buf_init(&b, 1 << 20);
    buf_append(&b, SPAN("x/y; name*=utf-8''"));
    for (size_t i = 0; i < some.n; i++)
        buf_printf(&b, "%%%02x", (unsigned char)some.p[i]);
    expect_first(buf_span(&b), SPAN("name"), some);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    struct param_list l = { 0 };
    size_t bytes = 0;

    if (arena == NULL)
        arena = arena_new(1 << 16);
    arena_reset(arena);
    param_parse(in, arena, &l);
    if (l.n == 0 || l.n > PARAM_LIST_MAX || (arena_used(arena) > 200 * size + 100000))
        abort();
    for (size_t i = 0; i < l.n; i++)
        for (size_t k = 0; k < l.v[i].value.n; k++)
            bytes += (unsigned char)l.v[i].value.p[k];        /* a sanitizer sees a span that is not there */
    (void)bytes;
    check_quoted(in);
    check_extended(in);
    return 0;
}
