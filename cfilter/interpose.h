/* interpose.h - a function of ours that comes before the C library's of the same name.
 *
 * An executable's own functions are found before those of libraries; what they stand before is called through NEXT: the C library's, or a
 * sanitizer's before it.
 * Source:    ld.so(8), on the order in which symbols are looked up; dlsym(3), RTLD_NEXT.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_INTERPOSE_H
#define GATEPOST_CFILTER_INTERPOSE_H

#include <dlfcn.h>
#include <string.h>

static inline void *interpose_next(const char *name, void **kept)
{
    if (*kept == NULL)
        *kept = dlsym(RTLD_NEXT, name);
    return *kept;
}

/* A pointer to a function out of one to an object, as POSIX has dlsym(3) and ISO C has not. */
#define NEXT(name, next)                                                                                                                  \
    static void *kept_##next;                                                                                                             \
    void *found_##next = interpose_next(name, &kept_##next);                                                                              \
    memcpy(&(next), &found_##next, sizeof(next))

#endif
