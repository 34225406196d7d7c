/* front.c - where the proxy process keeps messages.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/front.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct spool_limits front_spool_limits(const struct front *f, const struct settings *set, char path[FRONT_PATH_MAX])
{
    const struct set_filter *s = &set->filter;

    if (s->spool_directory != NULL && s->spool_directory[0] != '\0')
        snprintf(path, FRONT_PATH_MAX, "%s", s->spool_directory);
    else
        snprintf(path, FRONT_PATH_MAX, "%s/spool", set->process.state_directory);
    /* Who only looks (--ctl-fd) may be anybody, and have no right to that folder. */
    return (struct spool_limits){ (uint64_t)(f->daemon->serving ? s->spool_memory_bytes : s->max_message_bytes),
                                  (uint64_t)s->max_message_bytes, path, f->blocks };
}

int front_make_spool(const struct front *f, const struct settings *set, struct errtext *err)
{
    char path[FRONT_PATH_MAX];

    front_spool_limits(f, set, path);
    if (!f->daemon->serving || mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    errtext_errno(err, "cannot make the spool folder %s (filter.spool_directory)", path);
    return -1;
}
