/* sync_way_full.c - a directory that tells of no changes: all of it is read again and again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/sync_child.h"

static bool full_offered(struct sync_child *c)
{
    (void)c;
    return true;
}

static bool full_poll(struct sync_child *c, bool *current_out)
{
    *current_out = false;
    return dir_alive(&c->reader);
}

const struct sync_way sync_way_full = { .name = "full", .method = SYNC_FULL, .offered = full_offered, .poll = full_poll };
