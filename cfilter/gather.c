/* gather.c - outputs of the MIME readers on their way to the virus engine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/gather.h"

#include <assert.h>

#include "cfilter/gap.h"
#include "cfilter/unpack_readings.h"

enum { BUNDLE_BYTES = 4 * 1024 * 1024, MEMBERS_MAX = 250, LARGE = 1024 * 1024, REST_BYTES = 2 * 1024 * 1024 };

void gather_init(struct gather *g, struct clamav *engine, struct facts *f, size_t max_calls)
{
    *g = (struct gather){ .engine = engine, .facts = f, .scanner = "mime", .next = "mime", .max_calls = max_calls };
    bundle_init(&g->files, BUNDLE_BYTES);
    buf_init(&g->rest, REST_BYTES);
}

void gather_free(struct gather *g)
{
    bundle_free(&g->files);
    buf_free(&g->rest);
}

bool gather_found(const struct gather *g)
{
    return facts_have_virus(g->facts);
}

static bool is_exact(enum gather_as as)
{
    return as == GATHER_FILE || as == GATHER_FOUND;
}

static bool costs_by_size(const struct gather *g, size_t bytes)
{
    return bytes > LARGE && bytes <= g->large_left;
}

static bool may_call(struct gather *g, size_t bytes)
{
    if (costs_by_size(g, bytes) || g->calls < g->max_calls)
        return true;
    g->spent = true;
    return false;
}

static void count_call(struct gather *g, size_t bytes)
{
    if (costs_by_size(g, bytes))
        g->large_left -= bytes;
    else
        g->calls++;
}

static void scan_part(struct gather *g, span bytes, bool text)
{
    if (clamav_scan_part(g->engine, bytes, text, g->scanner, g->facts))
        count_call(g, bytes.n);
}

void gather_flush(struct gather *g)
{
    if (g->rest.len > 0 && !bundle_add(&g->files, buf_span(&g->rest)) && may_call(g, g->rest.len))
        scan_part(g, buf_span(&g->rest), false);
    buf_reset(&g->rest);
    if (g->files.members > 0 && may_call(g, g->files.tar.len)) {
        count_call(g, g->files.tar.len);
        clamav_scan_bundle(g->engine, bundle_bytes(&g->files), g->scanner, g->facts);
    }
    bundle_reset(&g->files);
    g->scanner = g->next;
}

void gather_from(struct gather *g, const char *scanner)
{
    bool others_wait = (g->files.members > 0 || g->rest.len > 0) && strcmp(g->scanner, scanner) != 0;

    g->scanner = others_wait ? "mime" : scanner;
    g->next = scanner;
}

static void add_file(struct gather *g, span bytes)
{
    if (bundle_add(&g->files, bytes))
        return;
    gather_flush(g);
    bool fits = bundle_add(&g->files, bytes);
    assert(fits);                      /* LARGE goes alone, and the bundle is empty */
    (void)fits;
}

static void add_rest(struct gather *g, span bytes)
{
    if (g->rest.len + bytes.n + GAP.n > REST_BYTES)
        gather_flush(g);
    buf_append(&g->rest, GAP);
    buf_append(&g->rest, bytes);
}

static bool add_large(struct gather *g, span bytes, bool text)
{
    if (g->calls >= g->max_calls && !costs_by_size(g, bytes.n) && clamav_knows(g->engine, bytes, text, false))
        return true;
    if (!may_call(g, bytes.n))
        return false;
    scan_part(g, bytes, text);
    return !gather_found(g);
}

static bool add(struct gather *g, span bytes, enum gather_as as, bool text)
{
    bool any_ends = text && !is_exact(as);

    if (bytes.n > LARGE)
        return add_large(g, bytes, any_ends);
    if (!clamav_knows(g->engine, bytes, any_ends, as != GATHER_REST)) {
        if (as != GATHER_REST)
            add_file(g, bytes);
        else
            add_rest(g, bytes);
        if (g->files.members >= MEMBERS_MAX)
            gather_flush(g);
    } else
        return true;
    return !gather_found(g);
}

bool gather_add(struct gather *g, span bytes, enum gather_as as, bool text)
{
    size_t waiting = g->files.members;

    if (g->spent || !add(g, bytes, as, text))
        return false;
    if (g->max_depth == 0 || !(is_exact(as) ? unpack_has_readings(bytes) : unpack_looks_like(bytes)))
        return true;
    return gather_open_archive(g, bytes, as == GATHER_FILE, g->files.members != waiting && g->files.members != 0);
}
