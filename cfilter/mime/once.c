/* once.c - a set of 64-bit numbers: open addressing, at most half full.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/once.h"

#include <stdlib.h>

#include "lib/base/alloc.h"

static size_t slot(const struct once *o, uint64_t value)
{
    size_t i = (size_t)value & (o->cap - 1);

    while (o->v[i] != 0 && o->v[i] != value)
        i = (i + 1) & (o->cap - 1);
    return i;
}

static void grow(struct once *o)
{
    struct once bigger = { .cap = o->cap != 0 ? o->cap * 4 : 64 };

    bigger.v = xcalloc(bigger.cap, sizeof bigger.v[0]);
    for (size_t i = 0; i < o->cap; i++)
        if (o->v[i] != 0)
            bigger.v[slot(&bigger, o->v[i])] = o->v[i];
    bigger.n = o->n;
    free(o->v);
    *o = bigger;
}

bool once_add(struct once *o, uint64_t value)
{
    value += value == 0;
    if (o->n * 2 >= o->cap)
        grow(o);
    size_t i = slot(o, value);
    if (o->v[i] == value)
        return false;
    o->v[i] = value;
    o->n++;
    return true;
}

bool once_has(const struct once *o, uint64_t value)
{
    value += value == 0;
    return o->cap != 0 && o->v[slot(o, value)] == value;
}

void once_free(struct once *o)
{
    free(o->v);
    *o = (struct once){ 0 };
}

uint64_t once_mix(uint64_t a, uint64_t b, uint64_t secret)
{
    uint64_t x = (a + secret) * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    x = (x + b) * 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    x = (x + secret) * 0x94d049bb133111ebu;
    return x ^ x >> 29;
}
