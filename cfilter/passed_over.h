/* passed_over.h - files that libclamav does not look at as they are, because of what it takes them for.
 *
 * - Sound and pictures in motion: "ID3=1;" begins a script as well, and "OggS" a line of a batch file that the shell only complains of.
 * - HTML: it sees the text that it makes of it, in lower case and without comments.  A batch file that says "rem <html>" is HTML to it, too.
 * So such files are kept during a call of the engine, and given to it again, strung together behind bytes of which it knows nothing: patterns in them
 * count, their kind does not.  HTML that begins like HTML is left alone: nothing else reads that.
 * Units:     bytes.
 * Ownership: the list owns its copies.
 * Source:    libclamav 1.4: filetypes_int.h and daily.ftm (CL_TYPE_IGNORED), scanners.c (HTML_SKIPRAW).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_PASSED_OVER_H
#define GATEPOST_CFILTER_PASSED_OVER_H

#include "lib/base/buf.h"

enum { PASSED_OVER_BYTES_MAX = 64 * 1024 * 1024, PASSED_OVER_ROUNDS = 4 };

struct passed_over {
    struct buf kept, taken;
    size_t room;
    unsigned rounds;
    bool full;                     /* something did not find room since the last reset: it was not looked at */
};

void passed_over_init(struct passed_over *p, size_t limit_bytes);    /* never more than PASSED_OVER_BYTES_MAX */
void passed_over_free(struct passed_over *p);
/* type: libclamav's name of it. */
bool passed_over_is(const char *type, span file);
void passed_over_add(struct passed_over *p, span file);
/* What was kept so far, in one piece, valid until the next call; false: nothing was. */
bool passed_over_take(struct passed_over *p, span *out);
void passed_over_reset(struct passed_over *p);

#endif
