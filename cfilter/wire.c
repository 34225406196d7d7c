/* wire.c - integers and short strings in flat records.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/wire.h"

static void put_le(struct buf *to, uint64_t v, size_t n)
{
    char b[8];

    for (size_t i = 0; i < n; i++)
        b[i] = (char)(v >> (8 * i));
    buf_append(to, span_of(b, n));
}

static uint64_t get_le(struct wire_in *in, size_t n)
{
    if (in->bad || in->rest.n < n) {
        in->bad = true;
        return 0;
    }
    uint64_t v = bytes_le(in->rest.p, n);

    in->rest = span_of(in->rest.p + n, in->rest.n - n);
    return v;
}

void wire_put_u8(struct buf *to, uint8_t v)
{
    put_le(to, v, 1);
}

void wire_put_u16(struct buf *to, uint16_t v)
{
    put_le(to, v, 2);
}

void wire_put_u32(struct buf *to, uint32_t v)
{
    put_le(to, v, 4);
}

void wire_put_u64(struct buf *to, uint64_t v)
{
    put_le(to, v, 8);
}

void wire_put_str(struct buf *to, span s)
{
    s = span_head(s, UINT16_MAX);
    put_le(to, s.n, 2);
    buf_append(to, s);
}

uint8_t wire_get_u8(struct wire_in *in)
{
    return (uint8_t)get_le(in, 1);
}

uint16_t wire_get_u16(struct wire_in *in)
{
    return (uint16_t)get_le(in, 2);
}

uint32_t wire_get_u32(struct wire_in *in)
{
    return (uint32_t)get_le(in, 4);
}

uint64_t wire_get_u64(struct wire_in *in)
{
    return get_le(in, 8);
}

span wire_get_str(struct wire_in *in, size_t max)
{
    size_t n = wire_get_u16(in);

    if (in->bad || n > max || n > in->rest.n) {
        in->bad = true;
        return SPAN("");
    }
    span s = span_head(in->rest, n);
    in->rest = span_of(in->rest.p + n, in->rest.n - n);
    return s;
}
