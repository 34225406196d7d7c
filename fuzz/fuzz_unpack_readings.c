/* fuzz_unpack_readings.c - every reading can be read to its end, there are not more than said, and the file stays as it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdint.h>
#include <stdlib.h>

#include "cfilter/unpack_readings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told { size_t n, n_first, bytes; unsigned sum; };

static bool tell(span bytes, bool first, void *arg)
{
    struct told *t = arg;

    t->n++;
    t->n_first += first;
    for (size_t i = 0; i < bytes.n; i++)
        t->sum += (uint8_t)bytes.p[i];
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span file = span_of((const char *)data, size);
    struct told t = { 0 };

    unpack_readings(file, tell, &t);
    if (t.n > 2 * (1 + UNPACK_READINGS_MAX) + 2 * UNPACK_READINGS_MAX || t.n_first > 1 || (t.n > 0 && !unpack_has_readings(file)))
        abort();
    return 0;
}
