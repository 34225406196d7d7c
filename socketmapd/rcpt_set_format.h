/* rcpt_set_format.h - how an address lies in the file of a set.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_RCPT_SET_FORMAT_H
#define GATEPOST_SOCKETMAPD_RCPT_SET_FORMAT_H

#include "socketmapd/rcpt_set.h"

#define RCPT_SET_MAGIC "GPRCPT\r\n"

enum { RECORD_ALIGN = 4, RECORD_HEAD = 6, RECORD_LENGTH_BITS = 11, RECORD_FLAGS_BITS = 2 };

/* A record: u32 object, u16 (length | flags << 11 | attr << 13), the address; the next begins at a multiple of 4. */
struct set_missing {
    uint64_t record;             /* its place, in RECORD_ALIGN; the array is sorted by it */
    int64_t since_ms;
    uint64_t missed_by;
    uint64_t missed;
};

/* Tag and place lie together, so that an address costs two misses of the cache: its slot and its record. */
struct set_slot {
    uint32_t tag;                /* of the hash; 0: free */
    uint32_t place;              /* of the record, in RECORD_ALIGN */
};

static inline uint64_t set_slot_of(uint64_t hash, uint64_t slots)       /* Lemire's range reduction; slots < 2^32 */
{
    return ((hash >> 32) * slots) >> 32;
}

static inline uint32_t set_tag(uint64_t hash)
{
    return (uint32_t)hash != 0 ? (uint32_t)hash : 1;
}

static inline uint64_t record_bytes(size_t address_bytes)
{
    return (RECORD_HEAD + address_bytes + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

#endif
