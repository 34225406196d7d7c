/* events_wire.h - what events.c and its two children say to each other (one binary, one machine: structs as they are).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_EVENTS_WIRE_H
#define GATEPOST_APP_EVENTS_WIRE_H

#include "lib/net/child.h"

enum events_order {
    EV_SETUP,        /* behind it struct events_setup */
    EV_WRITE,        /* behind it whole lines */
    EV_TICK,         /* nothing: look whether segments have grown old */
    EV_PURGE,        /* behind it forms of an address, each ended by NUL */
};

/* In front of every message to the writer. */
struct events_head {
    int order;
    int64_t wall_ms;             /* the loop's clock: the writer has none of its own */
};

struct events_setup {
    char directory[4096];
    char daemon[32];
    int64_t max_bytes, keep_ms;
};

/* The writer's answer to every order. */
struct events_report {
    int order;
    uint64_t written, lost;      /* records of this order; EV_PURGE: removed, 0 */
    char why[256];               /* "" : all is well */
};

enum { EVENTS_LINES_MAX = CHILD_MESSAGE_MAX - (int)sizeof(struct events_head) };

/* To the query child: one JSON object {"dir", "daemon", "since", "limit", "id", "any": [..], "keys": {"rcpt": [..]}}.
 * From it: 'L' and a line, ... 'D' and, if it failed, why. */
enum { EV_FOUND = 'L', EV_DONE = 'D' };

#endif
