/* overrun.c - when to stop looking further into a message that asks for more than a limit allows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/overrun.h"

void overrun_begin_message(struct overrun *o)
{
    o->until_us = 0;
}

void overrun_begin_call(struct overrun *o, int64_t now_us)
{
    o->bytes = 0;
    o->layers = 0;
    o->begun_us = now_us;
    o->used_up = o->timed_out = false;
}

void overrun_alert(struct overrun *o, span name, int64_t now_us)
{
    if (o->until_us == 0 && span_starts(name, SPAN("Heuristics.Limits.Exceeded.")))
        o->until_us = now_us + o->grace_us;
}

static bool no_time_left(const struct overrun *o, int64_t now_us)
{
    if (o->until_us != 0 && now_us >= o->until_us)
        return true;
    return o->layers > OVERRUN_LAYERS && now_us - o->begun_us >= o->grace_us + (int64_t)(o->bytes / OVERRUN_BYTES_PER_US);
}

bool overrun_leaves_out(struct overrun *o, uint64_t size, int64_t now_us)
{
    o->used_up = o->used_up || o->bytes + size > o->max_bytes;
    o->timed_out = o->timed_out || (!o->used_up && no_time_left(o, now_us));
    if (o->used_up || o->timed_out)
        return true;
    o->bytes += size;
    o->layers++;
    return false;
}
