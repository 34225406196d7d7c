/* events_find.c - looks records up in a child, and has them purged by the writer.
 *
 * Both wait until what is in memory has reached the files, within a limit: a stuck disk must not hide the older records.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/app/events_front.h"
#include "lib/app/events_match.h"
#include "lib/app/id.h"
#include "lib/base/alloc.h"

enum { FINDS_MAX = 4, SETTLE_MS = 1000, SEARCH_MS = 120 * 1000, LIMIT_DEFAULT = 1000, LIMIT_MOST = 100000 };
/* A record is written after its id was made, so a search by id begins with the segment of that time. */
enum { ID_SLACK_MS = 60 * 1000 };

enum find_state { FIND_SETTLING, FIND_RUNNING };

struct find {
    struct find *next;
    struct events *events;
    enum find_state state;
    bool is_purge;
    struct buf order;                /* to the child or the writer */
    uint64_t purged;                 /* still in memory */
    struct child *child;
    struct loop_timer timer;
    events_found_fn *fn;
    void *arg;
};

static void find_free(struct find *f)
{
    for (struct find **p = &f->events->finds; *p != NULL; p = &(*p)->next)
        if (*p == f) {
            *p = f->next;
            f->events->n_finds--;
            break;
        }
    child_free(&f->child);
    loop_timer_stop(&f->timer);
    buf_free(&f->order);
    free(f);
}

static void find_end(struct find *f, const char *error)
{
    events_found_fn *fn = f->fn;
    void *arg = f->arg;
    char text[512];

    if (error != NULL)
        snprintf(text, sizeof text, "%s", error);
    find_free(f);
    fn((span){ NULL, 0 }, true, error != NULL ? text : NULL, arg);
}

static void on_search_timeout(void *arg)
{
    find_end(arg, "the search took too long");
}

/* ---- the query child ---- */

static void on_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct find *f = arg;
    char error[512];

    (void)c;
    events_front_close_fds(fds, nfds);
    if (msg.p[0] == EV_FOUND) {
        f->fn(span_from(msg, 1), false, NULL, f->arg);
        return;
    }
    snprintf(error, sizeof error, "%.*s", SPAN_ARG(span_from(msg, 1)));
    find_end(f, error[0] != '\0' ? error : NULL);
}

static void on_exit_early(struct child *c, int wait_status, void *arg)
{
    char text[96];

    (void)c;
    snprintf(text, sizeof text, "the search ended early (wait status %d)", wait_status);
    find_end(arg, text);
}

static const struct child_handler query_handler = { .on_message = on_message, .on_exit = on_exit_early };

static void run_query(struct find *f)
{
    const struct child_spec spec = { .role = "events-query" };
    struct errtext err;

    f->child = child_start(f->events->loop, &spec, &query_handler, f, &err);
    if (f->child == NULL) {
        find_end(f, err.text);
        return;
    }
    if (child_send(f->child, buf_span(&f->order), NULL, 0) < 0) {
        find_end(f, "the question is too long");
        return;
    }
    loop_timer_start(f->events->loop, &f->timer, SEARCH_MS, on_search_timeout, f);
}

/* What has not reached the writer yet (the disk is slow): whole lines, blanked like those in the files. */
static uint64_t purge_pending(struct buf *pending, span forms)
{
    char *at = pending->base != NULL ? pending->base + pending->head : NULL;
    span rest = buf_span(pending), line, form;
    uint64_t n = 0;

    while (span_next(&rest, '\n', &line)) {
        bool named = false;

        for (span f = forms; span_next(&f, '\0', &form);)
            named = named || (form.n > 0 && events_names(line, form));
        if (named) {
            memset(at + (line.p - buf_span(pending).p), ' ', line.n);
            n++;
        }
    }
    return n;
}

static void run_purge(struct find *f)
{
    struct errtext err;

    f->purged = purge_pending(&f->events->pending, buf_span(&f->order));
    if (events_front_order(f->events, EV_PURGE, buf_span(&f->order), &err) < 0) {
        find_end(f, err.text);
        return;
    }
    loop_timer_start(f->events->loop, &f->timer, SEARCH_MS, on_search_timeout, f);
}

static void find_run(void *arg)
{
    struct find *f = arg;

    f->state = FIND_RUNNING;
    if (f->is_purge)
        run_purge(f);
    else
        run_query(f);
}

static void find_start(struct find *f)
{
    struct events *e = f->events;

    f->next = e->finds;
    e->finds = f;
    e->n_finds++;
    events_front_flush(e);
    f->state = FIND_SETTLING;
    loop_timer_start(e->loop, &f->timer, events_front_settled(e) ? 0 : SETTLE_MS, find_run, f);
}

static void purge_done(struct find *f, const struct events_report *r)
{
    char line[64];
    int n = snprintf(line, sizeof line, "{\"purged\":%" PRIu64 "}", r->written + f->purged);

    f->fn(span_of(line, (size_t)n), false, NULL, f->arg);
    find_end(f, r->why[0] != '\0' ? r->why : NULL);
}

void events_front_report(struct events *e, const struct events_report *r)
{
    struct find *oldest_purge = NULL;

    for (struct find *f = e->finds; f != NULL; f = f->next) {
        if (f->state == FIND_SETTLING && events_front_settled(e))
            loop_timer_start(e->loop, &f->timer, 0, find_run, f);
        if (f->state == FIND_RUNNING && f->is_purge)
            oldest_purge = f;        /* the newest stands first; the writer reports in the order of its orders */
    }
    if (r->order == EV_PURGE && oldest_purge != NULL)
        purge_done(oldest_purge, r);
}

void events_front_writer_lost(struct events *e)
{
    for (struct find *f = e->finds, *next; f != NULL; f = next) {
        next = f->next;
        if (f->state == FIND_RUNNING && f->is_purge)
            find_end(f, "the events' writer ended");
    }
}

void events_front_stop(struct events *e)
{
    while (e->finds != NULL)
        find_end(e->finds, "the daemon ends");
}

/* ---- questions ---- */

static struct find *find_new(struct events *e, events_found_fn *fn, void *arg)
{
    struct find *f;

    if (e->n_finds >= FINDS_MAX) {
        fn((span){ NULL, 0 }, true, "too many searches at once: try again", arg);
        return NULL;
    }
    f = xcalloc(1, sizeof *f);
    f->events = e;
    f->fn = fn;
    f->arg = arg;
    buf_init(&f->order, EVENTS_LINES_MAX);
    return f;
}

/* The text itself and, where records may hold it so, its hash. */
static void put_forms(struct events *e, struct json_out *j, const char *key, span text, bool is_address)
{
    char hash[EVENTS_HASH_TEXT];

    json_array_begin(j, key);
    json_str(j, NULL, text);
    if (is_address && events_front_hash(e, text, hash))
        json_cstr(j, NULL, hash);
    json_array_end(j);
}

static void put_query(struct events *e, const struct events_query *q, struct buf *to)
{
    int64_t since = q->since_wall_ms, made;
    struct json_out j;

    if (q->id.n > 0 && id_time(q->id, &made) && made - ID_SLACK_MS > since)
        since = made - ID_SLACK_MS;
    json_begin(&j, to);
    json_cstr(&j, "dir", e->directory);
    json_cstr(&j, "daemon", e->daemon);
    json_int(&j, "since", since);
    json_int(&j, "limit", (int64_t)(q->limit == 0 ? LIMIT_DEFAULT : q->limit < LIMIT_MOST ? q->limit : LIMIT_MOST));
    if (q->id.n > 0)
        json_str(&j, "id", q->id);
    if (q->address.n > 0)
        put_forms(e, &j, "any", q->address, true);
    json_object_begin(&j, "keys");
    if (q->from.n > 0)
        put_forms(e, &j, "from", q->from, true);
    if (q->rcpt.n > 0)
        put_forms(e, &j, "rcpt", q->rcpt, true);
    if (q->client.n > 0)
        put_forms(e, &j, "client", q->client, false);
    if (q->outcome.n > 0)
        put_forms(e, &j, "outcome", q->outcome, false);
    json_object_end(&j);
    json_end(&j);
}

void events_find(struct events *e, const struct events_query *q, events_found_fn *fn, void *arg)
{
    struct find *f = find_new(e, fn, arg);

    if (f == NULL)
        return;
    put_query(e, q, &f->order);
    find_start(f);
}

void events_purge(struct events *e, span address, events_found_fn *fn, void *arg)
{
    struct find *f = find_new(e, fn, arg);
    char hash[EVENTS_HASH_TEXT];

    if (f == NULL)
        return;
    f->is_purge = true;
    events_escape(address, &f->order);
    buf_append_char(&f->order, '\0');
    if (events_front_hash(e, address, hash)) {
        buf_append_str(&f->order, hash);
        buf_append_char(&f->order, '\0');
    }
    find_start(f);
}
