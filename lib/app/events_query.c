/* events_query.c - the child that looks for records in the segments of a daemon.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "lib/app/events.h"
#include "lib/app/events_files.h"
#include "lib/app/events_match.h"
#include "lib/app/events_wire.h"
#include "lib/app/sandbox.h"
#include "lib/base/alloc.h"

/* KEPT_BYTES: the newest hits are kept while reading; SLACK_MS: what a clock that was set back may put into an earlier segment. */
enum { KEPT_BYTES = 16 * 1024 * 1024, SLACK_MS = 60 * 60 * 1000 };

struct query {
    json_t *json;
    const char *dir, *daemon, *id;
    json_t *any;                  /* escaped; NULL: not asked for */
    json_t *keys, *raw_keys;      /* key -> forms; the same escaped */
    int64_t since_ms;
    size_t limit;
    char **kept;                  /* a ring of the newest hits */
    size_t first, n, bytes;
};

/* ---- does it match? ---- */

/* The forms as they stand in a record, escaped. */
static json_t *escaped_forms(const json_t *forms)
{
    json_t *out = json_array();
    struct buf b;

    buf_init(&b, CHILD_MESSAGE_MAX);
    for (size_t i = 0; i < json_array_size(forms); i++) {
        const char *form = json_string_value(json_array_get(forms, i));

        buf_reset(&b);
        events_escape(span_str(form), &b);
        json_array_append_new(out, json_stringn(buf_span(&b).p, b.len));
    }
    buf_free(&b);
    return out;
}

static bool line_has_one(span line, const json_t *raw, bool (*has)(span line, span form))
{
    for (size_t i = 0; i < json_array_size(raw); i++) {
        const json_t *form = json_array_get(raw, i);

        if (has(line, span_of(json_string_value(form), json_string_length(form))))
            return true;
    }
    return false;
}

static bool is_one_of(const json_t *value, const json_t *forms)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text != NULL && i < json_array_size(forms); i++)
        if (strcasecmp(text, json_string_value(json_array_get(forms, i))) == 0)
            return true;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (is_one_of(json_array_get(value, i), forms))
            return true;
    return false;
}

/* Under `key`, at any depth: the recipients of one message may be objects in an array.  Depth is bounded by jansson's parser. */
static bool has_under(json_t *value, const char *key, const json_t *forms)
{
    const char *k;
    json_t *v;
    size_t i;

    json_object_foreach(value, k, v)
        if ((strcmp(k, key) == 0 && is_one_of(v, forms)) || has_under(v, key, forms))
            return true;
    json_array_foreach(value, i, v)
        if (has_under(v, key, forms))
            return true;
    return false;
}

/* Cheap, over the bytes, to leave out nearly all lines. */
static bool may_match(const struct query *q, span line)
{
    const char *key;
    json_t *forms;

    if (q->id != NULL && !events_contains(line, span_str(q->id)))
        return false;
    if (q->any != NULL && !line_has_one(line, q->any, events_names))
        return false;
    json_object_foreach(q->raw_keys, key, forms)
        if (!line_has_one(line, forms, events_contains))
            return false;
    return true;
}

static bool matches(const struct query *q, span line)
{
    json_t *record = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL), *forms;
    const char *id, *key;
    bool yes = record != NULL;

    if (yes && q->id != NULL) {
        id = json_string_value(json_object_get(record, "id"));
        yes = id != NULL && strcasecmp(id, q->id) == 0;
    }
    yes = yes && json_integer_value(json_object_get(record, "t")) >= q->since_ms;
    if (yes)
        json_object_foreach(q->keys, key, forms)
            yes = yes && has_under(record, key, forms);
    json_decref(record);
    return yes;
}

static void keep(struct query *q, span line)
{
    while (q->n > 0 && (q->n == q->limit || q->bytes + line.n > KEPT_BYTES)) {
        char **oldest = &q->kept[q->first];

        q->bytes -= strlen(*oldest);
        free(*oldest);
        *oldest = NULL;
        q->first = (q->first + 1) % q->limit;
        q->n--;
    }
    q->kept[(q->first + q->n) % q->limit] = xspandup(line);
    q->n++;
    q->bytes += line.n;
}

static bool on_line(span line, off_t at, void *arg)
{
    struct query *q = arg;

    (void)at;
    if (line.n > 0 && line.p[0] == '{' && line.n < EVENTS_LINE_MAX && may_match(q, line) && matches(q, line))
        keep(q, line);
    return true;
}

/* ---- reading ---- */

static int read_segment(struct query *q, int dir, const char *name, struct errtext *err)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r;

    if (fd < 0) {
        if (errno == ENOENT)      /* pruned meanwhile */
            return 0;
        errtext_errno(err, "cannot open the event segment %s/%s", q->dir, name);
        return -1;
    }
    r = segment_read(fd, on_line, q, err);
    close(fd);
    return r;
}

static int search(struct query *q, struct errtext *err)
{
    int dir = open(q->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
    struct segments all = { .n = 0 };

    if (dir < 0) {
        if (errno == ENOENT)      /* nothing was ever recorded */
            return 0;
        errtext_errno(err, "cannot open the folder %s (events.directory)", q->dir);
        return -1;
    }
    r = segments_list(dir, q->daemon, &all, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        /* What a segment holds ends where the next one begins. */
        if (i + 1 < all.n && all.v[i + 1].first_ms < q->since_ms - SLACK_MS)
            continue;
        r = read_segment(q, dir, all.v[i].name, err);
    }
    segments_free(&all);
    close(dir);
    return r;
}

/* ---- talking ---- */

static int send_one(char kind, span text)
{
    static char message[CHILD_MESSAGE_MAX];
    size_t n = text.n < sizeof message - 1 ? text.n : sizeof message - 1;

    message[0] = kind;
    if (n > 0)
        memcpy(message + 1, text.p, n);
    return child_send_blocking(CHILD_FD, span_of(message, n + 1), NULL, 0);
}

static bool read_order(struct query *q, span text)
{
    json_t *forms;
    const char *key;
    int64_t limit;

    q->json = json_loadb(text.p, text.n, 0, NULL);
    q->dir = json_string_value(json_object_get(q->json, "dir"));
    q->daemon = json_string_value(json_object_get(q->json, "daemon"));
    q->id = json_string_value(json_object_get(q->json, "id"));
    q->keys = json_object_get(q->json, "keys");
    q->since_ms = json_integer_value(json_object_get(q->json, "since"));
    limit = json_integer_value(json_object_get(q->json, "limit"));
    if (q->dir == NULL || q->daemon == NULL || q->keys == NULL || limit <= 0 || limit > 1000000)
        return false;
    if (json_object_get(q->json, "any") != NULL)
        q->any = escaped_forms(json_object_get(q->json, "any"));
    q->raw_keys = json_object();
    json_object_foreach(q->keys, key, forms)
        json_object_set_new(q->raw_keys, key, escaped_forms(forms));
    q->limit = (size_t)limit;
    q->kept = xcalloc(q->limit, sizeof q->kept[0]);
    return true;
}

static void query_free(struct query *q)
{
    for (size_t i = 0; q->kept != NULL && i < q->limit; i++)
        free(q->kept[i]);
    free(q->kept);
    json_decref(q->any);
    json_decref(q->raw_keys);
    json_decref(q->json);
}

int events_query_run(int argc, char **argv)
{
    static char message[CHILD_MESSAGE_MAX];
    struct query q = { .json = NULL };
    struct errtext err = { .text = "" };
    long n = child_recv_blocking(CHILD_FD, message, sizeof message, NULL, NULL);

    (void)argc;
    (void)argv;
    if (sandbox_child(&err) < 0)
        fprintf(stderr, "events-query: warning: %s\n", err.text);
    err.text[0] = '\0';
    if (n <= 0 || !read_order(&q, span_of(message, (size_t)n))) {
        query_free(&q);
        return EXIT_FAILURE;
    }
    if (search(&q, &err) < 0 && err.text[0] == '\0')
        errtext_set(&err, "the events cannot be read");
    for (size_t i = 0; i < q.n; i++)
        if (send_one(EV_FOUND, span_str(q.kept[(q.first + i) % q.limit])) < 0)
            break;
    send_one(EV_DONE, span_str(err.text));
    query_free(&q);
    return EXIT_SUCCESS;
}
