/* redisc.c - asynchronous Redis client: hiredis' reader and formatter over our own stream.
 *
 * Replies come in the order of commands, so the calls of a connection are a queue.  A call that timed out or was
 * cancelled stays in it until its reply has come and gone.  Any doubt about the byte stream ends the connection: a reply
 * must never be taken for another call's.
 * Source: Redis protocol specification (RESP2).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/redisc.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/base/rand.h"
#include "lib/net/stream.h"

enum {
    ARGS_MAX = 128,
    OUT_LIMIT = 16 * 1024 * 1024, IN_LIMIT = 4 * 1024 * 1024,
    ELEMENTS_MAX = 100000,               /* of an array; more is no reply to a question of ours */
    BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 800,   /* a Redis that is back is in use again within 2 s */
};

struct redisc_call {
    struct redisc *redisc;
    struct redisc_call *next;
    struct loop_timer deadline;
    redisc_fn *fn;                        /* NULL: answered already (timeout, cancel); its reply is to be dropped */
    void *arg;
    bool handshake;
};

struct redisc {
    struct loop *loop;
    struct redisc_settings set;
    char *address, *user, *password, *tls_name;
    struct stream *stream;
    redisReader *reader;
    struct redisc_call *head, **tail;
    size_t n_calls;
    struct loop_timer retry;
    int64_t backoff_ms, not_before_ms;
    struct buf held;                      /* commands that wait for TLS */
    size_t unread;                        /* bytes fed since the last whole reply */
    bool up;                              /* handshake done */
    bool may_write;                       /* plain, or TLS is done */
    char why[256];                        /* the last failure */
};

static const char *copy_of(char **slot, const char *text)
{
    *slot = text != NULL ? xstrdup(text) : NULL;
    return *slot;
}

struct redisc *redisc_new(struct loop *l, const struct redisc_settings *set)
{
    struct redisc *r = xcalloc(1, sizeof(*r));

    r->loop = l;
    r->set = *set;
    r->set.address = copy_of(&r->address, set->address);
    r->set.user = copy_of(&r->user, set->user);
    r->set.password = copy_of(&r->password, set->password);
    r->set.tls_name = copy_of(&r->tls_name, set->tls_name);
    if (r->set.timeout_ms <= 0)
        r->set.timeout_ms = 500;
    if (r->set.max_pending == 0)
        r->set.max_pending = 10000;
    r->tail = &r->head;
    buf_init(&r->held, OUT_LIMIT);
    snprintf(r->why, sizeof(r->why), "not connected yet");
    return r;
}

static void call_give(struct redisc_call *c, const redisReply *reply, const char *why)
{
    redisc_fn *fn = c->fn;

    c->fn = NULL;
    if (fn != NULL)
        fn(reply, why, c->arg);
}

static void call_end(struct redisc_call *c, const redisReply *reply, const char *why)
{
    loop_timer_stop(&c->deadline);
    call_give(c, reply, why);
}

static struct redisc_call *take_head(struct redisc *r)
{
    struct redisc_call *c = r->head;

    r->head = c->next;
    if (r->head == NULL)
        r->tail = &r->head;
    r->n_calls--;
    return c;
}

static void wipe(struct buf *b)
{
    if (b->base != NULL)
        explicit_bzero(b->base, b->cap);
    buf_free(b);
}

/* The connection is of no more use: every call of it is DOWN.  New calls may come from their callbacks; they wait for
 * the next connection. */
static void connection_lost(struct redisc *r, const char *why)
{
    struct redisc_call *gone = r->head;

    snprintf(r->why, sizeof(r->why), "%s: %s", r->set.address, why);
    r->up = false;
    wipe(&r->held);
    r->head = NULL;
    r->tail = &r->head;
    r->n_calls = 0;
    if (r->stream != NULL)
        stream_close(&r->stream);
    if (r->reader != NULL)
        redisReaderFree(r->reader);
    r->reader = NULL;
    r->may_write = false;
    r->backoff_ms = r->backoff_ms == 0 ? BACKOFF_MIN_MS : r->backoff_ms * 2 < BACKOFF_MAX_MS ? r->backoff_ms * 2 : BACKOFF_MAX_MS;
    r->not_before_ms = loop_now_ms(r->loop) + r->backoff_ms / 2 + rand_below((uint32_t)r->backoff_ms / 2 + 1);
    while (gone != NULL) {
        struct redisc_call *next = gone->next;

        call_end(gone, NULL, r->why);
        free(gone);
        gone = next;
    }
}

static void on_reply(struct redisc *r, redisReply *reply)
{
    struct redisc_call *c;

    if (r->head == NULL) {
        connection_lost(r, "a reply came that nobody asked for");
        return;
    }
    c = take_head(r);
    if (c->handshake && reply->type == REDIS_REPLY_ERROR) {
        char why[200];

        snprintf(why, sizeof(why), "login refused: %.150s", reply->str);
        loop_timer_stop(&c->deadline);
        free(c);
        connection_lost(r, why);
        return;
    }
    if (!c->handshake || r->head == NULL || !r->head->handshake) {
        r->up = true;
        r->backoff_ms = 0;
    }
    call_end(c, reply, NULL);
    free(c);
}

static void on_input(struct stream *s, void *arg)
{
    struct redisc *r = arg;
    span in = stream_in(s);
    int status = redisReaderFeed(r->reader, in.p, in.n);

    r->unread += in.n;
    stream_consume(s, in.n);
    if (r->unread > IN_LIMIT) {
        connection_lost(r, "a reply of over 4 MB");
        return;
    }
    while (r->stream == s) {
        void *reply = NULL;

        if (status != REDIS_OK || redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            connection_lost(r, "what came is no Redis reply");
            return;
        }
        if (reply == NULL)
            return;
        r->unread = 0;
        on_reply(r, reply);
        freeReplyObject(reply);
    }
}

static void on_end(struct stream *s, enum stream_end end, const char *why, void *arg)
{
    (void)s;
    (void)end;
    connection_lost(arg, why);
}

static void on_connected(struct stream *s, void *arg);
static void on_tls(struct stream *s, void *arg);

static redisReplyObjectFunctions *default_functions;

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_connected = on_connected, .on_tls = on_tls };

static bool format(struct buf *out, size_t argc, const span *argv)
{
    const char *args[ARGS_MAX];
    size_t lengths[ARGS_MAX];
    sds text = NULL;
    int n;

    for (size_t i = 0; i < argc; i++) {
        args[i] = argv[i].p != NULL ? argv[i].p : "";
        lengths[i] = argv[i].n;
    }
    n = redisFormatSdsCommandArgv(&text, (int)argc, args, lengths);
    if (n < 0)
        return false;
    buf_append(out, span_of(text, (size_t)n));
    redisFreeSdsCommand(text);
    return !out->overflow;
}

static void queue(struct redisc *r, struct redisc_call *c)
{
    c->next = NULL;
    *r->tail = c;
    r->tail = &c->next;
    r->n_calls++;
}

static void on_deadline(void *arg)
{
    struct redisc_call *c = arg;
    struct redisc *r = c->redisc;

    if (c == r->head) {
        connection_lost(r, "no reply in time");
        return;
    }
    /* It waits behind others that still have time.  Its reply is due all the same: if that stays out, the connection is dead. */
    loop_timer_start(r->loop, &c->deadline, r->set.timeout_ms, on_deadline, c);
    call_give(c, NULL, "no reply in time");
}

static struct redisc_call *call_new(struct redisc *r, int64_t within_ms, redisc_fn *fn, void *arg, bool handshake)
{
    struct redisc_call *c = xcalloc(1, sizeof(*c));

    *c = (struct redisc_call){ .redisc = r, .fn = fn, .arg = arg, .handshake = handshake };
    queue(r, c);
    loop_timer_start(r->loop, &c->deadline, within_ms, on_deadline, c);
    return c;
}

/* Nothing, least of all a password, leaves before TLS stands. */
static void put(struct redisc *r, span command)
{
    if (r->may_write)
        stream_write(r->stream, command);
    else
        buf_append(&r->held, command);
}

static void say_hello(struct redisc *r, size_t argc, const span *argv)
{
    struct buf out;

    buf_init(&out, 4096);
    if (format(&out, argc, argv)) {
        call_new(r, r->set.timeout_ms, NULL, NULL, true);
        put(r, buf_span(&out));
    }
    wipe(&out);
}

/* AUTH, SELECT and the name go out before the commands that made us connect: those wait in `stream`'s queue behind them. */
static void handshake(struct redisc *r)
{
    char db[24];

    if (r->set.password != NULL && r->set.user != NULL)
        say_hello(r, 3, (span[]){ SPAN("AUTH"), span_str(r->set.user), span_str(r->set.password) });
    else if (r->set.password != NULL)
        say_hello(r, 2, (span[]){ SPAN("AUTH"), span_str(r->set.password) });
    snprintf(db, sizeof(db), "%d", r->set.db);
    if (r->set.db != 0)
        say_hello(r, 2, (span[]){ SPAN("SELECT"), span_str(db) });
}

static void on_connected(struct stream *s, void *arg)
{
    struct redisc *r = arg;
    struct errtext err;

    if (r->set.tls != NULL && stream_start_tls(s, r->set.tls, r->set.tls_name, &err) != 0)
        connection_lost(r, err.text);
}

static void on_tls(struct stream *s, void *arg)
{
    struct redisc *r = arg;

    r->may_write = true;
    stream_write(s, buf_span(&r->held));
    wipe(&r->held);
}

static void *create_array(const redisReadTask *task, int elements)
{
    return elements <= ELEMENTS_MAX ? default_functions->createArray(task, elements) : NULL;
}

/* hiredis would allocate for as many elements as a garbled reply announces. */
static redisReader *make_reader(void)
{
    static redisReplyObjectFunctions capped;
    redisReader *reader = redisReaderCreate();

    if (reader == NULL)
        abort();                          /* out of memory, as xmalloc */
    if (default_functions == NULL) {
        default_functions = reader->fn;
        capped = *reader->fn;
        capped.createArray = create_array;
    }
    reader->fn = &capped;
    return reader;
}

static bool connect_now(struct redisc *r)
{
    struct errtext err;

    if (loop_now_ms(r->loop) < r->not_before_ms)
        return false;
    r->stream = stream_connect(r->loop, r->set.address, (struct stream_limits){ IN_LIMIT, OUT_LIMIT }, &handler, r, &err);
    if (r->stream == NULL) {
        snprintf(r->why, sizeof(r->why), "%.250s", err.text);
        return false;
    }
    r->reader = make_reader();
    r->unread = 0;
    r->may_write = r->set.tls == NULL;
    handshake(r);
    return true;
}

struct redisc_call *redisc_command(struct redisc *r, size_t argc, const span *argv, redisc_fn *fn, void *arg)
{
    return redisc_command_within(r, argc, argv, r->set.timeout_ms, fn, arg);
}

struct redisc_call *redisc_command_within(struct redisc *r, size_t argc, const span *argv, int64_t within_ms, redisc_fn *fn, void *arg)
{
    struct redisc_call *c = NULL;
    struct buf out;

    if (argc == 0 || argc > ARGS_MAX) {
        fn(NULL, "a command of ours has too many arguments", arg);
        return NULL;
    }
    if (r->stream == NULL && !connect_now(r)) {
        fn(NULL, r->why, arg);
        return NULL;
    }
    if (r->n_calls >= r->set.max_pending) {
        fn(NULL, "too many calls wait for Redis", arg);
        return NULL;
    }
    buf_init(&out, OUT_LIMIT / 4);
    if (format(&out, argc, argv)) {
        c = call_new(r, within_ms, fn, arg, false);
        put(r, buf_span(&out));
    } else {
        fn(NULL, "a command of ours is too long", arg);
    }
    buf_free(&out);
    return c;
}

void redisc_cancel(struct redisc_call **c)
{
    if (*c != NULL)
        (*c)->fn = NULL;
    *c = NULL;
}

bool redisc_up(const struct redisc *r)
{
    return r->up;
}

size_t redisc_pending(const struct redisc *r)
{
    return r->n_calls;
}

void redisc_free(struct redisc **rp)
{
    struct redisc *r = *rp;

    *rp = NULL;
    if (r == NULL)
        return;
    while (r->head != NULL) {
        struct redisc_call *c = take_head(r);

        loop_timer_stop(&c->deadline);
        free(c);
    }
    if (r->stream != NULL)
        stream_close(&r->stream);
    if (r->reader != NULL)
        redisReaderFree(r->reader);
    if (r->password != NULL)
        explicit_bzero(r->password, strlen(r->password));
    wipe(&r->held);
    free(r->address);
    free(r->user);
    free(r->password);
    free(r->tls_name);
    free(r);
}
