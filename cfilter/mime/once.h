/* once.h - a set of 64-bit numbers, for what is to be done once: digests, places.
 *
 * Pure.  The numbers are spread by the caller (a keyed hash) or by once_mix; the set grows as it fills, up to its limit.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_ONCE_H
#define GATEPOST_CFILTER_MIME_ONCE_H

#include "lib/base/span.h"

struct once {
    uint64_t *v;               /* 0: free */
    size_t n, cap;
};

/* true: was not there.  0 counts as 1. */
bool once_add(struct once *o, uint64_t value);
bool once_has(const struct once *o, uint64_t value);
void once_free(struct once *o);
/* Two offsets and a small number as one value, spread by a secret. */
uint64_t once_mix(uint64_t a, uint64_t b, uint64_t secret);

#endif
