/* rcpt_set.h - a set of recipient addresses in one immutable file, mapped into memory.
 *
 * Where each came from (the DN) lies behind the addresses in the file and stays on disk until somebody asks.  A set knows
 * addresses that its source has ceased to name ("missing"): they are kept apart from what was never there.
 * Layout:    head, slots of a hash table (8 bytes each), records, missing, objects, names.
 *            Little endian; a reader believes no offset before rcpt_set_open has said so.
 * Units:     bytes; times are wall time in ms.
 * Ownership: spans point into the mapping and live as long as the set.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_RCPT_SET_H
#define GATEPOST_SOCKETMAPD_RCPT_SET_H

#include <stdio.h>

#include "lib/base/errtext.h"
#include "lib/base/rand.h"
#include "lib/base/span.h"

enum { RCPT_SET_VERSION = 1, RCPT_SET_ATTRS_MAX = 8, RCPT_SET_ADDRESS_MAX = 1023, RCPT_SET_NAME_MAX = 8191 };

/* Facts of a whole set. */
struct rcpt_set_about {
    uint64_t generation;                 /* rises with every set of a source */
    int64_t complete_ms;                 /* when the source was last known whole */
    uint64_t entries, entries_named;     /* of the directory: all that were read, and those that named an address */
    uint64_t per_attr[RCPT_SET_ATTRS_MAX];      /* addresses by the attribute that names them */
    char attr[RCPT_SET_ATTRS_MAX][64];
    char base[512];                      /* where the search began */
    char context[512];                   /* naming context of the server, as it says itself */
    char server[256];                    /* that it was read from */
    char asked[72];                      /* digest of what was asked for: another filter is another set */
};

struct rcpt_set_head {
    char magic[8];
    uint32_t version, head_bytes;
    uint64_t file_bytes;
    uint64_t n, n_missing, slots;
    uint64_t slots_at, records_at, records_end, missing_at, objects_at, n_objects, names_at;
    struct hash_key key;
    struct rcpt_set_about about;
    uint32_t body_crc;                   /* zlib's crc32 of all that follows the head */
    uint32_t head_crc;                   /* of all above */
};

enum { RCPT_SET_MISSING = 1, RCPT_SET_INTERNAL = 2 };     /* flags of an address */

struct rcpt_set_entry {
    span address;
    unsigned flags;
    unsigned attr;                       /* index into about.attr */
    uint32_t object;
    /* of a missing one: */
    int64_t since_ms;
    uint32_t missed;                     /* complete proposals in a row that did not name it */
    uint64_t missed_by;                  /* generation of the first of them */
};

struct rcpt_set;

enum rcpt_set_status { RCPT_SET_OK = 0, RCPT_SET_E_SYSTEM = -1, RCPT_SET_NO_FILE = -2, RCPT_SET_E_BROKEN = -3, RCPT_SET_E_VERSION = -4 };
/* whole: reads every byte of it and compares the checksum; else only the head's is. */
enum rcpt_set_status rcpt_set_open(const char *path, bool whole, struct rcpt_set **set_out, struct errtext *err);
/* The same over a descriptor, which stays the caller's. */
enum rcpt_set_status rcpt_set_open_fd(int fd, const char *name, bool whole, struct rcpt_set **set_out, struct errtext *err);
void rcpt_set_close(struct rcpt_set **s);

bool rcpt_set_find(const struct rcpt_set *s, span address, struct rcpt_set_entry *entry_out);
/* The next address; *cursor begins with 0. */
bool rcpt_set_next(const struct rcpt_set *s, uint64_t *cursor, struct rcpt_set_entry *entry_out);
span rcpt_set_object(const struct rcpt_set *s, uint32_t object);     /* as it was added: a DN, and perhaps NUL and a login */
span rcpt_set_dn(const struct rcpt_set *s, uint32_t object);
span rcpt_set_login(const struct rcpt_set *s, uint32_t object);      /* empty: none */
const struct rcpt_set_about *rcpt_set_about(const struct rcpt_set *s);
uint64_t rcpt_set_count(const struct rcpt_set *s);                   /* missing ones too */
uint64_t rcpt_set_missing(const struct rcpt_set *s);

/* ---- writing ---- */

struct rcpt_set_writer;
struct rcpt_set_writer *rcpt_set_writer_new(void);
void rcpt_set_writer_free(struct rcpt_set_writer **w);
/* The number of an object (a directory's entry) by its name; cut at RCPT_SET_NAME_MAX. */
uint32_t rcpt_set_add_object(struct rcpt_set_writer *w, span name);
/* The address, flags, attr, object and, for a missing one, since_ms, missed and missed_by.  false: too long, or it is there already (then the
 * first stays, but an INTERNAL one becomes open to all if the second is). */
bool rcpt_set_add(struct rcpt_set_writer *w, const struct rcpt_set_entry *e);
bool rcpt_set_added(const struct rcpt_set_writer *w, span address);
uint64_t rcpt_set_writer_count(const struct rcpt_set_writer *w);
/* Beside its place, synced and moved there.  0, or -1 with err and the old file as it was.  per_attr is counted here. */
int rcpt_set_write(struct rcpt_set_writer *w, const struct rcpt_set_about *about, const char *path, struct errtext *err);
/* Into memory: a sealed memfd, or -1 with err. */
int rcpt_set_write_memfd(struct rcpt_set_writer *w, const struct rcpt_set_about *about, struct errtext *err);

#endif
