/* override_ldap.c - overrides of a limit that stand in a directory, kept in a file of the state folder.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/override_ldap.h"

#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "policyd/override_ldap_job.h"

enum { NONE_TIMES = 3 };
#define FAILED_AGAIN_MS SECONDS(30)

struct override_ldap {
    struct loop *loop;
    const struct set_limit *limit;
    char *path;
    struct override_file *file;
    struct child_pool *pool;
    struct child_job *job;
    struct loop_timer again;
    struct buf password;
    struct ldap_config config;
    unsigned none;                       /* times in a row that the directory had none */
    bool failing;
};

static const struct child_spec process = { .role = "override-ldap" };

bool override_ldap_wanted(const struct set_limit *limit)
{
    return limit->overrides_ldap.servers.n > 0;
}

static int fill(const struct set_overrides_ldap *set, struct ldap_config *c, struct buf *password, struct errtext *err)
{
    const struct ldap_settings where = { &set->servers, set->base, &set->bind, set->tls, set->ca_file, set->timeout_ms };

    return ldap_config_fill(&where, c, password, err);
}

static void wipe(struct buf *b)
{
    if (b->base != NULL)
        explicit_bzero(b->base, b->cap);
    buf_free(b);
}

bool override_ldap_check(const struct set_limit *limit, struct errtext *err)
{
    struct ldap_config c = { 0 };
    struct buf password;
    bool ok;

    if (limit->overrides_ldap.filter[0] != '(' || limit->overrides_ldap.rate[0] == '\0') {
        errtext_set(err, "needs a filter in parentheses, and the attribute of the rate");
        return false;
    }
    buf_init(&password, 1024);
    ok = fill(&limit->overrides_ldap, &c, &password, err) == 0;
    wipe(&password);
    return ok;
}

/* ---- asking ---- */

static void ask(void *arg);

static void told(struct override_ldap *o, const char *what, span detail)
{
    if (!o->failing)
        log_error("limit %s: overrides in the directory: %s%.*s; those read before stay in force", o->limit->name, what, SPAN_ARG(detail));
    o->failing = true;
    loop_timer_start(o->loop, &o->again, FAILED_AGAIN_MS < o->limit->overrides_ldap.every_ms ? FAILED_AGAIN_MS : o->limit->overrides_ldap.every_ms, ask, o);
}

static void on_done(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct override_ldap *o = arg;

    (void)fds;
    (void)nfds;
    o->job = NULL;
    if (outcome != CHILD_ANSWERED)
        return told(o, outcome == CHILD_TIMED_OUT ? "no answer in time" : "its process ended", (span){ NULL, 0 });
    if (span_eq(reply, SPAN("none"))) {
        o->none++;
        return told(o, "it has none any more", (span){ NULL, 0 });
    }
    if (!span_starts(reply, SPAN("ok ")))
        return told(o, "", reply);
    if (o->failing)
        log_info("limit %s: overrides in the directory: in order again", o->limit->name);
    o->failing = false;
    o->none = 0;
    override_file_look(o->file);
    loop_timer_start(o->loop, &o->again, o->limit->overrides_ldap.every_ms, ask, o);
}

static void ask(void *arg)
{
    struct override_ldap *o = arg;
    const struct set_overrides_ldap *set = &o->limit->overrides_ldap;
    struct override_ldap_job job = {
        .path = span_str(o->path), .filter = span_str(set->filter), .who = span_str(set->who), .rate = span_str(set->rate),
        .believe_none = override_file_now(o->file) == NULL || overrides_count(override_file_now(o->file)) == 0 || o->none >= NONE_TIMES,
        .config = o->config,
    };
    struct buf message;

    buf_init(&message, LDAP_JOB_MAX);
    override_ldap_job_encode(&job, &message);
    o->job = child_pool_submit(o->pool, buf_span(&message), NULL, 0, set->timeout_ms * 4, on_done, o);
    wipe(&message);
}

/* ---- life ---- */

static void on_note(struct child_pool *p, const char *what, void *arg)
{
    const struct set_limit *limit = arg;

    (void)p;
    log_warning("limit %s: overrides in the directory: %s", limit->name, what);
}

struct override_ldap *override_ldap_open(struct loop *l, const struct settings *set, const struct set_limit *limit, bool serving,
                                         struct errtext *err)
{
    struct override_ldap *o = xcalloc(1, sizeof(*o));

    o->loop = l;
    o->limit = limit;
    o->path = xasprintf("%s/overrides-%s.ldap", set->process.state_directory, limit->name);
    buf_init(&o->password, 1024);
    if (fill(&limit->overrides_ldap, &o->config, &o->password, err) != 0) {
        override_ldap_close(&o);
        return NULL;
    }
    o->file = override_file_open_kept(l, set, limit, o->path);
    if (!serving)
        return o;
    o->pool = child_pool_new_exec(l, &(struct child_pool_spec){ .workers = 1, .restart_delay_ms = 1000, .queue_limit = 2, .on_note = on_note,
                                                                .supply_arg = (void *)(uintptr_t)limit },
                                  &process);
    loop_timer_start(l, &o->again, 0, ask, o);
    return o;
}

void override_ldap_close(struct override_ldap **op)
{
    struct override_ldap *o = *op;

    *op = NULL;
    if (o == NULL)
        return;
    loop_timer_stop(&o->again);
    child_pool_cancel(&o->job);
    child_pool_free(&o->pool);
    override_file_close(&o->file);
    wipe(&o->password);
    free(o->path);
    free(o);
}

const struct overrides *override_ldap_now(const struct override_ldap *o)
{
    return o != NULL ? override_file_now(o->file) : NULL;
}
