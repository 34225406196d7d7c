/* passed_over.h - files that libclamav takes for harmless by their first bytes, and does not look at: sound and pictures in motion.
 *
 * "ID3=1;" begins a script as well, and "OggS" a line of a batch file that the shell only complains of.  So such files are kept during a call of the
 * engine, and given to it again behind bytes of which it knows nothing: patterns in them count, their kind does not.
 * Units:     bytes.
 * Ownership: the list owns its copies.
 * Source:    libclamav 1.4, filetypes_int.h and daily.ftm: CL_TYPE_IGNORED.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_PASSED_OVER_H
#define GATEPOST_CFILTER_PASSED_OVER_H

#include "lib/base/span.h"

enum { PASSED_OVER_FILES = 32, PASSED_OVER_BYTES = 64 * 1024 * 1024 };

struct passed_over {
    struct { char *bytes; size_t n; } v[PASSED_OVER_FILES];
    size_t n, total;
    bool full;                     /* one did not find room since the last reset: it was not looked at */
};

/* By libclamav's name of its type. */
bool passed_over_is(const char *type);
void passed_over_add(struct passed_over *p, span file);
/* What is to be looked at, valid until the next call; false: there is nothing more. */
bool passed_over_next(struct passed_over *p, span *out);
void passed_over_reset(struct passed_over *p);

#endif
