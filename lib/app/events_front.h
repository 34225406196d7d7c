/* events_front.h - inside of struct events, for events.c (recording) and events_find.c (looking up, purging).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_EVENTS_FRONT_H
#define GATEPOST_APP_EVENTS_FRONT_H

#include "lib/app/events.h"
#include "lib/app/events_wire.h"
#include "lib/app/key_file.h"
#include "lib/app/log.h"

enum { EVENTS_HASH_TEXT = 2 + 32 + 1 };      /* "h:", 128 bits in hex, NUL */

struct find;

struct events {
    struct loop *loop;
    char *daemon, *directory;
    int64_t max_bytes, keep_ms;
    bool recording, hash_addresses, have_key;
    uint8_t key[KEY_FILE_BYTES];

    struct buf record;               /* the one being written */
    struct json_out json;
    size_t head_len;                 /* id, t, daemon, outcome */
    bool open, batch_due;

    struct buf pending;              /* whole lines that the writer has not got yet */
    uint64_t in_flight;              /* records that it has got and not reported */
    uint64_t dropped;
    struct child *writer;
    int64_t restart_ms;
    struct loop_timer flush, restart, tick;
    struct log_fence alarm;

    struct find *finds;              /* events_find.c */
    size_t n_finds;
};

void events_front_flush(struct events *e);
void events_front_close_fds(const int *fds, size_t nfds);
bool events_front_settled(const struct events *e);          /* all records are in the files */
/* Starts a writer if there is none. */
int events_front_order(struct events *e, enum events_order order, span body, struct errtext *err);
/* false without a key. */
bool events_front_hash(const struct events *e, span mailbox, char out[EVENTS_HASH_TEXT]);

/* What events.c tells events_find.c. */
void events_front_report(struct events *e, const struct events_report *r);
void events_front_writer_lost(struct events *e);
void events_front_stop(struct events *e);

#endif
