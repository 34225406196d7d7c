/* relay_connection.c - a relay's connection: opened, kept between two messages, taken up again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/relay_private.h"
#include "lib/base/alloc.h"

enum {
    IN_LIMIT = 16 * 1024,
    OUT_LIMIT = 1024 * 1024,
    LINE_LIMIT = 16 * 1024,
    REUSE_MS = 300 * 1000,          /* a connection ends some day, as a reload of the server wants it */
};

/* ---- greeting, EHLO, XFORWARD ---- */

static void opened(struct relay *r, const struct smtp_reply *last)
{
    if (r->first.len > 0) {
        relay_send_line(r, buf_span(&r->first), PH_COMMAND);
        return;
    }
    r->phase = PH_READY;
    relay_answer(r, last, "");
}

/* XFORWARD commands go one by one: nobody said that the next hop takes them together. */
static void next_xforward(struct relay *r, const struct smtp_reply *last)
{
    span all = buf_span(&r->lines);
    size_t end = span_find(all, '\n');

    if (all.n == 0) {
        opened(r, last);
        return;
    }
    assert(end < all.n);
    r->phase = PH_XFORWARD;
    stream_write(r->stream, span_head(all, end + 1));
    buf_consume(&r->lines, end + 1);
}

static bool fill_xforward(struct relay *r)
{
    buf_reset(&r->lines);
    if (r->xforward == NULL || r->offered == 0 || xforward_append(&r->lines, r->xforward, r->offered) >= 0)
        return true;
    r->reused = false;                      /* it would not fit there either */
    relay_lose(r, "XFORWARD attributes do not fit");
    return false;
}

static void on_ehlo_reply(struct relay *r, const struct smtp_reply *reply)
{
    span rest = reply->raw, text;

    r->offered = 0;
    while (smtp_reply_next_line(&rest, &text))
        r->offered |= xforward_offered(text);
    if (fill_xforward(r))
        next_xforward(r, reply);
}

void relay_opening_reply(struct relay *r, const struct smtp_reply *reply)
{
    static const char *const refused[] = { [PH_GREETING] = "refused at the greeting", [PH_EHLO] = "refused EHLO", [PH_XFORWARD] = "refused XFORWARD" };
    char text[600];

    if (reply->code / 100 != 2)
        relay_lose_with(r, refused[r->phase], reply);
    else if (r->phase == PH_GREETING)
        relay_send_line(r, span_of(text, (size_t)snprintf(text, sizeof(text), "EHLO %.255s", r->hostname)), PH_EHLO);
    else if (r->phase == PH_EHLO)
        on_ehlo_reply(r, reply);
    else
        next_xforward(r, reply);
}

void relay_release(void *arg)
{
    struct relay *r = arg;

    buf_free(&r->lines);
    buf_free(&r->first);
    free(r->xforward);
    free(r->address);
    free(r->hostname);
    free(r);
}

/* ---- between two messages ---- */

bool relay_may_be_kept(const struct relay *r)
{
    return r->stream != NULL && r->phase == PH_READY && r->taken && !r->refused && r->keep != NULL && r->keep_ms > 0 &&
           loop_now_ms(r->loop) - r->connected_ms < REUSE_MS && relay_keep_has_room(r->keep);
}

static void on_idle(void *arg)
{
    relay_end_kept(arg, true);
}

void relay_put_by(struct relay *r)
{
    loop_timer_stop(&r->next_step);
    r->phase = PH_KEPT;
    r->deliver = NULL;
    r->kept = (struct relay_kept){ .relay = r, .address = r->address, .hostname = r->hostname };
    relay_keep_put(r->keep, &r->kept);
    loop_timer_start(r->loop, &r->idle, r->keep_ms, on_idle, r);
}

static void discard(struct relay *r, bool polite)
{
    loop_timer_stop(&r->idle);
    if (polite)
        stream_write(r->stream, SPAN("QUIT\r\n"));
    stream_close(&r->stream);
    r->phase = PH_LOST;
    loop_defer(r->loop, &r->tell, relay_release, r);
}

void relay_end_kept(struct relay *r, bool polite)
{
    relay_keep_remove(r->keep, &r->kept);
    discard(r, polite);
}

/* ---- opening ---- */

static void connect_to(struct relay *r)
{
    struct stream_limits limits = { IN_LIMIT, OUT_LIMIT };
    struct errtext err = { "" };

    r->reused = r->refused = false;
    r->connected_ms = loop_now_ms(r->loop);
    smtp_reply_parser_init(&r->parser);
    r->phase = PH_GREETING;
    r->stream = stream_connect(r->loop, r->address, limits, &relay_handler, r, &err);
    if (r->stream == NULL)
        relay_lose(r, err.text);
    else
        stream_deadline(r->stream, r->timeout_ms);
}

void relay_start_again(struct relay *r)
{
    stream_close(&r->stream);
    connect_to(r);
}

/* The end of the message before has reset what was handed on with it (Postfix, XFORWARD_README), so all of it is said anew. */
static void go_on(struct relay *r)
{
    r->reused = true;
    loop_timer_stop(&r->idle);
    stream_deadline(r->stream, r->timeout_ms);
    if (!fill_xforward(r))
        return;
    if (r->lines.len > 0)
        next_xforward(r, NULL);
    else
        relay_send_line(r, SPAN("RSET"), PH_XFORWARD);
}

static struct relay *relay_new(struct loop *l, const struct relay_settings *set)
{
    struct relay *r = xcalloc(1, sizeof(*r));

    r->loop = l;
    r->address = xstrdup(set->address);
    r->hostname = xstrdup(set->hostname);
    buf_init(&r->lines, 8 * 1024);
    buf_init(&r->first, LINE_LIMIT);
    return r;
}

/* One whose server has said nothing since. */
static struct relay *take_kept(const struct relay_settings *set)
{
    struct relay *r;

    while (set->keep != NULL && set->keep_ms > 0 && (r = relay_keep_take(set->keep, set->address, set->hostname)) != NULL) {
        if (stream_in(r->stream).n == r->telling)
            return r;
        discard(r, false);
    }
    return NULL;
}

struct relay *relay_open(struct loop *l, const struct relay_settings *set, const struct xforward *x, relay_fn *ready, void *arg)
{
    struct relay *r = take_kept(set);
    bool kept = r != NULL;

    if (!kept)
        r = relay_new(l, set);
    r->timeout_ms = set->timeout_ms;
    r->keep = set->keep;
    r->keep_ms = set->keep_ms;
    r->fn = ready;
    r->arg = arg;
    r->opening = true;
    r->committed = r->data_asked = r->taken = false;
    free(r->xforward);
    r->xforward = NULL;
    if (x != NULL) {
        r->xforward = xmalloc(sizeof(*x));
        *r->xforward = *x;
    }
    if (kept)
        go_on(r);
    else
        connect_to(r);
    return r;
}
