/* bundle.c - a tar in memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/bundle.h"

#include <stdio.h>

enum { BLOCK = 512, END_BLOCKS = 2 };

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2];
    char user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "ustar header");

void bundle_init(struct bundle *b, size_t limit_bytes)
{
    buf_init(&b->tar, limit_bytes + END_BLOCKS * BLOCK);
    b->members = 0;
}

void bundle_free(struct bundle *b)
{
    buf_free(&b->tar);
}

void bundle_reset(struct bundle *b)
{
    buf_reset(&b->tar);
    b->members = 0;
}

size_t bundle_room(size_t member_bytes)
{
    return BLOCK + (member_bytes + BLOCK - 1) / BLOCK * BLOCK;
}

static struct tar_header header(size_t number, size_t size)
{
    struct tar_header h = { .mode = "0000644", .uid = "0000000", .gid = "0000000", .mtime = "00000000000", .type = '0', .magic = "ustar" };
    const unsigned char *p = (const unsigned char *)&h;
    unsigned sum = 0;

    memcpy(h.version, "00", sizeof h.version);
    memset(h.checksum, ' ', sizeof h.checksum);
    snprintf(h.name, sizeof h.name, "%zu", number);
    snprintf(h.size, sizeof h.size, "%011zo", size & 077777777777);
    for (size_t i = 0; i < sizeof h; i++)
        sum += p[i];
    snprintf(h.checksum, sizeof h.checksum, "%06o", sum & 0777777);
    return h;
}

bool bundle_add(struct bundle *b, span member)
{
    static const char zeros[BLOCK];
    size_t pad = (BLOCK - member.n % BLOCK) % BLOCK;

    if (member.n >= 1u << 30 || b->tar.len + bundle_room(member.n) > b->tar.limit - END_BLOCKS * BLOCK)
        return false;
    struct tar_header h = header(b->members++, member.n);
    return buf_append(&b->tar, span_of((const char *)&h, sizeof h)) && buf_append(&b->tar, member) && buf_append(&b->tar, span_of(zeros, pad));
}

span bundle_bytes(struct bundle *b)
{
    static const char zeros[END_BLOCKS * BLOCK];

    buf_append(&b->tar, span_of(zeros, sizeof zeros));
    return buf_span(&b->tar);
}
