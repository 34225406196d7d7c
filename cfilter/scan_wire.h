/* scan_wire.h - what front, holder and workers say to each other, as flat records.
 *
 * The holder is given the values it needs by the front, not the file: it may not be allowed to read that (privileges are
 * dropped by then), and a reload must swap one whole set.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SCAN_WIRE_H
#define GATEPOST_CFILTER_SCAN_WIRE_H

#include "cfilter/scan.h"

/* First byte of a message on the holder's channel. */
enum holder_word {
    HOLDER_CONFIG = 'C',      /* front -> holder, once, first: generation and settings, with the verdict cache if there is one */
    HOLDER_WANT_WORKER = 'W', /* front -> holder: u8 enum holder_lane, which comes back with the worker */
    HOLDER_WATCH = 'A',       /* front -> holder: what it told of last was not taken over; it shall tell of the next change */
    HOLDER_LOOK = 'R',        /* front -> holder: tell, or try, once the folder is at rest, though nothing has changed */
    HOLDER_READY = 'E',       /* holder -> front: an engine is loaded and has found its marker: u64 signatures */
    HOLDER_NO_ENGINE = 'N',   /* holder -> front: text why; it tries again by itself */
    HOLDER_DATABASE_CHANGED = 'D', /* holder -> front, once: the folder is not what was loaded any more */
    HOLDER_WORKER = 'w',      /* holder -> front: u8 lane, u32 its number among the forks, with its socket and pidfd */
    HOLDER_NO_WORKER = 'f',   /* holder -> front: u8 lane, text why */
    HOLDER_LOG = 'L',         /* holder -> front: u8 enum log_level, text */
};

enum holder_lane { LANE_POOL, LANE_APART };

void scan_wire_put_config(const struct settings *set, uint32_t generation, struct buf *to);
/* The part of the settings that a holder knows; everything else is zero or "".  NULL: not such a record.  settings_unref has no
 * business with it: free it with scan_wire_free_config. */
struct settings *scan_wire_get_config(span record, uint32_t *generation_out);
void scan_wire_free_config(struct settings **set);

/* One message for a worker.  The strings point into an own copy, the bytes of a message without a descriptor into the record. */
struct scan_wire_job {
    struct scan_message m;    /* fd is the one that came along, or -1 */
    char text[4 * 1024];
};
void scan_wire_put_job(const struct scan_message *m, struct buf *to);
bool scan_wire_get_job(span record, int fd, struct scan_wire_job *out);

#endif
