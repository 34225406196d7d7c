/* param_private.h - between the files of param.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_PARAM_PRIVATE_H
#define GATEPOST_CFILTER_MIME_PARAM_PRIVATE_H

#include "cfilter/mime/param.h"

enum { PARAM_PIECES_MAX = 128 };

enum param_reading {           /* one way to cut a field: what is a sign of syntax */
    READ_COMMENTS = 1, READ_QUOTES = 2, READ_COMMA = 4, READ_BLANK = 8,
};

struct param_piece {           /* RFC 2231: name*3*= */
    span base, value;
    unsigned number, how;
    bool extended;
};

struct param_reader {
    struct arena *arena;
    struct param_list *out;
    unsigned reading, how;     /* `how` is added to all that is found */
    bool plainest;             /* the first of one parameter's values: the one that pieces are joined of */
    struct param_piece *pieces;
    size_t n_pieces;
};

static inline bool param_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Adds a value unless the list has it already. */
void param_add(struct param_reader *r, span name, span value, unsigned how);
/* All that the bytes behind a "=", or before the first ";" (name ""), may mean. */
void param_values(struct param_reader *r, span name, span raw);
/* param_add, and the RFC 2047 reading of the value besides. */
void param_add_word(struct param_reader *r, span name, span value, unsigned how);
/* A parameter whose name has a "*": its decoded value, or a piece to be joined by param_join. */
void param_extended(struct param_reader *r, span name, span value, unsigned how);
void param_join(struct param_reader *r);
/* The end of the comment / quoted-string that begins at `at`: behind its closing sign, s.n when it has none. */
size_t param_comment_end(span s, size_t at);
size_t param_quote_end(span s, size_t at);
/* Without comments (outside quoted-strings); s itself when it has none. */
span param_without_comments(struct arena *a, span s);
/* Encoded-words decoded; false when there is none. */
bool param_decode_words(struct arena *a, span s, span *out);

#endif
