/* bundle.h - many small files as one archive in memory, so that the virus engine looks at all of them in one call.
 *
 * Pure.  The archive is a tar (POSIX ustar) without compression: the engine takes each member out byte by byte, so that signatures of whole files
 * and of their beginnings match as they would alone.
 * Units:     bytes.
 * Ownership: the bundle owns its copy of the members.
 * Source:    POSIX.1-2017 pax, "ustar Interchange Format".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_BUNDLE_H
#define GATEPOST_CFILTER_BUNDLE_H

#include "lib/base/buf.h"

struct bundle {
    struct buf tar;
    size_t members;
};

void bundle_init(struct bundle *b, size_t limit_bytes);
void bundle_free(struct bundle *b);
void bundle_reset(struct bundle *b);                 /* empty again; keeps the memory */
/* Bytes that a member of that size takes. */
size_t bundle_room(size_t member_bytes);
bool bundle_add(struct bundle *b, span member);      /* false: over the limit, nothing was added */
/* Completes the archive; nothing more can be added before a reset. */
span bundle_bytes(struct bundle *b);

#endif
