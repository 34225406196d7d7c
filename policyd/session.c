/* session.c - connections of Postfix' smtpd.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/session.h"

#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/stream.h"
#include "lib/proto/policy.h"

enum {
    IN_LIMIT = POLICY_REQUEST_MAX + 1,
    OUT_LIMIT = 128 * 1024,
    OUT_FULL = 32 * 1024,                /* unread answers: no further request is judged before the peer reads */
};
#define SWEEP_MS        SECONDS(30)
#define IDLE_MS         HOURS(1)         /* Postfix closes after 300 s; this is for peers that vanished without a word */
#define HALF_REQUEST_MS SECONDS(60)      /* smtpd writes a request at once */
#define LAST_WORDS_MS   SECONDS(5)

struct session {
    struct sessions *all;
    struct session *next, **link;
    void *from;
    struct stream *stream;
    struct policy_parser parser;
    struct serving serving;
    int64_t last_ms;                     /* when something last happened */
    bool under_way;                      /* a request is judged */
    bool in_step;                        /* answers that come at once must not recurse */
    bool paused;                         /* nothing is read while a request is judged: an end that follows it is then seen after the
                                          * answer, so that a peer that has closed only its sending side gets it */
    bool eof;                            /* the peer sends no more */
};

static void session_step(struct session *s);

static void session_free(struct session *s)
{
    struct sessions *all = s->all;

    if (s->under_way)
        all->busy--;
    serve_cancel(&s->serving);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    all->n--;
    if (all->gone != NULL)
        all->gone(s->from, all->gone_arg);
    free(s);
}

static void session_close(struct session *s)
{
    if (stream_out_pending(s->stream) > 0)
        stream_close_drained(&s->stream, LAST_WORDS_MS);
    else
        stream_close(&s->stream);
    session_free(s);
}

/* One line a connection; of more than ten a second the rest is counted. */
static void junk(struct session *s, const char *why)
{
    static struct log_fence fence;
    span head = span_head(stream_in(s->stream), 60);
    uint64_t others = fence.suppressed;
    struct logline l;

    ++*s->all->services->count.junk;
    if (log_fence_pass(&fence, loop_now_ms(s->all->services->loop), 100)) {
        logline_begin(&l, "policy");
        logline_str(&l, "peer", span_str(stream_peer(s->stream)));
        logline_str(&l, "closed", span_str(why));
        logline_str(&l, "began", head);
        if (others > 0)
            logline_int(&l, "others_not_logged", (int64_t)others);
        logline_emit(&l, LOG_LEVEL_WARNING);
    }
    session_close(s);
}

static void on_answer(span answer, void *arg)
{
    struct session *s = arg;

    stream_write(s->stream, answer);
    s->under_way = false;
    s->all->busy--;
    s->last_ms = loop_now_ms(s->all->services->loop);
    if (!s->in_step)
        session_step(s);
}

/* Judges the next request, if it is there.  Its bytes move to its own memory, because the buffer may while it is judged. */
static enum policy_status next_request(struct session *s)
{
    span in = stream_in(s->stream);
    struct eval *e;
    enum policy_status status;
    size_t used;
    char *copy;

    if (in.n == 0)
        return POLICY_MORE;
    e = eval_take(s->all->services);
    copy = arena_take(e->arena, in.n);
    status = policy_parse(&s->parser, in, POLICY_REQUEST_MAX, copy, &e->req.attrs, &used);
    if (status != POLICY_OK) {
        eval_release(&e);
        return status;
    }
    memcpy(copy, in.p, used);
    stream_consume(s->stream, used);
    s->under_way = true;
    s->all->busy++;
    serve(&s->serving, e, *s->all->rules, on_answer, s);
    return status;
}

/* Reading rests while a request is judged. */
static void pause_or_resume(struct session *s)
{
    if (s->under_way == s->paused)
        return;
    s->paused = s->under_way;
    if (s->paused)
        stream_read_pause(s->stream);
    else
        stream_read_resume(s->stream);
}

static const char *junk_reason(enum policy_status status)
{
    switch (status) {
    case POLICY_E_SYNTAX:
        return "not an access request: a line without name=value, or a CR or NUL in it";
    case POLICY_E_SIZE:
        return "a request over 64 KiB";
    case POLICY_E_REQUEST:
        return "not request=smtpd_access_policy";
    default:
        return NULL;
    }
}

/* Judges what has come, one request after the other; all answers go out in one write.  s may be gone when it returns. */
static void session_step(struct session *s)
{
    enum policy_status status = POLICY_OK;

    s->in_step = true;
    while (status == POLICY_OK && !s->under_way && stream_out_pending(s->stream) < OUT_FULL)
        status = next_request(s);
    s->in_step = false;
    if (!s->under_way && junk_reason(status) != NULL)
        return junk(s, junk_reason(status));
    pause_or_resume(s);
    if (s->under_way)
        return;
    if (stream_out_pending(s->stream) >= OUT_FULL && !s->eof)
        return;                          /* on_drained goes on */
    if (s->eof && stream_in(s->stream).n > 0)
        return junk(s, "the peer left in the middle of a request");
    if (s->eof || s->all->draining)
        session_close(s);
}

static void on_input(struct stream *stream, void *arg)
{
    struct session *s = arg;

    (void)stream;
    s->last_ms = loop_now_ms(s->all->services->loop);
    if (!s->under_way && !s->in_step)
        session_step(s);
}

static void on_drained(struct stream *stream, void *arg)
{
    on_input(stream, arg);
}

static void on_end(struct stream *stream, enum stream_end end, const char *why, void *arg)
{
    struct session *s = arg;

    (void)stream;
    s->eof = true;
    if (end == STREAM_EOF)
        return session_step(s);
    log_debug("policy: peer=%s gone: %s", stream_peer(s->stream), why);
    stream_close(&s->stream);
    session_free(s);
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_drained = on_drained, .read_all_first = true };

static void sweep(void *arg)
{
    struct sessions *all = arg;
    int64_t now_ms = loop_now_ms(all->services->loop);
    struct session *next;

    for (struct session *s = all->first; s != NULL; s = next) {
        next = s->next;
        if (s->under_way)
            continue;
        if (stream_in(s->stream).n > 0 && stream_out_pending(s->stream) < OUT_FULL && now_ms - s->last_ms > HALF_REQUEST_MS)
            junk(s, "half a request, and no more for a minute");
        else if (now_ms - s->last_ms > IDLE_MS)
            session_close(s);
    }
    if (all->n > 0)
        loop_timer_start(all->services->loop, &all->sweep, SWEEP_MS, sweep, all);
}

void sessions_init(struct sessions *all, struct services *services, struct rules **rules)
{
    *all = (struct sessions){ .services = services, .rules = rules };
}

void session_new(struct sessions *all, void *from, int fd)
{
    struct session *s = xcalloc(1, sizeof(*s));
    static const struct stream_limits limits = { .in_limit = IN_LIMIT, .out_limit = OUT_LIMIT };

    s->all = all;
    s->from = from;
    s->last_ms = loop_now_ms(all->services->loop);
    policy_parser_init(&s->parser);
    s->next = all->first;
    s->link = &all->first;
    if (s->next != NULL)
        s->next->link = &s->next;
    all->first = s;
    all->n++;
    s->stream = stream_new(all->services->loop, fd, limits, &handler, s);
    if (!loop_timer_active(&all->sweep))
        loop_timer_start(all->services->loop, &all->sweep, SWEEP_MS, sweep, all);
}

void sessions_drain(struct sessions *all)
{
    struct session *next;

    all->draining = true;
    for (struct session *s = all->first; s != NULL; s = next) {
        next = s->next;
        if (!s->under_way)
            session_step(s);             /* a request that has come whole is still answered */
    }
}

void sessions_close(struct sessions *all)
{
    loop_timer_stop(&all->sweep);
    while (all->first != NULL) {
        struct session *s = all->first;

        stream_close(&s->stream);
        session_free(s);
    }
}
