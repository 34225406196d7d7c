/* session.c - one connection of an MTA: netstrings in, answers out, strictly in order.
 *
 * Only `OK x`, `NOTFOUND ` and `TEMP reason` ever leave.  A frame that cannot be read closes the connection: what
 * follows it could be anything.
 * Source: socketmap_table(5).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/app/id.h"
#include "lib/base/alloc.h"
#include "lib/net/stream.h"
#include "lib/proto/netstring.h"
#include "lib/proto/socketmap.h"
#include "socketmapd/map_words.h"

enum {
    REQUEST_MAX = 100 * 1024,            /* a longer frame is no request of an MTA */
    IN_LIMIT = REQUEST_MAX + NETSTRING_HEADER_MAX + 1,
    OUT_LIMIT = 256 * 1024,              /* a peer that asks and never reads */
};
#define IDLE_MS MINUTES(15)              /* Postfix closes after 10 s of its own; its timers stand still inside a session */

struct session {
    struct session_owner *owner;
    struct session *next, **link;
    struct listener *from;
    struct stream *stream;
    struct lookup_ask *ask;
    span map_now, key_now;               /* of the question that is being read; p == NULL once they are kept: */
    char map[64], key[512];              /* of the question under way, for log and event */
    int mode, kind;                      /* enum mode, enum map_kind */
    int64_t asked_us;
    bool closing;
    bool in_step;                        /* an answer that comes at once must not recurse */
    bool waiting;
};

static void session_free(struct session *s)
{
    struct session_owner *o = s->owner;

    if (s->waiting)
        o->busy--;
    lookup_cancel(&s->ask);
    if (s->stream != NULL)
        stream_close(&s->stream);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    o->n--;
    if (s->from != NULL)
        daemon_client_gone(o->daemon, s->from);
    free(s);
}

static void reply(struct session *s, const struct map_reply *r)
{
    struct buf out;

    buf_init(&out, SOCKETMAP_DATA_MAX);
    if (r->word == MAP_OK && !socketmap_append_ok(&out, span_str(r->data)))
        socketmap_append_temp(&out, SPAN("what gatepost.yaml says for it cannot be sent"));
    else if (r->word == MAP_NOTFOUND)
        socketmap_append_notfound(&out);
    else if (r->word == MAP_TEMP)
        socketmap_append_temp(&out, span_str(r->data));
    stream_write(s->stream, buf_span(&out));
    buf_free(&out);
}

static void record(struct session *s, const struct lookup_result *r, const char *id, const char *sent)
{
    struct daemon *d = s->owner->daemon;
    int64_t took_us = loop_now_us(d->loop) - s->asked_us;
    struct logline line;
    struct json_out *j;

    logline_begin(&line, id);
    logline_addr(&line, "rcpt", span_str(s->key));
    logline_str(&line, "map", span_str(s->map));
    logline_str(&line, "answer", span_str(sent));
    logline_str(&line, "found", span_str(rcpt_answer_name(r->answer)));
    logline_str(&line, "source", span_str(r->source));
    logline_str(&line, "reason", span_str(r->detail));
    logline_ms(&line, "delay", took_us / 1000);
    logline_emit(&line, LOG_LEVEL_INFO);

    j = d->events != NULL ? events_begin(d->events, id, r->answer == RCPT_TEMPFAIL ? "tempfail" : s->mode == MODE_OBSERVE ? "observe" : "reject")
                          : NULL;
    if (j == NULL)
        return;
    events_address(d->events, "rcpt", span_str(s->key));
    json_cstr(j, "map", s->map);
    json_cstr(j, "reply", sent);
    json_cstr(j, "answer", rcpt_answer_name(r->answer));
    json_cstr(j, "source", r->source);
    json_cstr(j, "reason", r->detail);
    json_int(j, "age_ms", r->age_ms);
    json_int(j, "took_us", took_us);
    events_emit(d->events);
}

static const char *word_of(const struct session *s, const struct map_reply *r)
{
    if (s->mode == MODE_OBSERVE)
        return "OK (observe)";
    return r->word == MAP_TEMP ? "TEMP" : r->word == MAP_NOTFOUND ? "NOTFOUND" : r->data;
}

static void keep_text(char *to, size_t size, span from)
{
    size_t n = from.n < size ? from.n : size - 1;

    for (size_t i = 0; i < n; i++)
        to[i] = from.p[i] != '\0' ? from.p[i] : '?';
    to[n] = '\0';
}

/* Most questions are answered at once with OK, and need no copy of what was asked. */
static void keep_question(struct session *s)
{
    if (s->map_now.p == NULL)
        return;
    keep_text(s->map, sizeof(s->map), s->map_now);
    keep_text(s->key, sizeof(s->key), s->key_now);
    s->map_now.p = NULL;
    s->asked_us = loop_now_us(s->owner->daemon->loop);
}

/* What most questions are: an address that exists. */
static bool is_plain_yes(const struct session *s, const struct lookup_result *r)
{
    return r->answer == RCPT_VALID && s->kind == MAP_RECIPIENTS;
}

static void word_alias(const struct session *s, const struct lookup_result *r, const char *id, struct map_reply *said)
{
    struct address a;

    *said = (struct map_reply){ .word = MAP_NOTFOUND };
    if (lookup_resolve(s->owner->lookup, span_str(s->key), &a))
        map_word_alias(&a, id, r, said);
}

/* In observe mode nothing is refused or put off; what would have been is told. */
static void answer(struct session *s, const struct lookup_result *r)
{
    const struct set_map map = { .kind = s->kind };
    struct map_reply said;
    char id[ID_TEXT];

    if (is_plain_yes(s, r)) {
        stream_write(s->stream, SPAN("4:OK x,"));
        if (!log_wants(LOG_LEVEL_DEBUG))
            return;
        keep_question(s);
        log_debug("rcpt=<%s> map=%s answer=OK source=%s age=%llds%s", s->key, s->map, r->source, (long long)(r->age_ms / 1000),
                      r->stale ? " stale" : "");
        return;
    }
    keep_question(s);
    id_make(id, loop_wall_ms(s->owner->daemon->loop));
    if (s->kind == MAP_ALIASES)
        word_alias(s, r, id, &said);
    else
        map_word_recipient(&map, s->mode == MODE_OBSERVE, span_str(s->key), id, r, &said);
    reply(s, &said);
    if (said.refuses)
        record(s, r, id, word_of(s, &said));
}

static void answer_at_once(struct session *s, const struct set_map *map, span key)
{
    struct map_reply said;

    if (map->kind == MAP_SENDERS)
        map_word_sender(s->owner->lookup, key, &said);
    else
        map_word_domain(s->owner->daemon->settings, map, key, &said);
    reply(s, &said);
}

static void session_step(struct session *s);

static void on_answer(const struct lookup_result *r, void *arg)
{
    struct session *s = arg;

    s->ask = NULL;
    s->waiting = false;
    s->owner->busy--;
    answer(s, r);
    if (!s->in_step)
        session_step(s);
}

static const struct set_map *find_map(const struct settings *set, span name)
{
    const struct set_map *maps = set->maps.v;

    for (size_t i = 0; i < set->maps.n; i++)
        if (span_eq(span_str(maps[i].name), name))
            return &maps[i];
    return NULL;
}

/* An unknown map is our operator's mistake, never a recipient's fault: TEMP. */
static void refuse_map(struct session *s)
{
    ++*s->owner->unknown_maps;
    s->kind = MAP_RECIPIENTS;
    answer(s, &(struct lookup_result){ RCPT_TEMPFAIL, "socketmapd", "there is no map of this name (maps: in gatepost.yaml)", -1, false, false, false });
}

static void ask(struct session *s, span payload)
{
    const struct settings *set = s->owner->daemon->settings;
    struct socketmap_request q;
    const struct set_map *map = NULL;

    s->mode = set->mode;
    s->map_now = payload.p != NULL ? payload : SPAN("");
    s->key_now = SPAN("");
    if (socketmap_parse_request(payload, &q)) {
        map = find_map(set, q.map);
        s->map_now = q.map;
        s->key_now = q.key;
    }
    if (map == NULL) {
        refuse_map(s);
        return;
    }
    s->mode = (int)mode_effective(set->mode, map->mode);
    s->kind = map->kind;
    if (!map_asks_lookup(map->kind)) {
        answer_at_once(s, map, q.key);
        return;
    }
    s->waiting = true;
    s->owner->busy++;
    lookup_ask(s->owner->lookup, q.key, on_answer, s, &s->ask);
    if (s->waiting)
        keep_question(s);
    s->map_now.p = NULL;
}

static void bad_frame(struct session *s, enum ns_status st)
{
    ++*s->owner->bad_frames;
    log_warning("connection from %s closed: %s; only Postfix and Sendmail speak here", stream_peer(s->stream),
                st == NS_E_SIZE ? "a request of over 100 kB was announced" : "what came is not a netstring");
    session_free(s);
}

static void session_step(struct session *s)
{
    s->in_step = true;
    while (!s->waiting) {
        span payload;
        size_t used;
        enum ns_status st = netstring_decode(stream_in(s->stream), REQUEST_MAX, &payload, &used);

        if (st == NS_MORE)
            break;
        if (st != NS_OK) {
            bad_frame(s, st);
            return;
        }
        ask(s, payload);
        stream_consume(s->stream, used);
    }
    s->in_step = false;
    if (s->waiting)
        stream_deadline(s->stream, -1);
    else if (s->closing)
        session_free(s);
    else
        stream_deadline(s->stream, IDLE_MS);
}

static void on_input(struct stream *stream, void *arg)
{
    (void)stream;
    session_step(arg);
}

static void on_end(struct stream *stream, enum stream_end end, const char *why, void *arg)
{
    struct session *s = arg;

    if (end == STREAM_OVERFLOW)
        log_warning("connection from %s closed: it asks but does not read (%s)", stream_peer(stream), why);
    else
        log_debug("connection from %s ended: %s", stream_peer(stream), why);
    session_free(s);
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .read_all_first = true };

void session_new(struct session_owner *o, struct listener *from, int fd)
{
    struct session *s = xcalloc(1, sizeof(*s));

    s->owner = o;
    s->from = from;
    s->next = o->all;
    s->link = &o->all;
    if (s->next != NULL)
        s->next->link = &s->next;
    o->all = s;
    o->n++;
    s->stream = stream_new(o->daemon->loop, fd, (struct stream_limits){ IN_LIMIT, OUT_LIMIT }, &handler, s);
    stream_deadline(s->stream, IDLE_MS);
}

void session_drain_all(struct session_owner *o)
{
    struct session *next;

    for (struct session *s = o->all; s != NULL; s = next) {
        next = s->next;
        s->closing = true;
        if (!s->waiting)
            session_step(s);      /* answers what has come in whole, then closes */
    }
}

void session_close_all(struct session_owner *o)
{
    while (o->all != NULL)
        session_free(o->all);
}
