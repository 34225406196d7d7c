/* runs.h - runs of base64 anywhere in a text.
 *
 * Pure.  A run is a word of at least 40 characters, or lines that hold nothing else; where it begins and ends is not always clear, and then there are
 * several candidates.
 * Units:     offsets in bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_RUNS_H
#define GATEPOST_CFILTER_MIME_RUNS_H

#include "lib/base/span.h"

enum { RUN_CANDIDATES = 4 };

struct run {
    size_t at, end;            /* all of it */
    size_t lines;
    span candidate[RUN_CANDIDATES];
    size_t n;
};

/* The next run at or after *at, which moves behind it. */
bool run_next(span in, size_t *at, struct run *out);

#endif
