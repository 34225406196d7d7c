/* spool.h - one message on its way through: in memory while small or while there is room for large ones, else in an unlinked file.
 *
 * Written once, then closed for ever.  Whoever is given the descriptor can read and nothing else: a file is reopened read-only before its name
 * goes; for a message in memory a sealed memfd (F_SEAL_WRITE and the rest) is made when the first asks for one, so that a message that nobody
 * scans costs no call of the kernel.
 * Units:     bytes.
 * Ownership: the spool owns its descriptors; spool_bytes is valid until spool_free.
 * Errors:    every write is checked; after a failed one the spool takes nothing more.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SPOOL_H
#define GATEPOST_CFILTER_SPOOL_H

#include "cfilter/spool_block.h"
#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "lib/base/span.h"

struct spool;

struct spool_limits {
    uint64_t memory_bytes;     /* more moves to a block, or to a file */
    uint64_t max_bytes;        /* more is SPOOL_TOO_BIG */
    const char *directory;     /* of the file */
    struct spool_blocks *blocks;   /* NULL: none */
};

enum spool_status {
    SPOOL_OK = 0,
    SPOOL_TOO_BIG = -1,        /* the message passes max_bytes; size goes on counting, nothing is kept */
    SPOOL_FAILED = -2,         /* no space, no descriptor, no directory */
};

struct spool *spool_new(const struct spool_limits *limits);
void spool_free(struct spool **sp);
/* Where the next bytes are to be appended, at most SPOOL_PIECE of them; then spool_take.  NULL once the spool takes nothing more. */
enum { SPOOL_PIECE = 64 * 1024 };
struct buf *spool_room(struct spool *sp);
enum spool_status spool_take(struct spool *sp, struct errtext *err);
/* Both in one, for any number of bytes that stand elsewhere. */
enum spool_status spool_write(struct spool *sp, span bytes, struct errtext *err);
/* The last write was made.  Must come before spool_fd and spool_bytes. */
enum spool_status spool_finish(struct spool *sp, struct errtext *err);
uint64_t spool_size(const struct spool *sp);
int spool_fd(struct spool *sp, struct errtext *err);     /* read-only or sealed; the spool's.  -1 with err: the kernel gives no memory */
span spool_bytes(const struct spool *sp);        /* the whole message */
int spool_file(const struct spool *sp);           /* the file, read-only; -1: it lies in memory */
bool spool_in_file(const struct spool *sp);

#endif
