/* events_files.h - the segments of one daemon in a folder, and reading them line by line.
 *
 * For the children of events.c: these calls block.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_EVENTS_FILES_H
#define GATEPOST_APP_EVENTS_FILES_H

#include <sys/types.h>

#include "lib/base/errtext.h"
#include "lib/base/span.h"

enum { EVENTS_LINE_MAX = 64 * 1024 };

struct segment {
    char name[96];               /* "policyd-1764000000000.jsonl" */
    int64_t first_ms;            /* wall time when it was begun */
    int64_t size_bytes;
    int64_t last_s;              /* mtime */
};
struct segments { struct segment *v; size_t n; };      /* oldest first */

void segment_name(char *out, size_t size, const char *daemon, int64_t first_ms);
/* A folder that is not there has none.  0, or -1 with err. */
int segments_list(int dir_fd, const char *daemon, struct segments *out, struct errtext *err);
void segments_free(struct segments *s);
/* Calls fn for each whole line (without its end) at its offset, until fn says false.  A last line without end is not a record yet. */
int segment_read(int fd, bool (*fn)(span line, off_t at, void *arg), void *arg, struct errtext *err);

#endif
