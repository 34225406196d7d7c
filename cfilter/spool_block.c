/* spool_block.c - memory for messages that outgrow a buffer of their own.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/spool_block.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/base/alloc.h"

enum { LINK_BYTES = 64 * 1024 };      /* holds the link, whatever a page's size; not the kernel's to take */

struct kept {
    struct kept *next;
    int64_t since_ms;
    bool offered;                     /* to the kernel */
};

struct spool_blocks {
    struct loop *loop;
    size_t limit, out, n_kept;
    struct kept *kept;                /* the last one given first */
    struct loop_timer idle;           /* active while one is to be offered */
};

static void unmap_kept(struct spool_blocks *b)
{
    struct kept *k = b->kept;

    b->kept = k->next;
    b->n_kept--;
    munmap(k, SPOOL_BLOCK_BYTES);
}

struct spool_blocks *spool_blocks_new(struct loop *l, uint64_t limit_bytes)
{
    struct spool_blocks *b = xcalloc(1, sizeof(*b));

    b->loop = l;
    spool_blocks_limit(b, limit_bytes);
    return b;
}

void spool_blocks_free(struct spool_blocks **b)
{
    if (*b == NULL)
        return;
    assert((*b)->out == 0);
    spool_blocks_limit(*b, 0);
    loop_timer_stop(&(*b)->idle);
    free(*b);
    *b = NULL;
}

void spool_blocks_limit(struct spool_blocks *b, uint64_t limit_bytes)
{
    b->limit = (size_t)(limit_bytes / SPOOL_BLOCK_BYTES);
    while (b->n_kept > 0 && b->out + b->n_kept > b->limit)
        unmap_kept(b);
}

char *spool_block_take(struct spool_blocks *b)
{
    void *block = b->kept;

    if (b->out >= b->limit)
        return NULL;
    if (block != NULL) {
        b->kept = b->kept->next;
        b->n_kept--;
    } else {
        block = mmap(NULL, SPOOL_BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (block == MAP_FAILED)
        return NULL;
    b->out++;
    return block;
}

static void on_idle(void *arg)
{
    struct spool_blocks *b = arg;
    int64_t now_ms = loop_now_ms(b->loop);
    bool wait = false;

    for (struct kept *k = b->kept; k != NULL; k = k->next) {
        if (k->offered)
            continue;
        k->offered = now_ms - k->since_ms >= SPOOL_BLOCK_IDLE_MS;
        wait = wait || !k->offered;
        if (k->offered)
            (void)madvise((char *)k + LINK_BYTES, SPOOL_BLOCK_BYTES - LINK_BYTES, MADV_FREE);   /* advice: where it is not taken, it stays ours */
    }
    if (wait)
        loop_timer_start(b->loop, &b->idle, SPOOL_BLOCK_IDLE_MS, on_idle, b);
}

void spool_block_give(struct spool_blocks *b, char *block)
{
    struct kept *k = (struct kept *)(void *)block;

    b->out--;
    if (b->out + b->n_kept >= b->limit) {
        munmap(block, SPOOL_BLOCK_BYTES);
        return;
    }
    *k = (struct kept){ b->kept, loop_now_ms(b->loop), false };
    b->kept = k;
    b->n_kept++;
    if (!loop_timer_active(&b->idle))
        loop_timer_start(b->loop, &b->idle, SPOOL_BLOCK_IDLE_MS, on_idle, b);
}
