/* tnef_write.h - writes TNEF streams, from MS-OXTNEF, apart from the reader.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_TNEF_WRITE_H
#define GATEPOST_TESTS_TNEF_WRITE_H

#include "tests/unit/cfilter/mime/encode.h"

static inline void tnef_write_start(struct buf *to)
{
    buf_append(to, SPAN("\x78\x9f\x3e\x22\x01\x00"));
}

static inline void tnef_write(unsigned level, size_t id, span data, struct buf *to)
{
    unsigned sum = 0;

    for (size_t i = 0; i < data.n; i++)
        sum += (unsigned char)data.p[i];
    encode_le(level, 1, to);
    encode_le(id, 4, to);
    encode_le(data.n, 4, to);
    buf_append(to, data);
    encode_le(sum & 0xffff, 2, to);
}

static inline void tnef_write_padded(span data, struct buf *to)
{
    encode_le(data.n, 4, to);
    buf_append(to, data);
    for (size_t n = data.n; n % 4 != 0; n++)
        buf_append_char(to, '\0');
}

/* A property of variable length with one value. */
static inline void tnef_write_property(size_t tag, span data, struct buf *to)
{
    encode_le(tag, 4, to);
    encode_le(1, 4, to);
    tnef_write_padded(data, to);
}

#endif
