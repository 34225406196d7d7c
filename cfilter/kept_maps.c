/* kept_maps.c - memory that a library maps and unmaps for every file it looks at is kept for the next file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/kept_maps.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "cfilter/interpose.h"

enum { PIECES = 16, LEAST = 64 * 1024 };

/* One that nobody uses is all zero, as new memory is. */
static struct piece {
    char *base;                    /* NULL: none */
    size_t bytes, used;            /* used 0: nobody has it */
} pieces[PIECES];

static size_t page;                /* 0: nothing is kept */
static size_t in_all;

/* ---- the C library's ---- */

static void *map_new(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off64_t);

    NEXT("mmap64", next);
    return next(at, n, protection, flags, fd, offset);
}

static int unmap(void *at, size_t n)
{
    int (*next)(void *, size_t);

    NEXT("munmap", next);
    return next(at, n);
}

/* ---- pieces ---- */

static size_t whole_pages(size_t n)
{
    return (n + page - 1) / page * page;
}

static size_t size_class(size_t n)
{
    size_t c = LEAST;

    while (c < n)
        c *= 2;
    return c;
}

static void forget(struct piece *p)
{
    in_all -= p->bytes;
    *p = (struct piece){ NULL, 0, 0 };
}

static struct piece *make(size_t n)
{
    size_t bytes = size_class(n);

    for (size_t i = 0; i < PIECES && in_all + bytes <= KEPT_MAPS_ALL; i++) {
        if (pieces[i].base != NULL)
            continue;
        void *base = map_new(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED)
            return NULL;
        pieces[i] = (struct piece){ base, bytes, 0 };
        in_all += bytes;
        return &pieces[i];
    }
    return NULL;
}

/* The smallest that is large enough. */
static struct piece *take(size_t n)
{
    struct piece *best = NULL;

    for (size_t i = 0; i < PIECES; i++)
        if (pieces[i].base != NULL && pieces[i].used == 0 && pieces[i].bytes >= n && (best == NULL || pieces[i].bytes < best->bytes))
            best = &pieces[i];
    if (best == NULL)
        best = make(n);
    if (best != NULL)
        best->used = n;
    return best;
}

/* Mapped over, or unmapped in part: from now on that is for whoever has it to unmap, what lies behind goes now. */
static void let_go(struct piece *p)
{
    if (p->bytes > p->used)
        unmap(p->base + p->used, p->bytes - p->used);
    forget(p);
}

static struct piece *whose(const void *at, size_t n)
{
    uintptr_t from = (uintptr_t)at;

    for (size_t i = 0; i < PIECES; i++)
        if (from < (uintptr_t)pieces[i].base + pieces[i].used && (uintptr_t)pieces[i].base < from + n)
            return &pieces[i];
    return NULL;
}

static void let_go_of(const void *at, size_t n)
{
    struct piece *p;

    while ((p = whose(at, n)) != NULL)
        let_go(p);
}

/* ---- the calls ---- */

static bool is_plain(const void *at, size_t n, int protection, int flags)
{
    return at == NULL && n > 0 && n <= KEPT_MAPS_LARGEST && protection == (PROT_READ | PROT_WRITE) && flags == (MAP_PRIVATE | MAP_ANONYMOUS);
}

void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
    struct piece *p;

    if (page > 0 && is_plain(at, n, protection, flags) && (p = take(whole_pages(n))) != NULL)
        return p->base;
    if (page > 0 && (flags & MAP_FIXED) != 0)
        let_go_of(at, whole_pages(n));
    return map_new(at, n, protection, flags, fd, offset);
}

int munmap(void *at, size_t n)
{
    struct piece *p = page > 0 ? whose(at, whole_pages(n)) : NULL;

    if (p != NULL && p->base == at && p->used == whole_pages(n)) {
        memset(p->base, 0, p->used);
        p->used = 0;
        return 0;
    }
    if (p != NULL)
        let_go_of(at, whole_pages(n));
    return unmap(at, n);
}

/* ---- for the worker ---- */

void kept_maps_begin(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
}

void kept_maps_trim(void)
{
    for (size_t i = 0; i < PIECES; i++) {
        if (pieces[i].base == NULL || pieces[i].used > 0)
            continue;
        unmap(pieces[i].base, pieces[i].bytes);
        forget(&pieces[i]);
    }
}

size_t kept_maps_bytes(void)
{
    return in_all;
}
