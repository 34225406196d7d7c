/* fuzz_union.c - our own reader of MIME: whatever comes, it ends within its budget; and what a plain encoder makes of the input is found.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <openssl/evp.h>
#include <stdlib.h>

#include "cfilter/mime/union.h"
#include "lib/base/alloc.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct wanted {
    span bytes;
    bool found;
};

static bool take(const struct union_output *o, void *arg)
{
    struct wanted *w = arg;

    if (o->bytes.n == 0)
        abort();
    if (w->bytes.n > 0 && span_eq(o->bytes, w->bytes))
        w->found = true;
    return true;
}

static void read_message(span message, struct wanted *w)
{
    struct union_limits limits = { .max_parts = 2000, .max_depth = 10, .max_decoded_bytes = 1024 * 1024 + 64 * message.n, .key = { 3, 4 } };
    struct union_report r;

    struct wanted any = { .bytes = SPAN("") };

    union_read_file(message, &limits, take, &any, &r);
    if (r.decoded_bytes > limits.max_decoded_bytes || r.shapes != 0)
        abort();
    union_read(message, &limits, take, w, &r);
    if (r.decoded_bytes > limits.max_decoded_bytes)
        abort();
    if (w->bytes.n > 0 && !w->found && r.limit == NULL)
        abort();
}

static bool is_blank(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0')
            return false;
    return true;
}

static void read_encoded(span file)
{
    char *text = xmalloc(4 * ((file.n + 2) / 3) + 1);
    int n = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)file.p, (int)file.n);
    struct wanted w = { .bytes = file };
    struct buf m;

    buf_init(&m, 1024 * 1024);
    buf_append_str(&m, "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n");
    for (span rest = span_of(text, (size_t)n); rest.n > 0; rest = span_from(rest, 76)) {
        buf_append(&m, span_head(rest, 76));
        buf_append(&m, SPAN("\r\n"));
    }
    buf_append(&m, SPAN("--b--\r\n"));
    read_message(buf_span(&m), &w);
    buf_free(&m);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = span_of((const char *)data, size);
    struct wanted any = { .bytes = SPAN("") };

    if (size > 64 * 1024)
        return 0;
    read_message(in, &any);
    if (!is_blank(in))
        read_encoded(in);
    return 0;
}
