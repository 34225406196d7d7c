/* scratch.h - where workers unpack attachments: one folder each, on one tmpfs of limited size.
 *
 * The tmpfs is mounted in a mount namespace of the holder's own: it needs no place in the system, nobody else sees it, and it goes with the last
 * process in it, however that ends.  Where namespaces are not to be had, a folder in memory (or in the run directory) takes its place, and only the
 * size of each file is limited.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SCRATCH_H
#define GATEPOST_CFILTER_SCRATCH_H

#include "lib/base/errtext.h"
#include "lib/settings/settings.h"

struct scratch {
    char root[200];
    bool tmpfs;                /* mounted: limited as a whole */
};

/* For a process of one thread: it may change namespaces.  *notice says, if anything, why it is only a folder.  owner: who will write there. */
int scratch_open(const struct settings *set, unsigned owner_uid, unsigned owner_gid, struct scratch *out, struct errtext *notice,
                 struct errtext *err);
/* A plain private folder, no namespace: for scanning without workers. */
int scratch_open_plain(const struct settings *set, struct scratch *out, struct errtext *err);
void scratch_close(struct scratch *s);
/* Removes the plain folder of a process that was killed, if it had one. */
void scratch_remove_left_by(const struct settings *set, long pid);
/* Makes root/NAME (emptied if there); its path in out. */
int scratch_make(const struct scratch *s, const char *name, char *out, size_t size, struct errtext *err);
/* A folder that is empty now, to see later with one call whether it still is: a tmpfs changes a folder's size with each name in it. */
struct scratch_look {
    int fd;                    /* -1: cannot be told */
    int64_t size_bytes;
};
void scratch_look(const char *path, struct scratch_look *out);      /* keeps the folder open for as long as the process lives */
bool scratch_looks_empty(const struct scratch_look *l);             /* false: look into it */
/* Removes a folder and all in it; with keep_top only what is in it. */
void scratch_remove(const char *path, bool keep_top);

#endif
