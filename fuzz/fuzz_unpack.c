/* fuzz_unpack.c - libarchive as we set it up: an answer, within the budget, a member lies in memory that can be read, and no program is run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdint.h>
#include <stdlib.h>

#include "cfilter/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 20, MEMBERS_MAX = 20 };

struct got {
    size_t members, bytes;
    unsigned sum;
};

static bool take(span member, void *arg)
{
    struct got *g = arg;

    g->members++;
    g->bytes += member.n;
    for (size_t i = 0; i < member.n; i++)
        g->sum += (uint8_t)member.p[i];
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unpack_budget budget = { .bytes = BYTES_MAX, .members = MEMBERS_MAX, .max_member_bytes = BYTES_MAX / 2 };
    span in = span_of((const char *)data, size);
    static bool started;
    struct got g = { 0 };
    struct errtext why = { "" };

    if (!started)
        unpack_start();
    started = true;
    unpack_looks_like(in);
    unsigned troubles = unpack_members(in, &budget, take, &g, &why);
    if (g.members > MEMBERS_MAX || g.bytes > BYTES_MAX || (troubles != 0) != (why.text[0] != '\0'))
        abort();
    return 0;
}
