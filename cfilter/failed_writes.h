/* failed_writes.h - whether a library could not write its temporary files.
 *
 * libclamav tells nobody when there is no room: what it could not unpack it does not look at, and calls the message clean.  Small parts of mail it
 * writes through stdio and does not look at what fclose(3) says.  So the calls are looked at here, on their way to the C library (interpose.h).
 * Linked into what scans; for one thread, one message at a time.
 * Source:    libclamav 1.4, fileblob.c, unzip.c.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_FAILED_WRITES_H
#define GATEPOST_CFILTER_FAILED_WRITES_H

#include <stdbool.h>

struct failed_writes {
    int why;                   /* errno of the first; 0: none has failed */
    bool crowded;              /* somebody else has taken the room, or most of it: that is no fault of the message */
};

/* From now on, for one message, until failed_writes_end.  folder: where files are unpacked; must live as long. */
void failed_writes_begin(const char *folder);
struct failed_writes failed_writes_end(void);

#endif
