/* source_ldap.c - recipients out of LDAP or Active Directory, asked one address at a time.
 *
 * The directory is spoken to by child processes (ldap_child.c); here are the queue, the deadline, and which server
 * is asked first: one that let a child run into its deadline is not asked first again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "lib/settings/settings.h"
#include "socketmapd/ldap_filter.h"
#include "socketmapd/ldap_job.h"
#include "socketmapd/source.h"

struct ldap_source {
    struct loop *loop;
    const struct set_recipient_source *set;
    struct child_pool *pool;
    struct buf config_bytes;
    const char *filter;
    size_t n_servers, first_server;
    struct log_fence fence;
};

struct source_ask {
    struct ldap_source *source;
    struct child_job *job;
    size_t first_server;
    source_fn *fn;
    void *arg;
};

static const struct child_spec ldap_process = { .role = "ldap" };

static bool ldap_wanted(const struct set_recipient_source *set)
{
    return set->servers.n > 0;
}

static void pool_note(struct child_pool *p, const char *what, void *arg)
{
    const struct ldap_source *s = arg;

    (void)p;
    log_warning("recipients source %s: directory process: %s", s->set->name, what);
}

static void ldap_close(void *state)
{
    struct ldap_source *s = state;

    child_pool_free(&s->pool);
    if (s->config_bytes.base != NULL)
        explicit_bzero(s->config_bytes.base, s->config_bytes.cap);
    buf_free(&s->config_bytes);
    free(s);
}

static void *ldap_open_source(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    const char *filter = set->filter != NULL && set->filter[0] != '\0' ? set->filter : ldap_filter_of_profile(set->profile);
    const struct ldap_settings where = { &set->servers, set->base, &set->bind, set->tls, set->ca_file, set->timeout_ms };
    struct ldap_config c = { 0 };
    struct ldap_source *s;
    struct buf password;

    buf_init(&password, 1024);
    if (!ldap_filter_check(filter, err) || ldap_config_fill(&where, &c, &password, err) != 0) {
        buf_free(&password);
        return NULL;
    }
    c.skip_references = ldap_profile_is_ad(set->profile);
    s = xcalloc(1, sizeof(*s));
    s->loop = env->loop;
    s->set = set;
    s->filter = filter;
    s->n_servers = c.n_servers;
    buf_init(&s->config_bytes, LDAP_JOB_MAX / 2);
    ldap_config_encode(&c, &s->config_bytes);
    if (password.base != NULL)
        explicit_bzero(password.base, password.cap);
    buf_free(&password);
    s->pool = child_pool_new_exec(env->loop,
                                  &(struct child_pool_spec){ .workers = (size_t)set->connections,
                                                             .restart_delay_ms = 200,
                                                             .queue_limit = 10000,
                                                             .on_note = pool_note,
                                                             .supply_arg = s },
                                  &ldap_process);
    return s;
}

/* The server that answered is asked first from now on; after none did, the next one. */
static void learn_server(struct source_ask *a, size_t answered)
{
    struct ldap_source *s = a->source;

    if (answered < s->n_servers)
        s->first_server = answered;
    else if (a->first_server == s->first_server)
        s->first_server = (s->first_server + 1) % s->n_servers;
}

static void alarm_failure(struct ldap_source *s, const char *why)
{
    if (log_fence_pass(&s->fence, loop_now_ms(s->loop), MINUTES(1)))
        log_error("recipients source %s cannot answer: %s; known recipients stay valid, unknown ones are put off (4xx)", s->set->name,
                  why);
}

static void on_job(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    static const char *const words[] = { [CHILD_TIMED_OUT] = "the directory did not answer in time",
                                         [CHILD_CRASHED] = "the directory process ended",
                                         [CHILD_UNAVAILABLE] = "no directory process was free in time" };
    struct source_ask *a = arg;
    struct ldap_reply r = { .answer = RCPT_TEMPFAIL, .server = a->source->n_servers };
    const char *why = r.detail;

    (void)fds;
    (void)nfds;
    if (outcome != CHILD_ANSWERED)
        why = words[outcome];
    else if (!ldap_reply_decode(reply, &r))
        why = "the directory process answered something unreadable";
    if (outcome != CHILD_UNAVAILABLE)
        learn_server(a, r.server);
    if (r.answer == RCPT_TEMPFAIL)
        alarm_failure(a->source, why);
    a->fn(&(struct source_result){ .answer = r.answer, .internal = r.internal, .detail = why }, a->arg);
    free(a);
}

static bool expand(const struct ldap_source *s, span address, struct buf *to)
{
    struct buf plain;
    bool ok;

    if (!ldap_profile_is_ad(s->set->profile) || s->set->sync.leavers)
        return ldap_filter_expand(s->filter, address, to);
    buf_init(&plain, LDAP_JOB_MAX / 4);
    ok = ldap_filter_expand(s->filter, address, &plain);
    ldap_filter_without_leavers(buf_span(&plain), to);
    buf_free(&plain);
    return ok && !to->overflow;
}

static void ldap_ask(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out)
{
    struct ldap_source *s = state;
    struct source_ask *a;
    struct buf filter, msg;

    *ask_out = NULL;
    buf_init(&filter, LDAP_JOB_MAX / 4);
    buf_init(&msg, LDAP_JOB_MAX);
    if (!expand(s, address, &filter)) {
        fn(&(struct source_result){ .answer = RCPT_INVALID, .detail = "the address is too long for a directory" }, arg);
        goto out;
    }
    a = xcalloc(1, sizeof(*a));
    *a = (struct source_ask){ .source = s, .first_server = s->first_server, .fn = fn, .arg = arg };
    ldap_job_encode(buf_span(&s->config_bytes), s->first_server, buf_span(&filter), &msg);
    if (deadline_ms > s->set->timeout_ms)
        deadline_ms = s->set->timeout_ms;
    a->job = child_pool_submit(s->pool, buf_span(&msg), NULL, 0, deadline_ms, on_job, a);
    *ask_out = a;
out:
    if (msg.base != NULL)
        explicit_bzero(msg.base, msg.cap);
    buf_free(&msg);
    buf_free(&filter);
}

static void ldap_cancel(struct source_ask **ask)
{
    child_pool_cancel(&(*ask)->job);
    free(*ask);
    *ask = NULL;
}

const struct source_type source_ldap = {
    .name = "ldap", .wanted = ldap_wanted, .open = ldap_open_source, .close = ldap_close,
    .ask = ldap_ask, .cancel = ldap_cancel, .remembers = true,
};
