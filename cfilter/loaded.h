/* loaded.h - a message in a worker's memory: one of ordinary size is read into a buffer that stays, a large one is mapped.
 *
 * Mapping and unmapping cost more than copying a few dozen pages does: unmapping interrupts every processor that the process has been on.  Before the message there is room that may be written.
 * Copies of a message's bytes on their way: the front decodes what it received into the spool (one).  Up to SCAN_ALONG_BYTES go to the worker with
 * its order (into the datagram, out of the socket); more goes into a memory file, unless the spool is one (one), which the worker reads (one) or
 * maps (none).  What goes on is sent from the spool.
 * Units:     bytes.
 * Errors:    a descriptor that does not hold what was announced is refused: less would be a SIGBUS later, more would not be looked at.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_LOADED_H
#define GATEPOST_CFILTER_LOADED_H

#include "lib/base/span.h"

enum { LOADED_ROOM = 512, LOADED_SMALL_BYTES = 256 * 1024,
       LOADED_ZEROS = 64 };           /* behind the message, as at the end of a mapped page: not the message before it */

struct loaded {
    span bytes;                    /* LOADED_ROOM writable bytes stand before it */
    char *map;                     /* NULL: it lies in the buffer */
    size_t map_bytes;
};

/* For small messages, one at a time. */
struct loaded_buffer;
struct loaded_buffer *loaded_buffer_new(void);
void loaded_buffer_free(struct loaded_buffer **b);

/* NULL, or what went wrong.  buffer may be NULL: all are mapped. */
const char *loaded_open(struct loaded *l, struct loaded_buffer *buffer, int fd, uint64_t size);
void loaded_close(struct loaded *l);

#endif
