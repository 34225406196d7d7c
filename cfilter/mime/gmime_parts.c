/* gmime_parts.c - GMime 3's reading of a message.
 *
 * The trees that GMime builds are walked with a list of what is still to be visited.  A message/rfc822 that carries a transfer encoding (against
 * RFC 2046 5.2.1, and some readers open it all the same) is parsed again after decoding.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <gmime/gmime.h>
#include <stdlib.h>

#include "cfilter/mime/parts.h"
#include "lib/base/alloc.h"

struct source {                /* one run of bytes that was given to the parser */
    struct source *next;
    span bytes;
    GByteArray *array;         /* borrowed view of bytes */
    GMimeStream *stream;
    GMimeMessage *message;
};

struct decoded {               /* one decoded part */
    struct decoded *next;
    GByteArray *array;
};

struct visit {
    GMimeObject *object;
    const struct source *source;
    unsigned depth;
};

struct gmime_memory {
    struct source *sources;
    struct decoded *decoded;
    struct visit *todo;
    size_t n_todo, cap_todo;
};

struct walk {
    struct mime_parts *parts;
    struct gmime_memory *memory;
    const struct mime_limits *limits;
};

void gmime_start(void)
{
    static bool started;

    if (!started)
        g_mime_init();
    started = true;
}

/* ---- memory ---- */

static void release(struct mime_parts *p)
{
    struct gmime_memory *m = p->owned;

    for (struct source *s; (s = m->sources) != NULL; free(s)) {
        m->sources = s->next;
        if (s->message != NULL)
            g_object_unref(s->message);
        g_object_unref(s->stream);
        s->array->data = NULL;
        s->array->len = 0;
        g_byte_array_free(s->array, TRUE);
    }
    for (struct decoded *d; (d = m->decoded) != NULL; free(d)) {
        m->decoded = d->next;
        g_byte_array_free(d->array, TRUE);
    }
    free(m->todo);
    free(m);
}

static void visit_later(struct walk *w, GMimeObject *object, const struct source *source, unsigned depth)
{
    struct gmime_memory *m = w->memory;

    if (object == NULL)
        return;
    if (depth > w->limits->max_depth) {
        w->parts->limit = "depth";
        return;
    }
    if (m->n_todo >= w->limits->max_parts) {
        w->parts->limit = "parts";
        return;
    }
    if (m->n_todo == m->cap_todo) {
        m->cap_todo = m->cap_todo != 0 ? m->cap_todo * 2 : 32;
        m->todo = xreallocarray(m->todo, m->cap_todo, sizeof m->todo[0]);
    }
    m->todo[m->n_todo++] = (struct visit){ object, source, depth };
}

/* Gives bytes to the parser without copying them: the stream only reads, and the array is emptied again before it is freed. */
static void parse(struct walk *w, span bytes, unsigned depth)
{
    struct source *s = xcalloc(1, sizeof *s);

    if (bytes.n > G_MAXINT) {
        w->parts->limit = "bytes";
        free(s);
        return;
    }
    s->bytes = bytes;
    s->array = g_byte_array_new();
    s->array->data = (guint8 *)(uintptr_t)bytes.p;
    s->array->len = (guint)bytes.n;
    s->stream = g_mime_stream_mem_new_with_byte_array(s->array);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(s->stream), FALSE);
    s->next = w->memory->sources;
    w->memory->sources = s;

    GMimeParser *parser = g_mime_parser_new_with_stream(s->stream);
    g_mime_parser_set_persist_stream(parser, TRUE);
    s->message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    if (s->message != NULL)
        visit_later(w, g_mime_message_get_mime_part(s->message), s, depth);
}

/* ---- leaves ---- */

/* The part as it stands in the message. */
static bool raw_span(GMimeDataWrapper *content, const struct source *source, span *out)
{
    GMimeStream *stream = g_mime_data_wrapper_get_stream(content);

    if (stream == NULL || !GMIME_IS_STREAM_MEM(stream))
        return false;
    gint64 from = stream->bound_start, to = stream->bound_end < 0 ? (gint64)source->bytes.n : stream->bound_end;
    if (from < 0 || to < from || to > (gint64)source->bytes.n)
        return false;
    *out = span_of(source->bytes.p + from, (size_t)(to - from));
    return true;
}

static bool decode(struct walk *w, GMimeDataWrapper *content, size_t raw_bytes, span *out)
{
    /* No decoder makes more out of less, but for the few bytes of a last group. */
    if (raw_bytes > w->limits->max_decoded_bytes - w->parts->decoded_bytes) {
        w->parts->limit = "bytes";
        return false;
    }
    struct decoded *d = xcalloc(1, sizeof *d);
    GMimeStream *to = g_mime_stream_mem_new();

    d->array = g_byte_array_new();
    g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(to), d->array);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(to), FALSE);
    g_mime_data_wrapper_write_to_stream(content, to);
    g_object_unref(to);
    d->next = w->memory->decoded;
    w->memory->decoded = d;
    size_t n = d->array->len, left = w->limits->max_decoded_bytes - w->parts->decoded_bytes;
    w->parts->decoded_bytes += n < left ? n : left;
    *out = span_of((const char *)d->array->data, n);
    return true;
}

static void copy_type(GMimeObject *object, struct mime_part *part)
{
    GMimeContentType *t = g_mime_object_get_content_type(object);
    const char *type = t != NULL ? g_mime_content_type_get_media_type(t) : NULL;
    const char *sub = t != NULL ? g_mime_content_type_get_media_subtype(t) : NULL;

    snprintf(part->type, sizeof part->type, "%s/%s", type != NULL ? type : "text", sub != NULL ? sub : "plain");
    for (char *p = part->type; *p != '\0'; p++)
        *p = *p > ' ' && *p <= '~' ? ascii_lower(*p) : '?';
    part->text = span_starts(span_str(part->type), SPAN("text/"));
}

static bool is_encoded(GMimeContentEncoding e)
{
    return e == GMIME_CONTENT_ENCODING_BASE64 || e == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE || e == GMIME_CONTENT_ENCODING_UUENCODE;
}

static void take_leaf(struct walk *w, const struct visit *v)
{
    GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(v->object));
    struct mime_part part = { .depth = v->depth, .partial = GMIME_IS_MESSAGE_PARTIAL(v->object) };
    struct mime_parts *p = w->parts;
    span raw;

    if (content == NULL || !raw_span(content, v->source, &raw))
        return;
    if (p->n >= w->limits->max_parts) {
        p->limit = "parts";
        return;
    }
    copy_type(v->object, &part);
    part.bytes = raw;
    part.encoded = is_encoded(g_mime_data_wrapper_get_encoding(content));
    if (part.encoded && !decode(w, content, raw.n, &part.bytes))
        return;
    if (p->n == p->cap) {
        p->cap = p->cap != 0 ? p->cap * 2 : 16;
        p->v = xreallocarray(p->v, p->cap, sizeof p->v[0]);
    }
    p->v[p->n++] = part;
    if (part.encoded && span_starts(span_str(part.type), SPAN("message/")) && part.bytes.n > 0)
        parse(w, part.bytes, v->depth + 1);
}

static void visit(struct walk *w, const struct visit *v)
{
    if (GMIME_IS_MULTIPART(v->object)) {
        GMimeMultipart *m = GMIME_MULTIPART(v->object);
        /* Last first: the list is taken from its end, and so the parts come in their order. */
        for (int i = g_mime_multipart_get_count(m); i-- > 0;)
            visit_later(w, g_mime_multipart_get_part(m, i), v->source, v->depth + 1);
    } else if (GMIME_IS_MESSAGE_PART(v->object)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(v->object));
        if (inner != NULL)
            visit_later(w, g_mime_message_get_mime_part(inner), v->source, v->depth + 1);
    } else if (GMIME_IS_PART(v->object)) {
        take_leaf(w, v);
    }
}

struct mime_parts *gmime_parts(span message, const struct mime_limits *limits)
{
    struct mime_parts *p = xcalloc(1, sizeof *p);
    struct gmime_memory *m = xcalloc(1, sizeof *m);
    struct walk w = { .parts = p, .memory = m, .limits = limits };

    p->owned = m;
    p->release = release;
    if (message.n > 0)
        parse(&w, message, 0);
    while (m->n_todo > 0) {
        struct visit v = m->todo[--m->n_todo];
        visit(&w, &v);
    }
    return p;
}

void mime_parts_free(struct mime_parts **pp)
{
    struct mime_parts *p = *pp;

    *pp = NULL;
    if (p == NULL)
        return;
    if (p->release != NULL)
        p->release(p);
    free(p->v);
    free(p);
}
