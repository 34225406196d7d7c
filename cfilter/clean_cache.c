/* clean_cache.c - the verdict cache: what was scanned whole and found clean.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/clean_cache.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"

enum { WAYS = 4, WORDS = sizeof(struct digest) / sizeof(uint64_t), ROWS_MAX = 1 << 20 };

/* by[0]: who said it first, 0: the row is free; by[1]: the next one, 0: nobody yet. */
struct row {
    _Atomic uint64_t sequence;
    _Atomic uint64_t key[WORDS];
    _Atomic uint64_t by[2];
    uint64_t unused;
};
_Static_assert(sizeof(struct row) == CLEAN_ROW_BYTES, "one row, one cache line");

struct clean_cache {
    int fd;
    struct row *rows;
    size_t n;
    size_t used;
    uint8_t *hands;            /* per set of rows: which one goes next */
};

struct clean_view {
    const struct row *rows;
    size_t n;
};

static void words_of(const struct digest *key, uint64_t out[WORDS])
{
    memcpy(out, key->b, sizeof key->b);
}

static size_t set_of(const uint64_t key[WORDS], size_t rows)
{
    return (size_t)(key[0] % (rows / WAYS)) * WAYS;
}

/* ---- the front's side ---- */

static size_t rounded(size_t rows)
{
    size_t n = WAYS;

    while (n < rows && n < ROWS_MAX)
        n *= 2;
    return n;
}

struct clean_cache *clean_cache_new(size_t rows, struct errtext *err)
{
    struct clean_cache *c = xcalloc(1, sizeof *c);
    size_t bytes;
    void *p = MAP_FAILED;

    c->n = rounded(rows);
    bytes = c->n * sizeof c->rows[0];
    c->fd = memfd_create("gatepost-clean", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (c->fd < 0 || ftruncate(c->fd, (off_t)bytes) < 0 ||
        (p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0)) == MAP_FAILED ||
        fcntl(c->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        errtext_errno(err, "verdict cache of %zu bytes", bytes);
    else
        c->rows = p;
    if (c->rows == NULL && p != MAP_FAILED)
        munmap(p, bytes);
    c->hands = xcalloc(c->n / WAYS, 1);
    if (c->rows == NULL)
        clean_cache_free(&c);
    return c;
}

void clean_cache_free(struct clean_cache **cp)
{
    struct clean_cache *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    if (c->rows != NULL)
        munmap(c->rows, c->n * sizeof c->rows[0]);
    if (c->fd >= 0)
        close(c->fd);
    free(c->hands);
    free(c);
}

int clean_cache_fd(const struct clean_cache *c)
{
    return c->fd;
}

static uint64_t get(const _Atomic uint64_t *w)
{
    return atomic_load_explicit(w, memory_order_relaxed);
}

static void put(_Atomic uint64_t *w, uint64_t v)
{
    atomic_store_explicit(w, v, memory_order_relaxed);
}

static void write_row(struct row *r, const uint64_t key[WORDS], uint64_t first, uint64_t second)
{
    uint64_t s = get(&r->sequence);

    put(&r->sequence, s + 1);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS; i++)
        put(&r->key[i], key[i]);
    put(&r->by[0], first);
    put(&r->by[1], second);
    atomic_store_explicit(&r->sequence, s + 2, memory_order_release);
}

static bool holds(const struct row *r, const uint64_t key[WORDS])
{
    uint64_t differs = 0;

    for (size_t i = 0; i < WORDS; i++)
        differs |= get(&r->key[i]) ^ key[i];
    return differs == 0 && get(&r->by[0]) != 0;
}

/* How little is lost with a row: a free one, one of an older generation, one that a single worker has seen, any. */
static int worth(const struct row *r, uint64_t worker)
{
    if (get(&r->by[0]) == 0)
        return 0;
    if (get(&r->by[0]) >> 32 != worker >> 32)
        return 1;
    return get(&r->by[1]) == 0 ? 2 : 3;
}

static struct row *victim(struct clean_cache *c, struct row *set, uint64_t worker)
{
    uint8_t *hand = &c->hands[(size_t)(set - c->rows) / WAYS];
    size_t best = *hand;

    for (size_t k = 1; k < WAYS; k++) {
        size_t i = (*hand + k) % WAYS;
        if (worth(&set[i], worker) < worth(&set[best], worker))
            best = i;
    }
    *hand = (uint8_t)((best + 1) % WAYS);
    return &set[best];
}

void clean_cache_add(struct clean_cache *c, const struct digest *key, uint64_t worker)
{
    uint64_t words[WORDS];

    words_of(key, words);
    struct row *set = &c->rows[set_of(words, c->n)];
    for (size_t i = 0; i < WAYS; i++)
        if (holds(&set[i], words)) {
            if (get(&set[i].by[0]) != worker && get(&set[i].by[1]) == 0)
                write_row(&set[i], words, get(&set[i].by[0]), worker);
            return;
        }
    struct row *r = victim(c, set, worker);
    c->used += get(&r->by[0]) == 0;
    write_row(r, words, worker, 0);
}

size_t clean_cache_drop(struct clean_cache *c, uint64_t worker)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        struct row *r = &c->rows[i];
        uint64_t key[WORDS], first = get(&r->by[0]), second = get(&r->by[1]);

        if (first != worker && second != worker)
            continue;
        for (size_t k = 0; k < WORDS; k++)
            key[k] = get(&r->key[k]);
        write_row(r, key, first == worker ? second : first, 0);
        n += second == 0;
    }
    c->used -= n;
    return n;
}

size_t clean_cache_rows(const struct clean_cache *c)
{
    return c->used;
}

/* ---- a worker's side ---- */

struct clean_view *clean_view_open(int fd, struct errtext *err)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) < 0 || st.st_size < (off_t)(WAYS * sizeof(struct row)) || st.st_size % (off_t)(WAYS * sizeof(struct row)) != 0) {
        errtext_set(err, "verdict cache: not such a file");
        return NULL;
    }
    if ((p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED) {
        errtext_errno(err, "verdict cache");
        return NULL;
    }
    struct clean_view *v = xcalloc(1, sizeof *v);
    v->rows = p;
    v->n = (size_t)st.st_size / sizeof(struct row);
    return v;
}

void clean_view_close(struct clean_view **vp)
{
    struct clean_view *v = *vp;

    *vp = NULL;
    if (v == NULL)
        return;
    munmap((void *)(uintptr_t)v->rows, v->n * sizeof v->rows[0]);
    free(v);
}

static bool vouches(const struct row *r, const uint64_t key[WORDS], uint64_t worker)
{
    uint64_t before = atomic_load_explicit(&r->sequence, memory_order_acquire);
    bool same = holds(r, key);
    uint64_t first = get(&r->by[0]), second = get(&r->by[1]);

    atomic_thread_fence(memory_order_acquire);
    return same && before % 2 == 0 && get(&r->sequence) == before && (second != 0 || first == worker);
}

bool clean_view_has(const struct clean_view *v, const struct digest *key, uint64_t worker)
{
    uint64_t words[WORDS];

    words_of(key, words);
    const struct row *set = &v->rows[set_of(words, v->n)];
    for (size_t i = 0; i < WAYS; i++)
        if (vouches(&set[i], words, worker))
            return true;
    return false;
}
