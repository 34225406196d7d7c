/* overrun.h - when to stop looking further into a message that asks for more than a limit allows.
 *
 * Over a limit libclamav stops to scan, not to unpack, and tells so only at the end: an archive of archives, 25 kB, kept a worker busy for all the
 * time that it may have.  And it tells of the first limit alone, so that a scan that ran out of time after another limit is called "over a limit",
 * which passes.  So the bytes are counted here, layer by layer, before libclamav's own limit (which is set higher) is reached:
 * - once they are used up, no further layer is entered;
 * - many layers that take much time and hold few bytes (each unpacks what is then too large to be looked at) are left when they have had their time;
 * - after a limit was hit in one call of the engine, the rest of the message is looked at for a while only.
 * Pure: the caller brings the time.
 * Units:     bytes; microseconds of the processor, so that a busy machine does not shorten them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_OVERRUN_H
#define GATEPOST_CFILTER_OVERRUN_H

#include "lib/base/span.h"

enum { OVERRUN_LAYERS = 64, OVERRUN_BYTES_PER_US = 20 };   /* fewer layers are not judged; what an honest one is read with at the least */

struct overrun {
    uint64_t max_bytes;         /* of one call, all layers together */
    int64_t grace_us;           /* for many small layers, and after a limit */
    uint64_t bytes;
    unsigned layers;
    int64_t begun_us, until_us; /* until_us: of the message, 0 while no limit was hit */
    bool used_up, timed_out;    /* in this call layers were left out: for want of bytes, of time */
};

void overrun_begin_message(struct overrun *o);
void overrun_begin_call(struct overrun *o, int64_t now_us);
/* An alert of libclamav's; other names than those of limits are passed over. */
void overrun_alert(struct overrun *o, span name, int64_t now_us);
/* Is the layer that comes next left out? */
bool overrun_leaves_out(struct overrun *o, uint64_t size, int64_t now_us);

#endif
