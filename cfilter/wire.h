/* wire.h - integers and short strings in the flat records between front, holder and workers.
 *
 * Pure.  A writer appends to a buf (its overflow flag tells of too much); a reader never passes its end: after the first thing that is not
 * there or not as it must be, `bad` stays set and every further read gives zero.
 * Units:     little-endian; a string is a 16-bit length and its bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_WIRE_H
#define GATEPOST_CFILTER_WIRE_H

#include "lib/base/buf.h"

struct wire_in {
    span rest;
    bool bad;
};

void wire_put_u8(struct buf *to, uint8_t v);
void wire_put_u16(struct buf *to, uint16_t v);
void wire_put_u32(struct buf *to, uint32_t v);
void wire_put_u64(struct buf *to, uint64_t v);
void wire_put_str(struct buf *to, span s);          /* cut at 65535 bytes */

uint8_t wire_get_u8(struct wire_in *in);
uint16_t wire_get_u16(struct wire_in *in);
uint32_t wire_get_u32(struct wire_in *in);
uint64_t wire_get_u64(struct wire_in *in);
span wire_get_str(struct wire_in *in, size_t max);  /* points into the record; longer than max is bad */

#endif
