/* unpack.h - what is in an archive, by libarchive: a second reader of archives beside libclamav's.
 *
 * libclamav passes over what it cannot unpack without a word: 7-Zip with bzip2, PPMd or Deflate64, zip with LZMA, Zstandard, xz or PPMd, RAR where
 * its unrar is not installed, .lzma, .zst, .lz4, .lz, .Z.  Mail programs' users have tools that open them, Windows' Explorer among them.
 * For the cage: hostile bytes are read here.  Nothing is written to disk, no program is run (libarchive would, for filters that it lacks: those
 * are not asked for).
 * Units:     bytes.
 * Ownership: a member's bytes live during its call.
 * Source:    libarchive(3), archive_read(3); magic numbers: APPNOTE.TXT, 7zFormat.txt, RFC 1952, RFC 8878, and the tools' own.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_UNPACK_H
#define GATEPOST_CFILTER_UNPACK_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

/* What is left to spend on one message, over all its archives. */
struct unpack_budget {
    uint64_t bytes;                /* unpacked, all together */
    size_t members;
    uint64_t max_member_bytes;     /* more of one member is not unpacked */
};

enum unpack_trouble {              /* bits: why there may be more in it than was given out */
    UNPACK_ENCRYPTED = 1,
    UNPACK_UNREADABLE = 2,         /* damaged, cut, or packed in a way that nobody here knows */
    UNPACK_LIMIT = 4,
    UNPACK_ENCRYPTED_DOCUMENT = 8,
};
enum { UNPACK_TROUBLES = 4 };

/* false: no more is wanted. */
typedef bool unpack_member_fn(span member, void *arg);

/* To be asked once, before the process is locked in: which filters this libarchive has in itself. */
void unpack_start(void);
/* Is this the manifest of an OpenDocument file whose other members are encrypted?  They look like any others (OpenDocument 1.3, part 2, 4.8). */
bool unpack_is_encrypted_manifest(span member);
/* By its first bytes (of tar: at 257, of ISO 9660: at 32769). */
bool unpack_looks_like(span bytes);
/* Gives out each file in it, also what could be read of one that is damaged; not what is in archives within, and of a .tar.gz the tar.  Returns the troubles, with *why (of
 * the first) in libarchive's words. */
unsigned unpack_members(span bytes, struct unpack_budget *budget, unpack_member_fn *fn, void *arg, struct errtext *why);

#endif
