/* unpack_readings.h - the ways in which one file may be read as an archive: programs do not agree on where it begins, where it ends, and which of
 * the two descriptions that a zip has of each file counts.
 *
 * - 7-Zip and RAR with anything before them, as self-extracting programs have it.
 * - zip: found by the directory at its end, so with anything before it; of several that stand one after the other some programs show the first, some
 *   the last.
 * - zip: where the header before a file and the directory differ (method, encryption, sizes, the signature itself), the way of the directory: libclamav
 *   and libarchive follow the header.
 * Pure.
 * Units:     bytes.
 * Ownership: readings are spans of the file, or live during the call.
 * Source:    PKWARE APPNOTE.TXT 4.3; 7zFormat.txt; Python's zipfile, 7-Zip and libarchive as they behave.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_UNPACK_READINGS_H
#define GATEPOST_CFILTER_UNPACK_READINGS_H

#include "lib/base/span.h"

enum { UNPACK_READINGS_MAX = 8 };  /* beside the first, of each kind */

/* first: the file as it stands; what goes wrong with the others says nothing.  false: no more is wanted. */
typedef bool unpack_reading_fn(span bytes, bool first, void *arg);

/* Is there any? */
bool unpack_has_readings(span file);
void unpack_readings(span file, unpack_reading_fn *fn, void *arg);

#endif
