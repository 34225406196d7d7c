/* fuzz_header.c - the fields are the header section, without a gap; unfolded text is one line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    struct header_field f;
    struct buf b;
    size_t at = 0, next = 0, body = header_section_end(in);

    buf_init(&b, size);
    while (header_next(in, &at, &f)) {
        if (f.at != next || f.whole.n == 0 || f.whole.p != in.p + next || at != next + f.whole.n)
            abort();
        if (f.name.n > 0 && !header_name_is_valid(f.name))
            abort();
        if (f.body.n > f.whole.n || f.body.p < f.whole.p || f.body.p + f.body.n > f.whole.p + f.whole.n)
            abort();
        buf_reset(&b);
        if (!header_unfold(f.body, &b) || span_find(buf_span(&b), '\r') < b.len || span_find(buf_span(&b), '\n') < b.len)
            abort();
        next = at;
    }
    if (at != next || (at < size && body != at + 2) || (at == size && body != size))
        abort();
    buf_free(&b);
    return 0;
}
