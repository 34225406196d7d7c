/* spool.h - one message on its way through: in memory while small, in an unlinked file when large.
 *
 * Written once, then closed for ever: a memfd is sealed (F_SEAL_WRITE and the rest), a file is reopened read-only before
 * its name goes, so that whoever is given the descriptor can read and nothing else.
 * Units:     bytes.
 * Ownership: the spool owns its descriptors; spool_bytes is valid until spool_free.
 * Errors:    every write is checked; after a failed one the spool takes nothing more.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SPOOL_H
#define GATEPOST_CFILTER_SPOOL_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

struct spool;

struct spool_limits {
    uint64_t memory_bytes;     /* more moves to a file */
    uint64_t max_bytes;        /* more is SPOOL_TOO_BIG */
    const char *directory;     /* of the file */
};

enum spool_status {
    SPOOL_OK = 0,
    SPOOL_TOO_BIG = -1,        /* the message passes max_bytes; size goes on counting, nothing is kept */
    SPOOL_FAILED = -2,         /* no space, no descriptor, no directory */
};

/* NULL with err when the kernel gives no memory file. */
struct spool *spool_new(const struct spool_limits *limits, struct errtext *err);
void spool_free(struct spool **sp);
enum spool_status spool_write(struct spool *sp, span bytes, struct errtext *err);
/* The last write was made: seals it and maps it.  Must come before spool_fd and spool_bytes. */
enum spool_status spool_finish(struct spool *sp, struct errtext *err);
uint64_t spool_size(const struct spool *sp);
int spool_fd(const struct spool *sp);            /* read-only or sealed; the spool's */
span spool_bytes(const struct spool *sp);        /* the whole message, mapped */
bool spool_in_file(const struct spool *sp);

#endif
