/* gather_archive.c - what libarchive takes out of the files of a message, on its way to the virus engine.
 *
 * What libclamav has found in an archive is known by then, and not looked at again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/gather.h"
#include "cfilter/unpack_readings.h"
#include "lib/base/rand.h"

void gather_unpack(struct gather *g, const struct unpack_budget *budget, unsigned max_depth, gather_member_fn *member, void *arg)
{
    g->unpack = *budget;
    g->member = member;
    g->member_arg = arg;
    g->max_depth = max_depth;
}

/* A file is opened again if it was only taken for one before: then nothing was said of it. */
static bool is_new(struct gather *g, span archive, bool file)
{
    uint64_t hash = (siphash(archive, rand_process_key()) & ~UINT64_C(1)) | file;

    for (size_t i = 0; i < g->n_opened; i++)
        if (g->opened[i] == hash || g->opened[i] == (hash | 1))
            return false;
    if (g->n_opened < GATHER_ARCHIVES_MAX)
        g->opened[g->n_opened++] = hash;
    return true;
}

struct opening {
    struct gather *g;
    struct errtext why;
    unsigned troubles;             /* of the file as it stands */
    bool encrypted_document;
};

static bool take_member(span member, void *arg)
{
    struct opening *o = arg;

    o->encrypted_document = o->encrypted_document || unpack_is_encrypted_manifest(member);
    if (!gather_add(o->g, member, GATHER_FILE, false))
        return false;
    return o->g->member == NULL || o->g->member(member, o->g->member_arg);
}

static bool open_reading(span bytes, bool first, void *arg)
{
    struct opening *o = arg;
    struct errtext why = { "" };
    unsigned troubles = unpack_members(bytes, &o->g->unpack, take_member, o, &why);

    if (first) {
        o->troubles = troubles;
        o->why = why;
    }
    return !o->g->spent && !gather_found(o->g);
}

/* told: else it only keeps the verdict cache from learning the archive, whose other copy may be read to its end. */
static void note_trouble(struct gather *g, unsigned troubles, const struct errtext *why, bool told)
{
    clamav_not_whole(g->engine);
    if (!told)
        return;
    for (unsigned i = 0; i < UNPACK_TROUBLES; i++)
        if ((troubles & ~g->troubles & 1U << i) != 0)
            g->trouble_why[i] = *why;
    g->troubles |= troubles;
}

bool gather_open_archive(struct gather *g, span archive, bool file, bool waits)
{
    struct opening o = { .g = g };

    if (!is_new(g, archive, file) || clamav_passed_over(g->engine, archive))
        return true;
    if (g->depth >= g->max_depth) {
        errtext_set(&o.why, "archives within archives within archives");
        note_trouble(g, UNPACK_LIMIT, &o.why, true);
        return true;
    }
    /* Calls for the sake of order; a message of many archives has none to spare for that. */
    bool spares = g->calls * 2 < g->max_calls;

    if (waits && spares)
        gather_flush(g);
    if (gather_found(g))
        return false;
    const char *reader = g->next;

    gather_from(g, "libarchive");
    g->depth++;
    unpack_readings(archive, open_reading, &o);
    if (--g->depth == 0 && spares)
        gather_flush(g);               /* so that libarchive's name stands behind what it alone has opened */
    gather_from(g, reader);
    if (o.troubles != 0)
        note_trouble(g, o.troubles, &o.why, file);
    if (o.encrypted_document)
        note_trouble(g, UNPACK_ENCRYPTED_DOCUMENT, &(struct errtext){ "OpenDocument" }, true);
    return !g->spent && !gather_found(g);
}
