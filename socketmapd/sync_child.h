/* sync_child.h - what the files of the process that reads a directory share.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SYNC_CHILD_H
#define GATEPOST_SOCKETMAPD_SYNC_CHILD_H

#include "socketmapd/dir_reader.h"

struct sync_child;

/* A way to learn of changes. */
struct sync_way {
    const char *name;
    int method;                                         /* enum sync_method */
    bool (*offered)(struct sync_child *c);              /* whether the server says that it has it */
    /* Before (reads == NULL) the whole directory is read: takes the mark from which changes are asked for later. */
    bool (*mark)(struct sync_child *c);
    bool (*read)(struct sync_child *c);                 /* NULL: by pages.  Fills c->model */
    /* What has changed since; also that the server is there.  *current_out: the model is the directory as it is now. */
    bool (*poll)(struct sync_child *c, bool *current_out);
    bool (*message)(struct sync_child *c, int type, LDAPMessage *m);    /* may be NULL: the server spoke by itself */
};
extern const struct sync_way sync_way_syncrepl, sync_way_dirsync, sync_way_usn, sync_way_full;

struct sync_child {
    struct sync_order order;
    struct dir_reader reader;
    struct dir_model *model;
    const struct sync_way *way;
    bool dirty;                        /* the model has changed since it was proposed */
    bool refreshed;                    /* all has been read once: changes are told one by one from now on */
    bool wake;                         /* the server hinted at a change */
    uint64_t serial;                   /* of changes */
    int64_t as_of_ms;                  /* the model is the directory as it was then, monotonic */
    char context[512];
    /* of the ways: */
    int msgid;                         /* of an operation that stays open; 0: none */
    char usn_next[32];
    struct berval dirsync_cookie;
};

/* r->entry is the present state of an entry: into the model; addresses that are new are told. */
bool sync_entry_is(struct sync_child *c);
void sync_entry_gone(struct sync_child *c, span id);
/* Of all that has changed, by id: what still matches `filter` into the model, the rest out of it.  changed loses what was seen. */
bool sync_read_changed(struct sync_child *c, const char *filter, struct map *changed);
void sync_drop_unseen(struct sync_child *c, const struct map *changed);
/* Whether rootDSE's attr has this value. */
bool sync_root_has(struct sync_child *c, const char *attr, const char *value);
/* Asks Active Directory to say when anything changes; c->wake is then set. Source: [MS-ADTS] 3.1.1.3.4.1.9. */
void sync_ask_for_hints(struct sync_child *c);
bool sync_hint(struct sync_child *c, int type, LDAPMessage *m);

#endif
