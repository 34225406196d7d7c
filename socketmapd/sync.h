/* sync.h - the whole of a directory's recipients, kept current: the set in force answers, the directory only proposes.
 *
 * A process of its own reads the directory (sync_child.c) and proposes; another one judges the proposal and writes the next set
 * (rcpt_merge.c); here are the states, the clocks, and the answers out of memory.
 * States:    EMPTY (no set ever), LOADED (from disk, not confirmed since the start), FRESH, STALE (not confirmed for three intervals);
 *            and a proposal may be HELD: it adds, but removes nothing until a person accepts it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SYNC_H
#define GATEPOST_SOCKETMAPD_SYNC_H

#include "lib/base/buf.h"
#include "lib/net/loop.h"
#include "lib/settings/settings.h"

struct sync;

enum sync_state { SYNC_EMPTY, SYNC_LOADED, SYNC_FRESH, SYNC_STALE };
enum sync_knows {
    SYNC_UNKNOWN,             /* not in the set */
    SYNC_HAS,
    SYNC_GOING,               /* gone from the directory, within sync.grace: still valid */
    SYNC_GONE,                /* gone for longer: valid unless the directory confirms that it is not there */
};

/* The source's settings outlive it.  serving: false reads the set on disk and nothing more.  NULL with err. */
struct sync *sync_new(struct loop *l, const struct settings *all, const struct set_recipient_source *set, bool serving, struct errtext *err);
void sync_free(struct sync **s);

enum sync_knows sync_find(const struct sync *s, span address, bool *internal_out);
enum sync_state sync_state(const struct sync *s);
/* Whether the directory said within the last two minutes that the set is what it has. */
bool sync_is_current(const struct sync *s);
int64_t sync_age_ms(const struct sync *s);          /* of the last complete reading; -1: there was none */
size_t sync_count(const struct sync *s);

/* The login that owns an address, appended; LATER: it is too new, or there is no set yet. */
enum sync_login { SYNC_LOGIN_NONE, SYNC_LOGIN_LATER, SYNC_LOGIN_FOUND };
enum sync_login sync_login(const struct sync *s, span address, struct buf *out);
/* The directory has confirmed an address that is not in the set. */
void sync_learn(struct sync *s, span address, bool internal, const char *detail);
/* It has confirmed that an address is not there: a person does not want to wait for the grace. */
void sync_drop(struct sync *s, span address);
/* The directory answers: no need to wait out the pause after a failure. */
void sync_nudge(struct sync *s);
/* Calls fn when a set is there that was not before, or never; the caller stops it. */
struct sync_waiter { struct sync_waiter *next, **link; void (*fn)(void *arg); void *arg; };
void sync_wait(struct sync *s, struct sync_waiter *w, void (*fn)(void *arg), void *arg);
void sync_wait_end(struct sync_waiter *w);
/* Calls fn with each address that is new (p == NULL: some are, see the set). */
void sync_on_news(struct sync *s, void (*fn)(span address, void *arg), void *arg);

/* ---- for people ---- */

void sync_describe_address(const struct sync *s, span address, struct buf *to);     /* where it comes from; "" if it is not known */
void sync_describe(const struct sync *s, struct buf *to);                           /* lines */
const char *sync_name(const struct sync *s);
/* Addresses whose text begins with or ends in `part` (empty: all), a line each. */
void sync_list(const struct sync *s, span part, size_t limit, struct buf *to);
bool sync_read_now(struct sync *s);                  /* false: no process is there, one is started */
bool sync_accept(struct sync *s, uint64_t *removed_out);   /* what is held now, and nothing that comes later; false: nothing is held */
void sync_hold(struct sync *s, bool hold);           /* until it is taken back: proposals remove nothing */
const char *sync_diff_path(const struct sync *s);    /* NULL: nothing is held */

#endif
