/* smtp_dot.h - end of data and dot transparency, both directions (RFC 5321 4.5.2), with one grammar of lines.
 *
 * Pure.  Both directions read a line as "bytes CR LF".  A CR or LF that is not part of a CR LF, and a NUL, are stray: the decoder counts and
 * keeps them (who looks for viruses must see the message as it came), the encoder writes a blank for each.  So what is written holds no
 * line end that another server could read otherwise, and the end of data only at its end (CVE-2023-51764).
 * A message without such bytes comes out byte for byte.  How the input is cut into pieces makes no difference.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_SMTP_DOT_H
#define GATEPOST_PROTO_SMTP_DOT_H

#include "lib/base/buf.h"

struct smtp_dot_stray {
    uint64_t cr, lf, nul;       /* seen (decoder), replaced by a blank (encoder) */
};

enum smtp_dot_status {
    SMTP_DOT_END = 1,           /* the line "." was read; *used_out ends behind it: what follows is not data */
    SMTP_DOT_MORE = 0,          /* all of the piece was taken */
    SMTP_DOT_E_ROOM = -1,       /* the output buffer cannot take it; nothing was consumed or changed */
};

struct smtp_dot_decoder {
    uint8_t state;
    struct smtp_dot_stray stray;
    uint64_t dot_lines;         /* lines of the output that start with a dot; 0, and no stray: may be sent on without encoding */
    uint64_t out_bytes;
};

void smtp_dot_decode_init(struct smtp_dot_decoder *d);
/* Takes a piece of the DATA stream; the message goes to `to` without stuffing, every other byte as it came.
 * End of the connection before SMTP_DOT_END: the message is void, whatever came (Postfix even writes QUIT there). */
enum smtp_dot_status smtp_dot_decode(struct smtp_dot_decoder *d, span in, struct buf *to, size_t *used_out);

/* The byte at `at` of a whole message is one that the encoder replaces. */
bool smtp_dot_is_stray(span in, size_t at);
/* The message as the encoder sends it, without stuffing and end: as many bytes as it has, each stray one a blank.  out: in.n bytes. */
void smtp_dot_wash(span in, char *out);

struct smtp_dot_encoder {
    uint8_t state;
    struct smtp_dot_stray stray;
};

void smtp_dot_encode_init(struct smtp_dot_encoder *e);
/* A line begins here: one without stray bytes and without a dot at its start may be sent beside the encoder, with its CR LF. */
bool smtp_dot_encode_at_start(const struct smtp_dot_encoder *e);
/* Room that a piece of n bytes may need. */
static inline size_t smtp_dot_encode_room(size_t n)
{
    return n + n / 3 + 4;
}
/* false: no room; nothing was changed. */
bool smtp_dot_encode(struct smtp_dot_encoder *e, span in, struct buf *to);
/* The end: completes a last line without CR LF, then ". CR LF".  The encoder starts anew. */
bool smtp_dot_encode_end(struct smtp_dot_encoder *e, struct buf *to);

#endif
