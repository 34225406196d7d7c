/* fate.c - tells policyd what became of messages that it let in and handed over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/fate.h"

#include <stdlib.h>

#include "lib/app/ctl_wire.h"
#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/stream.h"

enum { BATCH_MAX = 256, REPLY_MS = 5000, AGAIN_MS = 1000, IN_LIMIT = 4096 };

struct told { char id[ID_TEXT]; bool refused; };

struct fate {
    struct loop *loop;
    char *address;
    struct stream *stream;               /* NULL: not connected */
    struct loop_timer again;
    struct told waiting[FATE_WAITING_MAX];   /* a ring */
    size_t first, n;
    size_t asked;                        /* of them, with policyd */
    uint64_t *told, *dropped;
    struct log_fence fence;
};

static void send_batch(struct fate *f);

static void take(struct fate *f, size_t n)
{
    f->first = (f->first + n) % FATE_WAITING_MAX;
    f->n -= n;
}

static void failed(struct fate *f, const char *why)
{
    if (log_fence_pass(&f->fence, loop_now_ms(f->loop), MINUTES(10)))
        log_warning("policyd cannot be told what was refused (%s): limits keep counting it until it can be", why);
    if (f->stream != NULL)
        stream_close(&f->stream);
    f->asked = 0;
}

static void on_again(void *arg)
{
    send_batch(arg);
}

static void try_later(struct fate *f)
{
    loop_timer_start(f->loop, &f->again, AGAIN_MS, on_again, f);
}

static void on_end(struct stream *s, enum stream_end end, const char *why, void *arg)
{
    struct fate *f = arg;

    (void)s;
    (void)end;
    failed(f, why);
    if (f->n > 0)
        try_later(f);
}

/* The whole of it was taken when the exit status says so; text before it is for people. */
static void on_input(struct stream *s, void *arg)
{
    struct fate *f = arg;
    span payload;
    size_t used;
    enum ns_status status;

    while ((status = netstring_decode(stream_in(s), IN_LIMIT / 2, &payload, &used)) == NS_OK) {
        bool last = payload.n > 0 && payload.p[0] == 'x', well = span_eq(payload, SPAN("x0"));

        stream_consume(s, used);
        if (!last)
            continue;
        stream_deadline(s, -1);
        if (!well) {
            failed(f, "policyd did not take it");
            return try_later(f);
        }
        *f->told += f->asked;
        take(f, f->asked);
        f->asked = 0;
        return send_batch(f);
    }
    if (status != NS_MORE) {
        failed(f, "an odd reply");
        try_later(f);
    }
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end };

static bool connected(struct fate *f)
{
    struct errtext err = { "" };

    if (f->stream == NULL)
        f->stream = stream_connect(f->loop, f->address, (struct stream_limits){ IN_LIMIT, CTL_REQUEST_MAX }, &handler, f, &err);
    if (f->stream == NULL)
        failed(f, err.text);
    return f->stream != NULL;
}

static void send_batch(struct fate *f)
{
    struct buf words, frame;

    if (f->n == 0 || f->asked > 0 || !connected(f))
        return;
    buf_init(&words, CTL_REQUEST_MAX);
    buf_init(&frame, CTL_REQUEST_MAX);
    buf_append(&words, SPAN("refused\0"));
    for (; f->asked < f->n && f->asked < BATCH_MAX; f->asked++) {
        const struct told *t = &f->waiting[(f->first + f->asked) % FATE_WAITING_MAX];

        buf_append_str(&words, t->id);
        buf_append_str(&words, t->refused ? "" : "=deferred");
        buf_append_char(&words, '\0');
    }
    netstring_append(&frame, buf_span(&words));
    stream_write(f->stream, buf_span(&frame));
    stream_deadline(f->stream, REPLY_MS);
    buf_free(&words);
    buf_free(&frame);
}

struct fate *fate_new(struct loop *l, const char *socket_path, struct stats *stats)
{
    struct fate *f = xcalloc(1, sizeof(*f));

    f->loop = l;
    f->address = xasprintf("unix:%s", socket_path);
    f->told = stats_counter(stats, "fate_told", "refused messages that policyd was told of", NULL, NULL);
    f->dropped = stats_counter(stats, "fate_dropped", "refused messages that policyd could not be told of", NULL, NULL);
    return f;
}

void fate_free(struct fate **fp)
{
    struct fate *f = *fp;

    *fp = NULL;
    if (f == NULL)
        return;
    loop_timer_stop(&f->again);
    if (f->stream != NULL)
        stream_close(&f->stream);
    free(f->address);
    free(f);
}

void fate_tell(struct fate *f, const char id[ID_TEXT], bool refused)
{
    struct told *t;

    if (f->n == FATE_WAITING_MAX) {
        ++*f->dropped;
        take(f, 1);
        if (f->asked > 0)
            f->asked--;                  /* one that was on its way: its reply says nothing of those behind it */
    }
    t = &f->waiting[(f->first + f->n++) % FATE_WAITING_MAX];
    memcpy(t->id, id, sizeof(t->id));
    t->refused = refused;
    if (f->asked == 0 && !loop_timer_active(&f->again))
        send_batch(f);
}
