/* redis_slot.c - which of a Redis Cluster's slots a key is in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/redis_slot.h"

/* Polynomial 0x1021, from 0, not reflected. */
static uint16_t crc16(span bytes)
{
    unsigned crc = 0;

    for (size_t i = 0; i < bytes.n; i++) {
        crc ^= (unsigned)(uint8_t)bytes.p[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
    }
    return (uint16_t)crc;
}

unsigned redis_slot(span key)
{
    size_t open = span_find(key, '{');
    span tag = span_from(key, open + 1);
    size_t end = span_find(tag, '}');

    if (open < key.n && end < tag.n && end > 0)
        key = span_head(tag, end);
    return crc16(key) % REDIS_SLOTS;
}
