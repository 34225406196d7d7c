/* buf.c - a growing byte buffer with a limit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t limit_bytes)
{
    *b = (struct buf){ .limit = limit_bytes };
}

void buf_free(struct buf *b)
{
    free(b->base);
    buf_init(b, b->limit);
}

void buf_reset(struct buf *b)
{
    b->head = b->len = 0;
    b->overflow = false;
}

static void make_room(struct buf *b, size_t n)
{
    size_t need = b->len + n, cap = b->cap;
    char *fresh;

    /* Sliding pays when it moves no more than was consumed since the last time; otherwise the memory doubles.
     * So each byte is moved a fixed number of times, and cap stays under four times the most content. */
    if (b->base != NULL && need <= cap && b->head >= b->len) {
        memmove(b->base, b->base + b->head, b->len);
        b->head = 0;
        return;
    }
    do
        cap = cap == 0 ? BUF_FIRST : cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    while (cap < need);
    if (b->head == 0) {
        b->base = xrealloc(b->base, cap);
    } else {
        fresh = xmalloc(cap);
        memcpy(fresh, b->base + b->head, b->len);
        free(b->base);
        b->base = fresh;
        b->head = 0;
    }
    b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (n > b->limit || b->len > b->limit - n) {
        b->overflow = true;
        return NULL;
    }
    if (b->cap - b->head - b->len < n || b->base == NULL)
        make_room(b, n);
    return b->base + b->head + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
    assert(n <= b->cap - b->head - b->len);
    b->len += n;
}

bool buf_append(struct buf *b, span s)
{
    char *to = buf_reserve(b, s.n);

    if (to == NULL)
        return false;
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    b->len += s.n;
    return true;
}

bool buf_append_str(struct buf *b, const char *cstr)
{
    return buf_append(b, span_str(cstr));
}

bool buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    char small[512];
    va_list again;
    bool ok = false;
    int n;

    va_copy(again, ap);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    if (n < 0) {
        b->overflow = true;
    } else if ((size_t)n < sizeof(small)) {
        ok = buf_append(b, (span){ small, (size_t)n });
    } else if ((size_t)n > b->limit || b->len > b->limit - (size_t)n) {
        b->overflow = true;
    } else {
        /* vsnprintf wants room for a NUL, which may lie past the limit: not through buf_reserve */
        if (b->cap - b->head - b->len < (size_t)n + 1)
            make_room(b, (size_t)n + 1);
        vsnprintf(b->base + b->head + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
        ok = true;
    }
    va_end(again);
    return ok;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    bool ok;

    va_start(ap, fmt);
    ok = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return ok;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    b->head += n;
    b->len -= n;
    if (b->len == 0)
        b->head = 0;
}

void buf_truncate(struct buf *b, size_t len)
{
    assert(len <= b->len);
    b->len = len;
}

void buf_shrink(struct buf *b)
{
    if (b->len > 0)
        return;
    b->head = 0;
    if (b->cap <= BUF_FIRST)
        return;
    free(b->base);
    b->base = NULL;
    b->cap = 0;
}

const char *buf_cstr(struct buf *b)
{
    if (b->len == 0)
        return "";
    if (b->cap - b->head - b->len < 1)
        make_room(b, 1);
    b->base[b->head + b->len] = '\0';
    return b->base + b->head;
}
