/* fuzz_netstring.c - a frame is found at the same place however much of it is there; what is written is read back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/netstring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size }, got, again;
    size_t used, used_again;
    enum ns_status status = netstring_decode(in, 4096, &got, &used);
    struct buf b;

    /* Every prefix of a good frame asks for more; a bad one never becomes good by growing. */
    for (size_t cut = 0; cut < size && cut < 5000; cut++) {
        enum ns_status early = netstring_decode(span_head(in, cut), 4096, &again, &used_again);

        if (status == NS_OK && early != (cut < used ? NS_MORE : NS_OK))
            abort();
        if (early < 0 && early != status)
            abort();
    }
    buf_init(&b, SIZE_MAX / 2);
    if (!netstring_append(&b, in) || netstring_decode(buf_span(&b), size, &again, &used_again) != NS_OK ||
        !span_eq(again, in) || used_again != b.len)
        abort();
    if (size > 0 && netstring_decode(buf_span(&b), size - 1, &again, &used_again) != NS_E_SIZE)
        abort();
    buf_free(&b);
    return 0;
}
