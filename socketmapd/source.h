/* source.h - the contract of a recipient source: one file, one constant, one row in sources.c.
 *
 * A source answers for one address at a time and only says what it knows: TEMPFAIL when it could not find out, for
 * whatever reason; INVALID is a full negative answer.
 * Calls:     fn runs exactly once, possibly before ask returns (then *ask_out is NULL), unless cancelled.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SOURCE_H
#define GATEPOST_SOCKETMAPD_SOURCE_H

#include "lib/app/stats.h"
#include "lib/base/buf.h"
#include "lib/net/loop.h"
#include "lib/settings/settings.h"

enum rcpt_answer { RCPT_INVALID, RCPT_TEMPFAIL, RCPT_VALID };   /* in rising order of strength: OK beats TEMP beats NOTFOUND */
const char *rcpt_answer_name(enum rcpt_answer a);

struct source_result {
    enum rcpt_answer answer;
    bool internal;           /* VALID, but not for mail from outside */
    bool fleeting;           /* not to be remembered: it proves nothing */
    const char *detail;      /* where it was found (a DN, "file:line"), or why it could not be found out; never NULL */
};
typedef void source_fn(const struct source_result *r, void *arg);

struct source_ask;           /* one question under way */

/* What a source is opened in. */
struct source_env {
    struct loop *loop;
    const struct settings *all;
    bool serving;            /* false: for a single question or a check; starts nothing that works by itself */
};

struct sync;
struct source;
struct source_type {
    const char *name;
    /* Whether these settings ask for a source of this type. */
    bool (*wanted)(const struct set_recipient_source *set);
    /* NULL with err: the configuration cannot run. `set` outlives the source (the caller holds the settings). */
    void *(*open)(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err);
    void (*close)(void *state);
    /* What it knows by itself, at once; false: it would have to ask.  NULL: it always has to. */
    bool (*peek)(void *state, span address, struct source_result *out);
    /* NULL: peek always answers. */
    void (*ask)(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out);
    void (*cancel)(struct source_ask **ask);
    bool remembers;          /* answers are worth keeping in the cache (false: it keeps them itself, or asking again costs nothing) */
    /* May be NULL: appends what it has kept of the address, in one line for people, or nothing. */
    void (*describe)(void *state, span address, struct buf *to);
    /* May be NULL: an address, or (p == NULL) all of them, shall be asked for anew. */
    void (*forget)(void *state, span address);
    /* May be NULL: its engine, when it keeps the whole directory. */
    struct sync *(*sync)(void *state);
};

struct source {
    const struct source_type *type;
    const struct set_recipient_source *set;
    void *state;
};

extern const struct source_type source_static, source_sync, source_ldap, source_callout, source_redis;

/* The sources of a configuration, in order. */
struct sources {
    struct source *v;
    size_t n;
};
/* -1 with err naming the source. */
int sources_open(const struct source_env *env, struct sources *out, struct errtext *err);
void sources_close(struct sources *s);
/* At once: peek, or false. */
bool source_peek(const struct source *s, span address, struct source_result *out);
/* Asks, and answers at once where peek can. */
void source_ask(const struct source *s, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out);
/* Whether this source is to be asked for addresses of `domain` (lower case, A-labels). */
bool source_covers(const struct source *s, span domain);

#endif
