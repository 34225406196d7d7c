/* gather.h - outputs of the MIME readers on their way to the virus engine: what is new waits, and is looked at many at a time.
 *
 * A call of the engine costs more than most outputs are worth, so small ones travel together in a bundle.  What may be a whole file is a member of its
 * own; of guesses only patterns within can tell, so it is strung together in one member.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_GATHER_H
#define GATEPOST_CFILTER_GATHER_H

#include "cfilter/bundle.h"
#include "cfilter/clamav.h"
#include "cfilter/unpack.h"

enum { GATHER_ARCHIVES_MAX = 256 };

/* A file out of an archive, for whoever reads mail in it; what it finds it adds with gather_add.  false: no more is wanted. */
typedef bool gather_member_fn(span member, void *arg);

struct gather {
    struct clamav *engine;
    struct facts *facts;
    const char *scanner, *next;    /* whose outputs wait, and whose will come */
    size_t calls, max_calls;
    uint64_t large_left;           /* bytes that may be looked at in large calls, which cost by their size; those are not counted as calls */
    struct bundle files;
    struct buf rest;
    bool spent;                    /* an output was not looked at for want of calls */

    struct unpack_budget unpack;
    gather_member_fn *member;      /* NULL: nobody does */
    void *member_arg;
    unsigned depth, max_depth;     /* archives within archives; max_depth 0: they are not opened here */
    uint64_t opened[GATHER_ARCHIVES_MAX];   /* siphash of each archive that was, the lowest bit says whether as a file: several readers bring the same */
    size_t n_opened;
    unsigned troubles;             /* enum unpack_trouble */
    struct errtext trouble_why[UNPACK_TROUBLES];   /* of the first of each kind */
};

void gather_init(struct gather *g, struct clamav *engine, struct facts *f, size_t max_calls);
void gather_free(struct gather *g);
/* Archives among the files are opened by libarchive as well; what is in them counts as files, too.  member: may be NULL. */
void gather_unpack(struct gather *g, const struct unpack_budget *budget, unsigned max_depth, gather_member_fn *member, void *arg);
/* From here on outputs are of that reader.  What several readers found is told as found by "mime". */
void gather_from(struct gather *g, const char *scanner);
enum gather_as {
    GATHER_FILE,                   /* a file as somebody sent it: its very bytes count */
    GATHER_FOUND,                  /* may be one, though nothing says so: nothing is said of an archive that cannot be read */
    GATHER_PART,                   /* what a reader shows, where line ends make no difference if it is text */
    GATHER_REST,                   /* a guess: patterns in it count, its kind does not */
};
/* gather_archive.c, for gather_add.  file: somebody sent it as one; what only may be one is opened, too, but nothing is said of one that cannot be read.
 * waits: the engine has yet to see it. */
bool gather_open_archive(struct gather *g, span archive, bool file, bool waits);
/* false: no more is wanted, a virus is found or the calls are spent. */
bool gather_add(struct gather *g, span bytes, enum gather_as as, bool text);
/* Looks at what waits. */
void gather_flush(struct gather *g);
bool gather_found(const struct gather *g);

#endif
