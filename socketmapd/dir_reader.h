/* dir_reader.h - a directory's entries out of libldap, for a child process: these calls block, each step at most config.timeout_ms.
 *
 * A reading is complete or it has failed: every page to its empty cookie, result code 0, no reference that was not to be skipped, no range of
 * values left open.
 * Source:    RFC 4511, RFC 2696 (paged results), [MS-ADTS] 3.1.1.3.1.3.3 (ranges).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_DIR_READER_H
#define GATEPOST_SOCKETMAPD_DIR_READER_H

#include "lib/base/map.h"
#include "lib/ldap/directory.h"
#include "socketmapd/dir_model.h"
#include "socketmapd/sync_wire.h"

enum { DIR_WHY_MAX = 600, DIR_ATTRS_MAX = SYNC_ATTRIBUTES_MAX + 8 };

struct dir_reader {
    struct directory dir;
    const struct sync_order *order;
    struct map *domains;               /* that addresses are kept of; empty: all */
    char *attrs[DIR_ATTRS_MAX];        /* to be asked for; NULL-terminated */
    struct dir_entry entry;            /* that was read last */
    void (*progress)(uint64_t entries, void *arg);     /* now and then */
    void *progress_arg;
    uint64_t n_read;
    int64_t progress_s;
    char why[DIR_WHY_MAX];             /* of the last failure */
};

void dir_reader_init(struct dir_reader *r, const struct sync_order *order);
void dir_reader_free(struct dir_reader *r);
bool dir_reader_connect(struct dir_reader *r);

/* false, with `why` filled. */
bool dir_failed(struct dir_reader *r, int rc, const char *step);
/* The next message of one operation (LDAP_RES_ANY: of any): its type, or -1 with `why`; a silent server is a failure. */
int dir_wait(struct dir_reader *r, int msgid, LDAPMessage **res_out);
/* Fills r->entry; false when it could not be read whole. */
bool dir_take(struct dir_reader *r, LDAPMessage *message);
/* Result code of a SearchResultDone as a failure, or true; its controls, if wanted, are the caller's. */
bool dir_done(struct dir_reader *r, LDAPMessage *message, const char *step, LDAPControl ***controls_out);

/* Calls each(arg) for every entry, which is in r->entry then (with ids_only: only its id).  false, with `why`, when it is not complete. */
bool dir_search(struct dir_reader *r, const char *filter, bool ids_only, bool (*each)(struct dir_reader *r, void *arg), void *arg);
/* One entry's single-valued attribute as text; false when there is none or it cannot be read. */
bool dir_get(struct dir_reader *r, const char *dn, const char *attr, char *out, size_t size);
/* Whether the server answers still. */
bool dir_alive(struct dir_reader *r);

#endif
