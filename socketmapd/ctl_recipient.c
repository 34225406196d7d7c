/* ctl_recipient.c - `gatepostctl recipient ...`: what socketmapd tells of its recipients, and what it is told.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ctl_recipient.h"

#include "lib/app/daemon.h"
#include "socketmapd/ctl_cache.h"
#include "socketmapd/ctl_redis.h"
#include "socketmapd/ctl_sync.h"
#include "socketmapd/rcpt_override.h"
#include "socketmapd/session.h"
#include "socketmapd/sync.h"

enum { LIST_MAX = 1000000, USAGE = 64 };
#define LIST_BYTES ((size_t)256 << 20)

static void print_line(const char *line, void *arg)
{
    ctl_print(arg, "%s\n", line);
}

static void print_answer(const struct lookup_result *r, void *arg)
{
    struct ctl_request *q = arg;

    switch (r->answer) {
    case RCPT_VALID:
        ctl_print(q, "answer: OK, found by %s (%s)%s%s\n", r->source, r->detail, r->stale ? "; known from before, no source can answer now" : "",
                  r->internal ? "; the map of kind internal refuses it to others" : "");
        ctl_finish(&q, 0);
        break;
    case RCPT_INVALID:
        ctl_print(q, "answer: NOTFOUND, by %s (%s): the sender gets 550 5.1.1\n", r->source, r->detail);
        ctl_finish(&q, 1);
        break;
    case RCPT_TEMPFAIL:
        ctl_print(q, "answer: TEMP, by %s (%s): the sender gets 451 4.3.0 and comes again\n", r->source, r->detail);
        ctl_finish(&q, 2);
        break;
    }
}

static void run_why(struct ctl_request *q, struct lookup *k)
{
    lookup_explain(k, ctl_arg(q, 1), print_line, print_answer, q);
}

static void run_flush(struct ctl_request *q, struct lookup *k)
{
    ctl_print(q, "%zu forgotten\n", lookup_flush(k, ctl_arg(q, 1)));
    ctl_finish(&q, 0);
}

/* ---- what is known ---- */

static struct sync *engine_of(const struct source *s)
{
    return s->type->sync != NULL ? s->type->sync(s->state) : NULL;
}

static void run_count(struct ctl_request *q, struct lookup *k)
{
    const struct sources *s = lookup_sources(k);

    ctl_print(q, "%zu known addresses\n", lookup_known(k));
    for (size_t i = 0; i < s->n; i++) {
        struct sync *engine = engine_of(&s->v[i]);

        if (engine != NULL)
            ctl_print(q, "%zu in the set of %s\n", sync_count(engine), sync_name(engine));
    }
    ctl_finish(&q, 0);
}

static void run_list(struct ctl_request *q, struct lookup *k)
{
    const struct sources *s = lookup_sources(k);
    struct buf text;

    buf_init(&text, LIST_BYTES);
    for (size_t i = 0; i < s->n; i++) {
        struct sync *engine = engine_of(&s->v[i]);

        if (engine != NULL)
            sync_list(engine, ctl_arg(q, 1), LIST_MAX, &text);
    }
    rcpt_overrides_list(lookup_overrides(k), &text);
    ctl_write(q, buf_span(&text));
    buf_free(&text);
    ctl_finish(&q, 0);
}

/* ---- overrides ---- */

/* "1d", "90m"; empty: for good. */
static bool duration(span text, int64_t *ms_out)
{
    static const struct { char unit; int64_t ms; } units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
    uint64_t n;

    *ms_out = 0;
    if (text.n == 0)
        return true;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text.p[text.n - 1] == units[i].unit && span_to_u64(span_head(text, text.n - 1), &n) && n > 0 && n < 1000000) {
            *ms_out = (int64_t)n * units[i].ms;
            return true;
        }
    }
    return false;
}

static void set_override(struct ctl_request *q, struct lookup *k, enum rcpt_override what)
{
    struct errtext err = { "" };
    struct address a;
    int64_t for_ms;

    if (!lookup_resolve(k, ctl_arg(q, 1), &a)) {
        ctl_complain(q, "\"%.*s\" is no address of a domain of ours\n", SPAN_ARG(span_head(ctl_arg(q, 1), 200)));
        ctl_finish(&q, 1);
    } else if (!duration(ctl_arg(q, 2), &for_ms)) {
        ctl_complain(q, "\"%.*s\" is no time (2h, 7d)\n", SPAN_ARG(span_head(ctl_arg(q, 2), 200)));
        ctl_finish(&q, USAGE);
    } else if (rcpt_override_set(lookup_overrides(k), a.whole, what, for_ms, &err) != 0) {
        ctl_complain(q, "it holds until gatepost-socketmapd ends only: %s\n", err.text);
        ctl_finish(&q, 1);
    } else {
        ctl_print(q, "<%.*s> %s\n", SPAN_ARG(a.whole), what == OVERRIDE_ALWAYS ? "is taken" : what == OVERRIDE_NEVER ? "is refused" : "is as the sources say");
        ctl_finish(&q, 0);
    }
}

static void run_add(struct ctl_request *q, struct lookup *k)
{
    set_override(q, k, OVERRIDE_ALWAYS);
}

static void run_deny(struct ctl_request *q, struct lookup *k)
{
    set_override(q, k, OVERRIDE_NEVER);
}

static void run_unset(struct ctl_request *q, struct lookup *k)
{
    set_override(q, k, OVERRIDE_NONE);
}

/* ---- verbs ---- */

static const struct {
    const char *verb;
    size_t least, most;              /* arguments, with the verb */
    void (*run)(struct ctl_request *q, struct lookup *k);
} verbs[] = {
    { "why", 2, 2, run_why },     { "flush", 1, 2, run_flush }, { "count", 1, 1, run_count }, { "list", 1, 2, run_list },
    { "add", 2, 3, run_add },     { "deny", 2, 3, run_deny },   { "unset", 2, 2, run_unset }, { "sync", 2, 4, ctl_sync },
    { "export", 1, 1, ctl_export }, { "import", 2, SIZE_MAX, ctl_import },
};

static void run_recipient(struct ctl_request *q, void *arg)
{
    const struct daemon *d = arg;
    struct session_owner *o = d->state;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (span_eq(ctl_arg(q, 0), span_str(verbs[i].verb)) && ctl_argc(q) >= verbs[i].least && ctl_argc(q) <= verbs[i].most) {
            verbs[i].run(q, o->lookup);
            return;
        }
    }
    ctl_complain(q, "usage: recipient why ADDRESS | list [PART] | count | flush [ADDRESS] | add|deny ADDRESS [FOR] | unset ADDRESS | "
                    "sync now|status|diff|accept|hold [on|off] | export | import\n");
    ctl_finish(&q, USAGE);
}

const struct ctl_command recipient_commands[] = {
    { "recipient", "why ADDRESS | list [PART] | count | flush [ADDRESS] | add|deny ADDRESS [FOR] | unset ADDRESS | sync ...",
      "why an address is known or unknown; what is known", run_recipient },
    { "redis", "keys [PART] | show KEY | check", "what is kept in Redis, and whether all of it is there", ctl_redis },
    { NULL, NULL, NULL, NULL },
};
