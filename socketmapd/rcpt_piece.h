/* rcpt_piece.h - a set of recipients as text in pieces, for hosts that share it through Redis.
 *
 * Pieces:    an address belongs to the piece that its hash names, so that one change touches one piece; a piece has its SHA-256 for a name.
 *            Lines, sorted: address TAB "-" or "internal" TAB attribute TAB DN [TAB login]; bytes below 0x20, 0x7f and \ as \xHH.
 * Index:     facts of the set and its pieces, in order; its own SHA-256 names the generation.
 * Hostile:   whatever came from outside is checked against its digest and read as if anybody had written it.
 * Pure.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_RCPT_PIECE_H
#define GATEPOST_SOCKETMAPD_RCPT_PIECE_H

#include "lib/base/buf.h"
#include "socketmapd/rcpt_set.h"

enum { RCPT_PIECES_MAX = 16384, RCPT_PIECE_BYTES_MAX = 16 << 20, RCPT_INDEX_BYTES_MAX = 4 << 20, RCPT_DIGEST = 65 };

struct rcpt_piece {
    char digest[RCPT_DIGEST];
    uint64_t bytes, addresses;
};

struct rcpt_index {
    struct rcpt_set_about about;       /* entries, entries_named, attr, base, context, server */
    uint64_t addresses;
    struct rcpt_piece *pieces;         /* the index' own */
    size_t n;                          /* a power of two */
};

void rcpt_index_encode(const struct rcpt_index *x, struct buf *to);
/* false with err; *out is to be freed only when true. */
bool rcpt_index_decode(span text, struct rcpt_index *out, struct errtext *err);
void rcpt_index_free(struct rcpt_index *x);

void rcpt_digest(span bytes, char out[RCPT_DIGEST]);

/* How many pieces a set of so many addresses has. */
size_t rcpt_pieces_for(uint64_t addresses);
/* Splits the addresses of `s` that are not missing into n pieces (a power of two), one after the other into `texts`; *out is to be freed. */
bool rcpt_pieces_split(const struct rcpt_set *s, size_t n, struct buf *texts, struct rcpt_index *out);
/* Adds the addresses of a piece; attributes are those of x.  false with err: it is not what the index says. */
bool rcpt_piece_take(const struct rcpt_index *x, size_t number, span text, struct rcpt_set_writer *w, struct errtext *err);

#endif
