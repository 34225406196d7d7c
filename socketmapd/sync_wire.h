/* sync_wire.h - what the sync engine and the process that reads the directory say to each other.
 *
 * Pure.  Fields that each end in a NUL (lib/ldap/ldap_config.h); the first one names the message.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SYNC_WIRE_H
#define GATEPOST_SOCKETMAPD_SYNC_WIRE_H

#include "lib/ldap/ldap_config.h"

enum { SYNC_DOMAINS_BYTES_MAX = 16 << 20, SYNC_TEXT_MAX = 512 };

/* To the child, first of all: what to read, and where to put it. */
struct sync_order {
    struct ldap_config config;
    span config_bytes;
    size_t first_server;
    int method;                         /* enum sync_method, never SYNC_OFF */
    bool active_directory;
    span filter;
    span attribute[SYNC_ATTRIBUTES_MAX];
    size_t n_attributes;
    span domains;                       /* one a line: addresses of others are left out.  Travels as a memfd beside the order */
    bool fold_local_part, leavers;
    span login;                         /* attribute with the login */
    int64_t interval_ms, full_interval_ms;
    span proposal_path;
    span asked;                         /* digest of what is asked for */
};
void sync_order_encode(const struct sync_order *o, struct buf *to);
bool sync_order_decode(span bytes, struct sync_order *out);          /* spans point into bytes */
/* Hex SHA-256 of what decides which addresses are found: not the servers, not the password. */
void sync_order_digest(const struct sync_order *o, char out[65]);

/* Later to the child, one word. */
#define SYNC_READ_ALL  "read"           /* read all of it now */
#define SYNC_PROPOSE   "propose"        /* propose again what is known */

/* From the child. */
enum sync_said {
    SYNC_SAID_PROGRESS,                 /* number: entries read so far; text: by which method */
    SYNC_SAID_PROPOSAL,                 /* a file is at proposal_path; number: addresses; text: the method; serial */
    SYNC_SAID_CURRENT,                  /* nothing has changed until now */
    SYNC_SAID_ADDED,                    /* text: an address that is valid from now on; more: the DN; serial; number: 1 if it is internal */
    SYNC_SAID_FAILED,                   /* text: why; the child ends */
};
struct sync_note {
    enum sync_said said;
    uint64_t number;
    uint64_t serial;                    /* of changes: a proposal holds all that were told up to it */
    uint64_t behind_ms;                 /* of a proposal: it is the directory as it was so long ago */
    size_t server;
    char text[SYNC_TEXT_MAX * 3];       /* an address has 1023 bytes at most */
    char more[SYNC_TEXT_MAX];
};
void sync_note_encode(const struct sync_note *n, struct buf *to);
bool sync_note_decode(span bytes, struct sync_note *out);

int sync_child_run(int argc, char **argv);      /* child role "rcpt-sync" */

#endif
