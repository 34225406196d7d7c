/* dir_model.h - a directory's entries and the addresses that they name, by the entries' own ids.
 *
 * A change tells of one entry; which addresses came and which went with it is known only from what it had before.
 * Ownership: ids, names and addresses are copied.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_DIR_MODEL_H
#define GATEPOST_SOCKETMAPD_DIR_MODEL_H

#include "lib/base/buf.h"
#include "socketmapd/rcpt_set.h"

struct dir_model;

/* One entry as it was read. */
struct dir_entry {
    char id[64];                      /* entryUUID or objectGUID as bytes; else a digest of the DN */
    size_t id_n;
    struct buf dn;
    struct buf addresses;             /* u8 attr, u8 internal, u16 length, bytes; ... */
};
void dir_entry_init(struct dir_entry *e);
void dir_entry_reset(struct dir_entry *e);
void dir_entry_free(struct dir_entry *e);
void dir_entry_add(struct dir_entry *e, span address, unsigned attr, bool internal);
/* The next address; *cursor begins with 0. */
bool dir_addresses_next(span addresses, size_t *cursor, span *address_out, unsigned *attr_out, bool *internal_out);

struct dir_model *dir_model_new(void);
void dir_model_free(struct dir_model **m);
/* Takes the entry's present state in place of the old one.  changed_out: whether its addresses differ. */
void dir_model_put(struct dir_model *m, const struct dir_entry *e, bool *changed_out);
bool dir_model_remove(struct dir_model *m, span id);            /* whether it was there */
bool dir_model_has(const struct dir_model *m, span id);
/* Whether the entry had this address already. */
bool dir_model_named(const struct dir_model *m, span id, span address);
size_t dir_model_count(const struct dir_model *m);
size_t dir_model_naming(const struct dir_model *m);             /* entries that name an address */
void dir_model_into(const struct dir_model *m, struct rcpt_set_writer *w);

#endif
