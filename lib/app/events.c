/* events.c - the front's side of the event records: collects them in memory, hands them to the writer in batches.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/events.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/app/events_front.h"
#include "lib/app/events_match.h"
#include "lib/app/key_file.h"
#include "lib/app/log.h"
#include "lib/base/alloc.h"

enum {
    PENDING_BYTES = 4 * 1024 * 1024,
    BATCH_BYTES = 64 * 1024,
    FLUSH_MS = 200,
    RETRY_MS = 20,               /* the writer's queue is full */
    TICK_MS = 60 * 1000,
    RESTART_MS = 1000,
    RESTART_MAX_MS = 30 * 1000,
};

/* ---- the writer ---- */

static void writer_start(struct events *e);
static void on_flush_timer(void *arg);

static void on_restart_timer(void *arg)
{
    writer_start(arg);
}

static int writer_order(struct events *e, enum events_order order, span body)
{
    char message[CHILD_MESSAGE_MAX];
    struct events_head head = { .order = (int)order, .wall_ms = loop_wall_ms(e->loop) };

    if (e->writer == NULL || body.n > sizeof message - sizeof head) {
        errno = EPIPE;
        return -1;
    }
    memcpy(message, &head, sizeof head);
    if (body.n > 0)
        memcpy(message + sizeof head, body.p, body.n);
    return child_send(e->writer, span_of(message, sizeof head + body.n), NULL, 0);
}

static int writer_setup(struct events *e)
{
    struct events_setup set = { .max_bytes = e->max_bytes, .keep_ms = e->keep_ms };

    snprintf(set.directory, sizeof set.directory, "%s", e->directory);
    snprintf(set.daemon, sizeof set.daemon, "%s", e->daemon);
    return writer_order(e, EV_SETUP, span_of((const char *)&set, sizeof set));
}

static void on_report(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct events *e = arg;
    struct events_report r;

    (void)c;
    events_front_close_fds(fds, nfds);
    if (msg.n != sizeof r)
        return;
    memcpy(&r, msg.p, sizeof r);
    if (r.order == EV_WRITE) {
        uint64_t done = r.written + r.lost;

        e->in_flight -= done < e->in_flight ? done : e->in_flight;
        e->dropped += r.lost;
    }
    if (r.why[0] != '\0' && log_fence_pass(&e->alarm, loop_now_ms(e->loop), MINUTES(1)))
        log_error("events: %s", r.why);
    if (r.lost == 0 && r.order == EV_WRITE)
        e->restart_ms = RESTART_MS;
    events_front_report(e, &r);
}

static void on_writer_exit(struct child *c, int wait_status, void *arg)
{
    struct events *e = arg;

    (void)c;
    child_free(&e->writer);
    e->dropped += e->in_flight;      /* it may have written them, but nobody will ever tell */
    e->in_flight = 0;
    if (log_fence_pass(&e->alarm, loop_now_ms(e->loop), MINUTES(1)))
        log_error("events: the writer ended (wait status %d); a new one starts in %" PRId64 " ms", wait_status, e->restart_ms);
    loop_timer_start(e->loop, &e->restart, e->restart_ms, on_restart_timer, e);
    e->restart_ms = e->restart_ms * 2 < RESTART_MAX_MS ? e->restart_ms * 2 : RESTART_MAX_MS;
    events_front_writer_lost(e);
}

static const struct child_handler writer_handler = { .on_message = on_report, .on_exit = on_writer_exit };

static int writer_try(struct events *e, struct errtext *err)
{
    const struct child_spec spec = { .role = "events-writer" };

    e->writer = child_start(e->loop, &spec, &writer_handler, e, err);
    if (e->writer == NULL)
        return -1;
    if (writer_setup(e) == 0)
        return 0;
    errtext_errno(err, "cannot talk to the events' writer");
    child_free(&e->writer);
    return -1;
}

static void writer_start(struct events *e)
{
    struct errtext err;

    if (e->writer != NULL)
        return;
    if (writer_try(e, &err) == 0) {
        if (e->pending.len > 0)
            loop_timer_start(e->loop, &e->flush, 0, on_flush_timer, e);
        return;
    }
    if (log_fence_pass(&e->alarm, loop_now_ms(e->loop), MINUTES(1)))
        log_error("events: %s", err.text);
    loop_timer_start(e->loop, &e->restart, RESTART_MAX_MS, on_restart_timer, e);
}

/* ---- batches ---- */

/* One message of whole lines.  false when there is nothing to send or the writer takes none now. */
static bool flush_one(struct events *e)
{
    span batch = span_head(buf_span(&e->pending), EVENTS_LINES_MAX);
    size_t end = span_rfind(batch, '\n');

    if (end == batch.n)
        return false;
    batch.n = end + 1;
    if (writer_order(e, EV_WRITE, batch) < 0)
        return false;
    e->in_flight += span_count(batch, '\n');
    buf_consume(&e->pending, batch.n);
    return true;
}

void events_front_flush(struct events *e)
{
    while (flush_one(e))
        ;
    if (e->pending.len > 0 && e->writer != NULL)
        loop_timer_start(e->loop, &e->flush, RETRY_MS, on_flush_timer, e);
    else
        loop_timer_stop(&e->flush);
    if (e->pending.len == 0)
        buf_shrink(&e->pending);
}

static void on_flush_timer(void *arg)
{
    events_front_flush(arg);
}

static void on_tick(void *arg)
{
    struct events *e = arg;

    writer_order(e, EV_TICK, (span){ NULL, 0 });      /* its queue is full: it has more pressing things to do */
    loop_timer_start(e->loop, &e->tick, TICK_MS, on_tick, e);
}

/* ---- records ---- */

struct json_out *events_begin(struct events *e, const char *id, const char *outcome)
{
    if (!e->recording)
        return NULL;
    assert(!e->open);
    e->open = true;
    buf_reset(&e->record);
    json_begin(&e->json, &e->record);
    json_cstr(&e->json, "id", id);
    json_int(&e->json, "t", loop_wall_ms(e->loop));
    json_cstr(&e->json, "daemon", e->daemon);
    json_cstr(&e->json, "outcome", outcome);
    e->head_len = e->record.len;
    return &e->json;
}

bool events_front_hash(const struct events *e, span mailbox, char out[EVENTS_HASH_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    char lower[512];

    if (!e->have_key || mailbox.n > sizeof lower)
        return false;
    for (size_t i = 0; i < mailbox.n; i++)
        lower[i] = ascii_lower(mailbox.p[i]);
    if (HMAC(EVP_sha256(), e->key, sizeof e->key, (const unsigned char *)lower, mailbox.n, digest, &n) == NULL)
        abort();                     /* only out of memory */
    strcpy(out, "h:");
    for (size_t i = 0; i < 16; i++)
        snprintf(out + 2 + 2 * i, 3, "%02x", digest[i]);
    return true;
}

void events_address(struct events *e, const char *key, span mailbox)
{
    char hash[EVENTS_HASH_TEXT];

    if (!e->open)
        return;
    if (!e->hash_addresses || mailbox.n == 0)        /* the null reverse-path is nobody's */
        json_str(&e->json, key, mailbox);
    else if (events_front_hash(e, mailbox, hash))
        json_cstr(&e->json, key, hash);
    else
        json_cstr(&e->json, key, "h:");
}

/* A record that is too large keeps its head. */
static void cut_record(struct events *e)
{
    char head[256];
    size_t n = e->head_len < sizeof head ? e->head_len : 0;

    memcpy(head, buf_span(&e->record).p, n);
    buf_reset(&e->record);
    if (n == 0)
        return;
    buf_append(&e->record, span_of(head, n));
    e->json.need_comma = true;
    json_bool(&e->json, "cut", true);
    json_end(&e->json);
    buf_append_char(&e->record, '\n');
}

void events_emit(struct events *e)
{
    if (!e->open)
        return;
    e->open = false;
    json_end(&e->json);
    buf_append_char(&e->record, '\n');
    if (e->record.overflow)
        cut_record(e);
    if (e->record.len == 0 || !buf_append(&e->pending, buf_span(&e->record))) {
        e->pending.overflow = false;
        e->dropped++;
        if (log_fence_pass(&e->alarm, loop_now_ms(e->loop), MINUTES(1)))
            log_error("events: records are lost: the disk under %s does not keep up", e->directory);
        return;
    }
    if (e->pending.len >= BATCH_BYTES && !loop_timer_active(&e->restart)) {
        if (!e->batch_due || !loop_timer_active(&e->flush))
            loop_timer_start(e->loop, &e->flush, 0, on_flush_timer, e);
        e->batch_due = true;
    } else if (!loop_timer_active(&e->flush)) {
        e->batch_due = false;
        loop_timer_start(e->loop, &e->flush, FLUSH_MS, on_flush_timer, e);
    }
}

uint64_t events_dropped(const struct events *e)
{
    return e->dropped;
}

/* ---- opening, changing, closing ---- */

static char *directory_of(const struct settings *set)
{
    if (set->events.directory != NULL && set->events.directory[0] != '\0')
        return xstrdup(set->events.directory);
    return xasprintf("%s/events", set->process.state_directory);
}

static int load_key(struct events *e, const struct settings *set, bool create, struct errtext *err)
{
    char *path = xasprintf("%s/events.key", set->process.state_directory);
    int r = key_file_load(path, create, e->key, err);

    free(path);
    e->have_key = r == 0;
    return r;
}

static struct events *events_make(struct loop *l, const char *daemon, const struct settings *set)
{
    struct events *e = xcalloc(1, sizeof *e);

    e->loop = l;
    e->daemon = xstrdup(daemon);
    e->directory = directory_of(set);
    e->max_bytes = set->events.max_bytes;
    e->keep_ms = set->events.keep_ms;
    e->hash_addresses = set->events.hash_addresses;
    e->restart_ms = RESTART_MS;
    buf_init(&e->record, EVENTS_LINES_MAX);
    buf_init(&e->pending, PENDING_BYTES);
    return e;
}

struct events *events_open(struct loop *l, const char *daemon, const struct settings *set, struct errtext *err)
{
    struct events *e = events_make(l, daemon, set);

    e->recording = set->events.enabled;
    if (load_key(e, set, e->recording && e->hash_addresses, err) < 0 && e->recording && e->hash_addresses)
        goto fail;
    if (e->recording && writer_try(e, err) < 0)
        goto fail;
    loop_timer_start(l, &e->tick, TICK_MS, on_tick, e);
    return e;
fail:
    errtext_prefix(err, "events");
    events_close(&e, 0);
    return NULL;
}

struct events *events_open_readonly(struct loop *l, const char *daemon, const struct settings *set, struct errtext *err)
{
    struct events *e = events_make(l, daemon, set);

    (void)err;
    load_key(e, set, false, NULL);       /* not there: no hashed records either */
    return e;
}

void events_reconfigure(struct events *e, const struct settings *set)
{
    struct errtext err;

    free(e->directory);
    e->directory = directory_of(set);
    e->max_bytes = set->events.max_bytes;
    e->keep_ms = set->events.keep_ms;
    e->hash_addresses = set->events.hash_addresses;
    if (load_key(e, set, set->events.enabled && e->hash_addresses, &err) < 0 && set->events.enabled && e->hash_addresses)
        log_error("events: %s; addresses are left out of the records", err.text);
    e->recording = set->events.enabled;
    if (!e->recording && e->writer == NULL)
        return;
    if (e->writer == NULL)
        writer_start(e);
    else if (writer_setup(e) < 0)
        child_kill(e->writer);           /* its queue is full: the next one starts with the new settings */
}

/* Waits in turns of the loop until the writer has taken everything. */
static void drain(struct events *e, int64_t within_ms)
{
    int64_t until_us = loop_now_us(e->loop) + within_ms * 1000;

    events_front_flush(e);
    while (e->writer != NULL && (e->pending.len > 0 || e->in_flight > 0) && loop_now_us(e->loop) < until_us) {
        loop_turn(e->loop, 5);
        events_front_flush(e);
    }
}

void events_close(struct events **ep, int64_t within_ms)
{
    struct events *e = *ep;

    *ep = NULL;
    if (e == NULL)
        return;
    e->recording = false;
    drain(e, within_ms);
    if (e->pending.len > 0 || e->in_flight > 0)
        log_warning("events: %" PRIu64 " records are lost at the end: the disk under %s did not take them in time",
                    span_count(buf_span(&e->pending), '\n') + e->in_flight, e->directory);
    events_front_stop(e);
    child_free(&e->writer);
    loop_timer_stop(&e->flush);
    loop_timer_stop(&e->restart);
    loop_timer_stop(&e->tick);
    buf_free(&e->record);
    buf_free(&e->pending);
    free(e->directory);
    free(e->daemon);
    free(e);
}

/* Neither child has any to send; one that does is no longer ours. */
void events_front_close_fds(const int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

bool events_front_settled(const struct events *e)
{
    return e->pending.len == 0 && e->in_flight == 0;
}

int events_front_order(struct events *e, enum events_order order, span body, struct errtext *err)
{
    if (e->writer == NULL && writer_try(e, err) < 0)
        return -1;
    if (writer_order(e, order, body) == 0)
        return 0;
    errtext_errno(err, "the events' writer takes no order");
    return -1;
}
