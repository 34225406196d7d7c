/* kept_maps.h - memory that a library maps and unmaps for every file it looks at is kept for the next file.
 *
 * libclamav maps anonymous memory for each file, reads the file into it and unmaps it: a few times for a message with an attachment.  Each time its
 * pages cost a fault, or two, and are cleared by the kernel, and unmapping interrupts every processor that this process has been on.  That is a
 * third of a worker's time where faults and interrupts go through a hypervisor, a tenth elsewhere.  So mmap(2) and munmap(2) are looked at
 * here on their way to the C library (interpose.h): what is unmapped is cleared and given out again.  Whatever is not plain anonymous
 * memory of a moderate size goes on as it was.  Linked into what scans; for one thread.
 * Units:     bytes.
 * Errors:    none of its own: what cannot be kept is mapped and unmapped.
 * Source:    libclamav 1.4, fmap.c.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_KEPT_MAPS_H
#define GATEPOST_CFILTER_KEPT_MAPS_H

#include <stddef.h>

enum { KEPT_MAPS_LARGEST = 8 * 1024 * 1024, KEPT_MAPS_ALL = 16 * 1024 * 1024 };

/* From now on, in this process. */
void kept_maps_begin(void);

/* Unmaps what nobody uses now. */
void kept_maps_trim(void);

/* What is kept and in use, together. */
size_t kept_maps_bytes(void);

#endif
