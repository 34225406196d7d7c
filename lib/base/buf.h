/* buf.h - a growing byte buffer with a limit.
 *
 * Units:     bytes.
 * Ownership: the buffer owns its bytes; spans into it are valid until the next change.
 * Errors:    an append that would pass the limit adds nothing, returns false and sets `overflow`,
 *            which stays set until buf_reset; so a writer may check once at the end.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_BUF_H
#define GATEPOST_BASE_BUF_H

#include <stdarg.h>

#include "lib/base/span.h"

struct buf {
    char *base;        /* allocated memory, or NULL */
    size_t head;       /* consumed bytes before the content */
    size_t len;        /* content bytes, from base + head */
    size_t cap;        /* allocated bytes */
    size_t limit;      /* the most content bytes */
    bool overflow;
};

void buf_init(struct buf *b, size_t limit_bytes);
void buf_free(struct buf *b);                       /* frees the memory; the limit stays, usable again */
void buf_reset(struct buf *b);                      /* empties it, keeps the memory */

static inline span buf_span(const struct buf *b)
{
    return (span){ b->base != NULL ? b->base + b->head : NULL, b->len };
}

bool buf_append(struct buf *b, span s);
bool buf_append_str(struct buf *b, const char *cstr);
static inline bool buf_append_char(struct buf *b, char c)
{
    if (b->len >= b->limit || b->head + b->len >= b->cap)
        return buf_append(b, (span){ &c, 1 });
    b->base[b->head + b->len++] = c;
    return true;
}
bool buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Room for at least n more bytes, to be filled by the caller (read(2)) and then told with buf_commit.
 * NULL (and overflow) when the limit forbids it. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n);          /* drops n bytes from the front; n <= len */
void buf_truncate(struct buf *b, size_t len);       /* drops from the end */
void buf_shrink(struct buf *b);                     /* if empty, gives back what is more than 256 bytes: idle peers cost next to nothing */
const char *buf_cstr(struct buf *b);                /* NUL-terminated view, NUL not counted; "" if empty */

#endif
