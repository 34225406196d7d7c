/* arena.c - memory that lives as long as one request or one configuration, and goes with it.
 *
 * Blocks in a list, the newest first; the first one, which arena_reset keeps, is its own field.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/bytes8.h"

enum { ARENA_ALIGN = alignof(max_align_t), ARENA_BLOCK_MAX = 256 * 1024 };

struct block {
    struct block *next;
    size_t size, used;
    alignas(ARENA_ALIGN) char bytes[];
};

struct arena {
    struct block *first;      /* kept over a reset */
    struct block *newest;     /* where small pieces come from */
    size_t next_size;
    size_t first_size;
    size_t handed_out;
};

static struct block *block_new(size_t size)
{
    struct block *b = xmalloc(sizeof(*b) + size);

    b->next = NULL;
    b->size = size;
    b->used = 0;
    return b;
}

struct arena *arena_new(size_t first_block_bytes)
{
    struct arena *a = xcalloc(1, sizeof(*a));

    a->first_size = first_block_bytes < 64 ? 64 : first_block_bytes;
    a->next_size = a->first_size;
    a->first = a->newest = block_new(a->first_size);
    return a;
}

/* Every block but the first hangs before it in the list that starts at `newest`. */
static void free_later_blocks(struct arena *a)
{
    while (a->newest != a->first) {
        struct block *b = a->newest;

        a->newest = b->next;
        free(b);
    }
}

void arena_free(struct arena **a)
{
    if (*a == NULL)
        return;
    free_later_blocks(*a);
    free((*a)->first);
    free(*a);
    *a = NULL;
}

void arena_reset(struct arena *a)
{
    free_later_blocks(a);
    a->first->used = 0;
    a->next_size = a->first_size;
    a->handed_out = 0;
}

static void add_block(struct arena *a, size_t at_least)
{
    struct block *b;

    if (a->next_size < ARENA_BLOCK_MAX)
        a->next_size *= 2;
    b = block_new(at_least > a->next_size ? at_least : a->next_size);
    b->next = a->newest;
    a->newest = b;
}

void *arena_take(struct arena *a, size_t size_bytes)
{
    size_t size = (size_bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    char *p;

    if (size_bytes > SIZE_MAX / 2)
        return xmalloc(SIZE_MAX / 2);   /* cannot be had: ends the process */
    if (a->newest->size - a->newest->used < size)
        add_block(a, size);
    p = a->newest->bytes + a->newest->used;
    a->newest->used += size;
    a->handed_out += size_bytes;
    return p;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
    void *p = arena_take(a, size_bytes);

    memset(p, 0, size_bytes);
    return p;
}

void *arena_dup(struct arena *a, const void *p, size_t size_bytes)
{
    char *copy = arena_take(a, size_bytes);

    if (size_bytes > 0)
        memcpy(copy, p, size_bytes);
    return copy;
}

char *arena_str(struct arena *a, span s)
{
    char *copy = arena_take(a, s.n + 1);

    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

span arena_span(struct arena *a, span s)
{
    return s.n > 0 ? (span){ arena_dup(a, s.p, s.n), s.n } : (span){ NULL, 0 };
}

span arena_lower(struct arena *a, span s)
{
    char *copy;
    size_t i = 0;

    if (s.n == 0)
        return (span){ NULL, 0 };
    copy = arena_take(a, s.n);
    for (; i + 8 <= s.n; i += 8)
        bytes8_store(copy + i, bytes8_lower(bytes8_load(s.p + i)));
    for (; i < s.n; i++)
        copy[i] = ascii_lower(s.p[i]);
    return span_of(copy, s.n);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[512], *text;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    if (n < 0)
        return arena_str(a, (span){ NULL, 0 });
    if ((size_t)n < sizeof(small))
        return arena_str(a, (span){ small, (size_t)n });
    text = arena_take(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

size_t arena_used(const struct arena *a)
{
    return a->handed_out;
}
