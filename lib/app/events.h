/* events.h - every decision as one JSON record, written in batches by a child, found again by `gatepostctl explain`.
 *
 * Append-only segments DIR/<daemon>-<first wall ms>.jsonl; the oldest go first when max_bytes or keep is passed.
 * events_emit copies into memory and returns: a slow or full disk costs records (counted), never a decision's time.
 * A record is one JSON object and has at least: "id", "t" (Unix ms), "daemon", "outcome" ("pass", "tempfail", "reject", "observe").
 * Refusals are recorded whole, passes short.  Further keys, where they apply, so that `gatepostctl explain` finds and words them:
 *   "from" (reverse-path), "rcpt" (a mailbox or an array of them), "client" (address text), "client_name", "helo", "login", "reason",
 *   "reply" (what the peer was told), "score", "ms" (whole time), "checks": [{"name", "saw", "points", "ms"}]; any other key is shown as it is.
 * A record over 64 KiB keeps its head and says "cut":true.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_EVENTS_H
#define GATEPOST_APP_EVENTS_H

#include "lib/base/json_out.h"
#include "lib/net/child.h"
#include "lib/settings/settings.h"

struct events;

struct events *events_open(struct loop *l, const char *daemon, const struct settings *set, struct errtext *err);
/* As events_open, but nothing is ever recorded: for looking into what is there (and purging it). */
struct events *events_open_readonly(struct loop *l, const char *daemon, const struct settings *set, struct errtext *err);
void events_reconfigure(struct events *e, const struct settings *set);
void events_close(struct events **e, int64_t within_ms);   /* flushes */

/* Begins a record with id, t and daemon written; NULL when events are off.  One at a time; end with events_emit. */
struct json_out *events_begin(struct events *e, const char *id, const char *outcome);
/* A mailbox, hashed when hash_addresses is set; key NULL inside an array. */
void events_address(struct events *e, const char *key, span mailbox);
void events_emit(struct events *e);

uint64_t events_dropped(const struct events *e);
/* The child roles that a daemon with events must have in its table. */
int events_writer_run(int argc, char **argv);      /* role "events-writer" */
int events_query_run(int argc, char **argv);       /* role "events-query" */

/* Looks the records up in a child (flushing first) and gives each matching JSON line; then fn(.., done). */
struct events_query {
    span id;
    span address;                /* anywhere in the record */
    int64_t since_wall_ms;
    size_t limit;                /* the newest so many; 0: 1000 */
    span from, rcpt, client, outcome;      /* under that key */
};
typedef void events_found_fn(span json_line, bool done, const char *error, void *arg);
void events_find(struct events *e, const struct events_query *q, events_found_fn *fn, void *arg);
/* Removes every record that names the address; gives {"purged":N}. */
void events_purge(struct events *e, span address, events_found_fn *fn, void *arg);

#endif
