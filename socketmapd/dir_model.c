/* dir_model.c - a directory's entries and the addresses that they name.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/dir_model.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"

enum { DN_MAX = 8 * 1024, ENTRY_ADDRESSES_MAX = 8 << 20, ADDRESS_HEAD = 4 };

/* What is kept of an entry: one piece of memory. */
struct known {
    uint32_t dn_n, addresses_n;
    char bytes[];
};

struct dir_model {
    struct map *entries;               /* id -> struct known */
    size_t naming;
};

void dir_entry_init(struct dir_entry *e)
{
    *e = (struct dir_entry){ .id_n = 0 };
    buf_init(&e->dn, DN_MAX);
    buf_init(&e->addresses, ENTRY_ADDRESSES_MAX);
}

void dir_entry_reset(struct dir_entry *e)
{
    e->id_n = 0;
    buf_reset(&e->dn);
    buf_reset(&e->addresses);
}

void dir_entry_free(struct dir_entry *e)
{
    buf_free(&e->dn);
    buf_free(&e->addresses);
}

void dir_entry_add(struct dir_entry *e, span address, unsigned attr, bool internal)
{
    char head[ADDRESS_HEAD] = { (char)attr, internal ? 1 : 0, (char)(address.n & 0xff), (char)(address.n >> 8) };

    if (address.n == 0 || address.n > RCPT_SET_ADDRESS_MAX || e->addresses.len + sizeof(head) + address.n > e->addresses.limit)
        return;
    buf_append(&e->addresses, span_of(head, sizeof(head)));
    buf_append(&e->addresses, address);
}

bool dir_addresses_next(span addresses, size_t *cursor, span *address_out, unsigned *attr_out, bool *internal_out)
{
    const unsigned char *p = (const unsigned char *)addresses.p + *cursor;
    size_t n;

    if (*cursor + ADDRESS_HEAD > addresses.n)
        return false;
    n = p[2] | (size_t)p[3] << 8;
    *address_out = span_of((const char *)p + ADDRESS_HEAD, n);
    *attr_out = p[0];
    *internal_out = p[1] != 0;
    *cursor += ADDRESS_HEAD + n;
    return true;
}

static span addresses_of(const struct known *k)
{
    return span_of(k->bytes + k->dn_n, k->addresses_n);
}

struct dir_model *dir_model_new(void)
{
    struct dir_model *m = xcalloc(1, sizeof(*m));

    m->entries = map_new();
    return m;
}

void dir_model_free(struct dir_model **m)
{
    if (*m == NULL)
        return;
    map_free(&(*m)->entries, free);
    free(*m);
    *m = NULL;
}

void dir_model_put(struct dir_model *m, const struct dir_entry *e, bool *changed_out)
{
    span dn = buf_span(&e->dn), addresses = buf_span(&e->addresses);
    struct known *k = xmalloc(sizeof(*k) + dn.n + addresses.n), *old;

    k->dn_n = (uint32_t)dn.n;
    k->addresses_n = (uint32_t)addresses.n;
    if (dn.n > 0)
        memcpy(k->bytes, dn.p, dn.n);
    if (addresses.n > 0)
        memcpy(k->bytes + dn.n, addresses.p, addresses.n);
    old = map_put(m->entries, span_of(e->id, e->id_n), k);
    *changed_out = old == NULL ? addresses.n > 0 : !span_eq(addresses_of(old), addresses);
    m->naming += (size_t)(addresses.n > 0) - (size_t)(old != NULL && old->addresses_n > 0);
    free(old);
}

bool dir_model_remove(struct dir_model *m, span id)
{
    struct known *old = map_remove(m->entries, id);

    if (old == NULL)
        return false;
    m->naming -= old->addresses_n > 0;
    free(old);
    return true;
}

bool dir_model_has(const struct dir_model *m, span id)
{
    return map_get(m->entries, id) != NULL;
}

bool dir_model_named(const struct dir_model *m, span id, span address)
{
    const struct known *k = map_get(m->entries, id);
    size_t cursor = 0;
    unsigned attr;
    bool internal;
    span one;

    while (k != NULL && dir_addresses_next(addresses_of(k), &cursor, &one, &attr, &internal)) {
        if (span_eq(one, address))
            return true;
    }
    return false;
}

size_t dir_model_count(const struct dir_model *m)
{
    return map_count(m->entries);
}

size_t dir_model_naming(const struct dir_model *m)
{
    return m->naming;
}

static bool add_entry(span id, void *value, void *arg)
{
    const struct known *k = value;
    struct rcpt_set_writer *w = arg;
    size_t cursor = 0;
    uint32_t object;
    unsigned attr;
    bool internal;
    span address;

    (void)id;
    if (k->addresses_n == 0)
        return true;
    object = rcpt_set_add_object(w, span_of(k->bytes, k->dn_n));
    while (dir_addresses_next(addresses_of(k), &cursor, &address, &attr, &internal))
        rcpt_set_add(w, &(struct rcpt_set_entry){ .address = address, .attr = attr, .object = object, .flags = internal ? RCPT_SET_INTERNAL : 0 });
    return true;
}

void dir_model_into(const struct dir_model *m, struct rcpt_set_writer *w)
{
    map_each(m->entries, add_entry, w);
}
