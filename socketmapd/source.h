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
#include "lib/base/span.h"
#include "lib/net/loop.h"
#include "lib/settings/settings.h"

enum rcpt_answer { RCPT_INVALID, RCPT_TEMPFAIL, RCPT_VALID };   /* in rising order of strength: OK beats TEMP beats NOTFOUND */
const char *rcpt_answer_name(enum rcpt_answer a);

struct source_result {
    enum rcpt_answer answer;
    const char *detail;      /* where it was found (a DN, "file:line"), or why it could not be found out; never NULL */
};
typedef void source_fn(const struct source_result *r, void *arg);

struct source_ask;           /* one question under way */

struct source;
struct source_type {
    const char *name;
    /* Whether these settings ask for a source of this type. */
    bool (*wanted)(const struct set_recipient_source *set);
    /* NULL with err: the configuration cannot run. `set` outlives the source (the caller holds the settings). */
    void *(*open)(struct loop *l, const struct settings *all, const struct set_recipient_source *set, struct errtext *err);
    void (*close)(void *state);
    void (*ask)(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out);
    void (*cancel)(struct source_ask **ask);          /* NULL: the type always answers at once */
    bool remembers;          /* answers are worth keeping in the cache (false: asking again costs nothing) */
};

struct source {
    const struct source_type *type;
    const struct set_recipient_source *set;
    void *state;
};

extern const struct source_type source_static, source_ldap;

/* The sources of a configuration, in order. */
struct sources {
    struct source *v;
    size_t n;
};
/* -1 with err naming the source. */
int sources_open(struct loop *l, const struct settings *set, struct sources *out, struct errtext *err);
void sources_close(struct sources *s);
/* Whether this source is to be asked for addresses of `domain` (lower case, A-labels). */
bool source_covers(const struct source *s, span domain);

#endif
