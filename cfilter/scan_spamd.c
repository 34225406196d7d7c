/* scan_spamd.c - asks a spamd for its score and symbols.
 *
 * One connection a message: "SYMBOLS SPAMC/1.5", the message, a reply whose status is 0 or else there is no verdict.
 * spamd runs a fixed number of children and lets connections wait, so the deadline is ours.
 * Source: SpamAssassin spamd/PROTOCOL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/scan_spamd.h"
#include "cfilter/scanner.h"
#include "lib/base/alloc.h"
#include "lib/net/stream.h"

enum { REPLY_LIMIT = 64 * 1024, OUT_LIMIT = 16 * 1024, POINTS_MAX = 1000 };

struct lookup {
    struct stream *stream;
    struct loop_task fail_later;
    struct facts *facts;
    double weight;
    int fd;
    uint64_t size;
    char head[1400];
    lookup_fn *fn;
    void *arg;
    char why[160];
};

/* ---- the reply (pure) ---- */

static bool parse_number(span text, double *out)
{
    char copy[40], *end;

    text = span_trim(text);
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && isfinite(*out);
}

/* "Spam: True ; 1000.0 / 5.0" */
static bool parse_spam_line(span value, struct spamd_reply *r)
{
    span first;

    if (!span_next(&value, ';', &first) || !span_next(&value, '/', &first))
        return false;
    return parse_number(first, &r->score) && parse_number(value, &r->required);
}

static bool parse_status(span line, struct errtext *err)
{
    span word, rest = line;

    if (!span_starts(line, SPAN("SPAMD/")) || !span_next(&rest, ' ', &word) || !span_next(&rest, ' ', &word)) {
        errtext_set(err, "spamd answered something else than SPAMD/...");
        return false;
    }
    if (!span_eq(word, SPAN("0"))) {
        errtext_set(err, "spamd answered status %.*s (%.*s)", (int)(word.n < 8 ? word.n : 8), word.p, (int)(rest.n < 100 ? rest.n : 100),
                    rest.p != NULL ? rest.p : "");
        return false;
    }
    return true;
}

static bool next_line(span *rest, span *line)
{
    if (!span_next(rest, '\n', line))
        return false;
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

bool spamd_parse_reply(span bytes, struct spamd_reply *out, struct errtext *err)
{
    struct spamd_reply r = { .score = NAN };
    span line;

    if (!next_line(&bytes, &line) || !parse_status(line, err)) {
        if (line.n == 0)
            errtext_set(err, "spamd closed without an answer");
        return false;
    }
    while (next_line(&bytes, &line) && line.n > 0)
        if (span_starts_nocase(line, SPAN("Spam:")) && !parse_spam_line(span_from(line, 5), &r))
            r.score = NAN;
    if (isnan(r.score)) {
        errtext_set(err, "spamd's answer has no readable Spam: line");
        return false;
    }
    r.symbols = span_trim(bytes);
    *out = r;
    return true;
}

/* ---- the dialogue ---- */

static void end(struct lookup *l, bool ok, const char *why)
{
    lookup_fn *fn = l->fn;
    void *arg = l->arg;
    char text[160];

    snprintf(text, sizeof(text), "%s", why);
    if (l->stream != NULL)
        stream_close(&l->stream);
    free(l);
    fn(ok, text, arg);
}

static void take_reply(struct lookup *l)
{
    struct spamd_reply r;
    struct errtext err = { "" };
    char detail[FACT_DETAIL_MAX];
    double points;

    if (!spamd_parse_reply(stream_in(l->stream), &r, &err)) {
        end(l, false, err.text);
        return;
    }
    points = r.score * l->weight;
    points = points > POINTS_MAX ? POINTS_MAX : points < -POINTS_MAX ? -POINTS_MAX : points;
    snprintf(detail, sizeof(detail), "%.*s", (int)(r.symbols.n < sizeof(detail) ? r.symbols.n : sizeof(detail) - 1),
             r.symbols.p != NULL ? r.symbols.p : "");
    facts_add(l->facts, "spamd", FACT_SPAM, FACT_CLASS_NONE, points, "spamd", detail);
    end(l, true, "");
}

static void on_input(struct stream *s, void *arg)
{
    struct lookup *l = arg;

    if (stream_in(s).n >= REPLY_LIMIT)
        end(l, false, "spamd's answer is too long");
}

static void on_end(struct stream *s, enum stream_end how, const char *why, void *arg)
{
    struct lookup *l = arg;

    (void)s;
    if (how == STREAM_EOF)
        take_reply(l);
    else
        end(l, false, how == STREAM_TIMEOUT ? "spamd did not answer in time (filter.spam.spamd.timeout)" : why);
}

static void on_connected(struct stream *s, void *arg)
{
    struct lookup *l = arg;

    stream_write(s, span_str(l->head));
    stream_send_file(s, l->fd, 0, l->size);
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_connected = on_connected };

static void fail_later(void *arg)
{
    struct lookup *l = arg;

    end(l, false, l->why);
}

static void write_head(struct lookup *l, const struct lookup_context *c)
{
    const struct set_spamd *set = &c->set->filter.spam.spamd;
    unsigned long long total = c->msg->size + strlen(c->received_line);
    int n = snprintf(l->head, sizeof(l->head), "SYMBOLS SPAMC/1.5\r\nContent-length: %llu\r\n", total);

    if (set->user != NULL && set->user[0] != '\0')
        n += snprintf(l->head + n, sizeof(l->head) - (size_t)n, "User: %.100s\r\n", set->user);
    snprintf(l->head + n, sizeof(l->head) - (size_t)n, "\r\n%s", c->received_line);
}

static bool spamd_wanted(const struct settings *set)
{
    return set->filter.spam.spamd.server != NULL && set->filter.spam.spamd.server[0] != '\0';
}

static struct lookup *spamd_lookup(const struct lookup_context *c, struct facts *f, int64_t deadline_ms, lookup_fn *fn, void *arg)
{
    const struct set_spamd *set = &c->set->filter.spam.spamd;
    struct errtext err;
    struct lookup *l;

    l = xcalloc(1, sizeof(*l));
    *l = (struct lookup){ .facts = f, .weight = set->weight, .fd = c->msg->fd, .size = c->msg->size, .fn = fn, .arg = arg };
    write_head(l, c);
    l->stream = stream_connect(c->loop, set->server, (struct stream_limits){ REPLY_LIMIT, OUT_LIMIT }, &handler, l, &err);
    if (l->stream == NULL) {
        snprintf(l->why, sizeof(l->why), "%.150s", err.text);
        loop_defer(c->loop, &l->fail_later, fail_later, l);
        return l;
    }
    stream_deadline(l->stream, deadline_ms < set->timeout_ms ? deadline_ms : set->timeout_ms);
    return l;
}

static void spamd_cancel(struct lookup **l)
{
    loop_task_cancel(&(*l)->fail_later);
    if ((*l)->stream != NULL)
        stream_close(&(*l)->stream);
    free(*l);
    *l = NULL;
}

const struct scanner scanner_spamd = { .name = "spamd", .is_virus = false, .lookup_wanted = spamd_wanted, .lookup = spamd_lookup, .lookup_cancel = spamd_cancel };
