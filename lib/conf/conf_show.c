/* conf_show.c - the values in force as YAML, and which of them changed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <stdio.h>

#include "lib/conf/conf_walk.h"
#include "lib/conf/conf_yaml.h"

enum { VALUE_MAX = 4 << 20, INDENT = 2 };

struct show {
    const struct conf_marks *marks;
    bool all;
    bool overlay;        /* inside an entry that only says what differs */
    bool secrets;        /* stars for secrets; false when two values are compared */
    struct arena *arena; /* for defaults */
};

static void show_rows(const struct show *s, const struct conf_key *rows, const void *base, const char *path, bool named, unsigned indent,
                      struct buf *to);

bool conf_is_none(const struct conf_key *row, const void *value)
{
    switch (row->type) {
    case CONF_STRING:
    case CONF_PATH:
    case CONF_SECRET_FILE:
    case CONF_ADDRESS:
    case CONF_DOMAIN:
        return *(const char *const *)value == NULL;
    case CONF_RATE:
        return ((const struct conf_rate *)value)->per_ms == 0;
    default:
        return false;
    }
}

static void pad(struct buf *to, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        buf_append_char(to, ' ');
}

static void show_scalars(const struct conf_key *row, const void *value, struct buf *to)
{
    const char *v = (const void *)((const struct conf_strings *)value)->v;
    size_t n = ((const struct conf_strings *)value)->n;

    if (row->type == CONF_NETS) {
        v = (const void *)((const struct conf_nets *)value)->v;
        n = ((const struct conf_nets *)value)->n;
    }
    buf_append_char(to, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_append_str(to, ", ");
        conf_scalar_format(conf_item_type(row->type), row, v + i * conf_item_size(row->type), to);
    }
    buf_append_char(to, ']');
}

static void show_entry(const struct show *s, const struct conf_key *sub, const char *base, const char *path, unsigned indent, struct buf *to)
{
    const struct conf_key *name = conf_row(sub, SPAN("name")), *star = conf_row(sub, SPAN("*"));
    size_t before;

    pad(to, indent);
    conf_string_format(*(const char *const *)conf_slot_const(base, name), to);
    buf_append_char(to, ':');
    if (conf_is_pair(sub)) {
        buf_append_char(to, ' ');
        if (conf_type_is_list(star->type))
            show_scalars(star, conf_slot_const(base, star), to);
        else
            conf_scalar_format(star->type, star, conf_slot_const(base, star), to);
        buf_append_char(to, '\n');
        return;
    }
    before = to->len;
    buf_append_char(to, '\n');
    show_rows(s, sub, base, path, true, indent + INDENT, to);
    if (to->len == before + 1) {
        buf_truncate(to, before);
        buf_append_str(to, " {}\n");
    }
}

/* "- key: value", the rest of the item beneath. */
static void show_item(const struct show *s, const struct conf_key *sub, const char *base, const char *path, unsigned indent, struct buf *to)
{
    struct buf rows;
    span text;

    buf_init(&rows, VALUE_MAX);
    show_rows(s, sub, base, path, false, indent + INDENT, &rows);
    text = buf_span(&rows);
    pad(to, indent);
    if (text.n == 0) {
        buf_append_str(to, "- {}\n");
    } else {
        buf_append_str(to, "- ");
        buf_append(to, span_from(text, indent + INDENT));
    }
    buf_free(&rows);
}

static void show_list(const struct show *s, const struct conf_key *row, const struct conf_list *list, const char *path, unsigned indent,
                      struct buf *to)
{
    struct show inside = *s;

    inside.overlay = s->overlay || row->overlay;
    if (list->n == 0) {
        buf_append_str(to, row->type == CONF_LIST ? " []\n" : " {}\n");
        return;
    }
    buf_append_char(to, '\n');
    for (size_t i = 0; i < list->n; i++) {
        const char *base = (const char *)list->v + i * row->sub_size;

        if (row->type == CONF_LIST)
            show_item(&inside, row->sub, base, arena_printf(s->arena, "%s[%zu]", path, i), indent + INDENT, to);
        else
            show_entry(&inside, row->sub, base, path, indent + INDENT, to);
    }
}

/* Everything behind "key:", with its line end. */
static void show_value(const struct show *s, const struct conf_key *row, const void *value, const char *path, unsigned indent, struct buf *to)
{
    if (row->type == CONF_LIST || row->type == CONF_NAMED) {
        show_list(s, row, value, path, indent, to);
        return;
    }
    buf_append_char(to, ' ');
    if (s->secrets && row->secret != NULL && row->secret(value))
        buf_append_str(to, "\"****\"");
    else if (conf_type_is_list(row->type))
        show_scalars(row, value, to);
    else
        conf_scalar_format(row->type, row, value, to);
    buf_append_char(to, '\n');
}

static void value_text(const struct conf_key *row, const void *value, unsigned indent, bool secrets, struct arena *arena, struct buf *to)
{
    const struct show plain = { .all = true, .secrets = secrets, .arena = arena };

    if (!conf_is_none(row, value))
        show_value(&plain, row, value, "", indent, to);
}

static bool same_value(const struct conf_key *row, const void *a, const void *b, struct arena *arena)
{
    struct buf ta, tb;
    bool same;

    buf_init(&ta, VALUE_MAX);
    buf_init(&tb, VALUE_MAX);
    value_text(row, a, 0, false, arena, &ta);
    value_text(row, b, 0, false, arena, &tb);
    same = span_eq(buf_span(&ta), buf_span(&tb)) && conf_is_none(row, a) == conf_is_none(row, b);
    buf_free(&ta);
    buf_free(&tb);
    return same;
}

static bool is_default(const struct conf_key *row, const void *value, struct arena *arena)
{
    union { int64_t i; double d; const char *s; struct conf_strings l; struct conf_rate r; } dflt;

    if (row->dflt != NULL && strcmp(row->dflt, "!") == 0)
        return false;
    memset(&dflt, 0, sizeof(dflt));
    conf_reset(row, &dflt, arena);
    return same_value(row, value, &dflt, arena);
}

static void show_row(const struct show *s, const struct conf_key *row, const void *value, const char *path, unsigned indent, struct buf *to)
{
    size_t before = to->len, header;
    bool says = s->overlay && s->marks != NULL;

    if (says && conf_node_at(s->marks, path) == NULL)
        return;
    pad(to, indent);
    buf_printf(to, "%s:", row->name);
    if (row->type == CONF_OBJECT) {
        buf_append_char(to, '\n');
        header = to->len;
        show_rows(s, row->sub, value, path, false, indent + INDENT, to);
        if (to->len == header)
            buf_truncate(to, before);
        return;
    }
    if (conf_is_none(row, value)) {
        buf_truncate(to, before);
        return;
    }
    if (says || !is_default(row, value, s->arena)) {
        show_value(s, row, value, path, indent, to);
        return;
    }
    if (!s->all) {
        buf_truncate(to, before);
        return;
    }
    header = to->len;
    show_value(s, row, value, path, indent, to);
    if (span_find(span_from(buf_span(to), header), '\n') == to->len - header - 1) {   /* one line: room for the remark */
        buf_truncate(to, to->len - 1);
        buf_append_str(to, "   # default\n");
    }
}

/* The short form of an object, "key: value": what its "*" row takes stands at the object's own place. */
static bool is_short(const struct show *s, const struct conf_key *rows, const char *path)
{
    const struct conf_node *n = s->overlay ? conf_node_at(s->marks, path) : NULL;

    return n != NULL && conf_row(rows, SPAN("*")) != NULL && n->kind != CONF_NODE_MAP && !conf_node_is_null(n);
}

static void show_rows(const struct show *s, const struct conf_key *rows, const void *base, const char *path, bool named, unsigned indent,
                      struct buf *to)
{
    const char *dot = path[0] != '\0' ? "." : "";
    const struct conf_key *star = conf_row(rows, SPAN("*"));
    bool is_star = is_short(s, rows, path);

    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        if (conf_is_star(r) || (named && strcmp(r->name, "name") == 0) || (is_star && r->at != star->at))
            continue;
        show_row(s, r, conf_slot_const(base, r), is_star ? path : arena_printf(s->arena, "%s%s%s", path, dot, r->name), indent, to);
    }
}

void conf_show(const struct conf_key *rows, const void *values, const struct conf_marks *marks, bool all, struct buf *to)
{
    struct arena *arena = arena_new(4096);
    const struct show s = { .marks = marks, .all = all, .secrets = true, .arena = arena };

    show_rows(&s, rows, values, "", false, 0, to);
    arena_free(&arena);
}

/* ---- what changed ---- */

static void changed_rows(const struct conf_key *rows, const char *old, const char *neu, enum conf_apply apply, const char *prefix,
                         struct arena *arena, struct buf *to)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        const char *path = arena_printf(arena, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", r->name);

        if (conf_is_star(r))
            continue;
        if (r->type == CONF_OBJECT)
            changed_rows(r->sub, old + r->at, neu + r->at, apply, path, arena, to);
        else if (r->apply == apply && !same_value(r, old + r->at, neu + r->at, arena))
            buf_printf(to, "%s%s", to->len > 0 ? ", " : "", path);
    }
}

void conf_changed(const struct conf_key *rows, const void *old, const void *neu, enum conf_apply apply, struct buf *to)
{
    struct arena *arena = arena_new(4096);

    changed_rows(rows, old, neu, apply, "", arena, to);
    arena_free(&arena);
}
