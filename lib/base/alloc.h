/* alloc.h - memory that is there or ends the process.
 *
 * Out of memory ends a daemon, so every size that a peer controls must have been limited before it comes here.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_ALLOC_H
#define GATEPOST_BASE_ALLOC_H

#include "lib/base/span.h"

void *xmalloc(size_t size_bytes);
void *xcalloc(size_t count, size_t size_bytes);            /* checks count * size for overflow */
/* Zeroed, for what comes and goes with every request: calloc passes glibc's cache of small pieces by, where the one that was freed just before
 * lies, of the same size mostly. */
void *xzeroed(size_t size_bytes);
void *xrealloc(void *p, size_t size_bytes);
void *xreallocarray(void *p, size_t count, size_t size_bytes);
char *xstrdup(const char *s);
char *xspandup(span s);                                    /* NUL-terminated copy; free() it */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
