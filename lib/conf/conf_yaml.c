/* conf_yaml.c - YAML text to nodes: libyaml's events, our limits, and messages with a place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf_yaml.h"

#include <assert.h>
#include <stdio.h>
#include <yaml.h>

#include "lib/base/map.h"

/* A collection that is open while events come in. */
struct level {
    struct conf_node *node;
    struct map *keys;                /* of a mapping: key -> first node */
    bool have_key;                   /* the next value belongs to `key` */
    bool drop;                       /* ... and is thrown away: its key was not usable */
    span key;
    size_t key_line, key_column;
};

struct build {
    yaml_parser_t parser;
    span text;
    const char *file;
    struct arena *arena;
    struct conf_errors *errors;
    struct level levels[CONF_MAX_DEPTH];
    size_t depth;
    size_t nodes;
    size_t documents;
    struct conf_node *root;
    bool good;                       /* no error yet */
    bool stop;
};

static void complain(struct build *b, size_t line, size_t column, const char *what)
{
    b->good = false;
    conf_errors_add(b->errors, b->file, line, column, NULL, "%s", what);
}

static void complain_mark(struct build *b, yaml_mark_t mark, const char *what)
{
    complain(b, mark.line + 1, mark.column + 1, what);
}

/* The rest of the text from a line and column (both from 0), for a look at what libyaml stumbled over. */
static span text_at(span text, size_t line, size_t column)
{
    size_t at = 0;

    while (line > 0 && at < text.n) {
        if (text.p[at++] == '\n')
            line--;
    }
    while (column > 0 && at < text.n) {
        at++;
        while (at < text.n && ((unsigned char)text.p[at] & 0xC0) == 0x80)   /* the rest of one UTF-8 character */
            at++;
        column--;
    }
    return span_from(text, at);
}

/* Line and column (from 1) of a byte. */
static void place_of_byte(span text, size_t at, size_t *line_out, size_t *column_out)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text.p[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    *line_out = line;
    *column_out = column;
}

static bool line_is_indented_by_tab(span text, size_t line)
{
    span rest = text_at(text, line, 0);

    for (size_t i = 0; i < rest.n && (rest.p[i] == ' ' || rest.p[i] == '\t'); i++) {
        if (rest.p[i] == '\t')
            return true;
    }
    return false;
}

static void syntax_error(struct build *b)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem != NULL ? p->problem : "not readable as YAML";
    const char *hint = "";
    size_t line = p->problem_mark.line, column = p->problem_mark.column;
    char what[256];
    span rest;

    if (p->error == YAML_MEMORY_ERROR) {
        complain(b, 0, 0, "not enough memory to read it");
        return;
    }
    if (p->error == YAML_READER_ERROR) {   /* has an offset in bytes, no mark */
        place_of_byte(b->text, p->problem_offset, &line, &column);
        snprintf(what, sizeof(what), "not readable as UTF-8 text: %s", problem);
        complain(b, line, column, what);
        return;
    }
    rest = text_at(b->text, line, column);
    if (line_is_indented_by_tab(b->text, line) || span_starts(rest, SPAN("\t")))
        hint = " (indent with spaces, never with tabs)";
    else if (rest.n > 0 && strchr("@`%*&!|>", rest.p[0]) != NULL)
        hint = " (put the value in quotes)";
    else if (strstr(problem, "mapping values are not allowed") != NULL)
        hint = " (a value with \": \" needs quotes; else look at the indentation)";
    snprintf(what, sizeof(what), "YAML: %s%s%s%s", p->context != NULL ? p->context : "", p->context != NULL ? ", " : "", problem, hint);
    complain(b, line + 1, column + 1, what);
}

static struct conf_node *node_new(struct build *b, enum conf_node_kind kind, yaml_mark_t mark)
{
    struct conf_node *n;

    if (b->nodes++ >= CONF_MAX_NODES) {
        complain_mark(b, mark, "too many values in one file (long lists belong in files of their own)");
        b->stop = true;
    }
    n = arena_alloc(b->arena, sizeof(*n));
    n->kind = kind;
    n->line = mark.line + 1;
    n->column = mark.column + 1;
    n->value_line = n->line;
    n->value_column = n->column;
    return n;
}

/* Hangs a new node where it belongs. */
static void attach(struct build *b, struct conf_node *n)
{
    struct level *up;
    struct conf_node *parent;

    if (b->depth == 0) {
        b->root = n;
        return;
    }
    up = &b->levels[b->depth - 1];
    parent = up->node;
    if (parent->kind == CONF_NODE_MAP) {
        n->key = up->key;
        n->line = up->key_line;
        n->column = up->key_column;
        up->have_key = false;
        if (up->drop)
            return;
        (void)map_put(up->keys, n->key, n);
    }
    if (parent->last != NULL)
        parent->last->next = n;
    else
        parent->first = n;
    parent->last = n;
    parent->count++;
}

static bool expects_key(const struct build *b)
{
    const struct level *top = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;

    return top != NULL && top->node->kind == CONF_NODE_MAP && !top->have_key;
}

/* The key about to be filled, as "policy.dnsbl[1].zone". */
static const char *open_path(const struct build *b, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < b->depth && n < size; i++) {
        const struct level *l = &b->levels[i];
        int wrote;

        if (l->node->kind == CONF_NODE_MAP)
            wrote = snprintf(out + n, size - n, "%s%.*s", n > 0 ? "." : "", SPAN_ARG(l->key));
        else
            wrote = snprintf(out + n, size - n, "[%zu]", l->node->count > 0 ? l->node->count - 1 : 0);
        n += wrote > 0 ? (size_t)wrote : 0;
    }
    return out;
}

static void take_key(struct build *b, span key, yaml_mark_t mark)
{
    struct level *top = &b->levels[b->depth - 1];
    const struct conf_node *before;
    char path[256];

    top->have_key = true;
    top->drop = false;
    top->key = arena_span(b->arena, key);
    top->key_line = mark.line + 1;
    top->key_column = mark.column + 1;
    if ((before = map_get(top->keys, key)) != NULL) {
        b->good = false;
        conf_errors_add(b->errors, b->file, mark.line + 1, mark.column + 1, open_path(b, path, sizeof(path)),
                        "written twice (first in line %zu)", before->line);
        top->drop = true;
    }
}

static void refuse_properties(struct build *b, const yaml_char_t *anchor, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (anchor != NULL)
        complain_mark(b, mark, "anchors (&name) are not used here (write the value out; text that begins with & needs quotes)");
    if (tag != NULL)
        complain_mark(b, mark, "tags (!name) are not used here (text that begins with ! needs quotes)");
}

static void on_scalar(struct build *b, const yaml_event_t *ev)
{
    span text = { (const char *)ev->data.scalar.value, ev->data.scalar.length };
    struct conf_node *n;

    refuse_properties(b, ev->data.scalar.anchor, ev->data.scalar.tag, ev->start_mark);
    if (span_find(text, '\0') < text.n) {
        complain_mark(b, ev->start_mark, "holds a NUL byte");
        text = span_head(text, span_find(text, '\0'));
    }
    if (expects_key(b)) {
        take_key(b, text, ev->start_mark);
        return;
    }
    n = node_new(b, CONF_NODE_SCALAR, ev->start_mark);
    n->text = span_of(arena_str(b->arena, text), text.n);
    n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    attach(b, n);
}

static void on_alias(struct build *b, const yaml_event_t *ev)
{
    struct conf_node *n;

    complain_mark(b, ev->start_mark, "aliases (*name) are not used here (write the value out; text that begins with * needs quotes)");
    if (expects_key(b)) {
        take_key(b, span_str((const char *)ev->data.alias.anchor), ev->start_mark);
        b->levels[b->depth - 1].drop = true;
        return;
    }
    n = node_new(b, CONF_NODE_SCALAR, ev->start_mark);
    n->bad = true;
    attach(b, n);
}

static void on_open(struct build *b, enum conf_node_kind kind, yaml_mark_t mark)
{
    struct conf_node *n;

    if (b->depth == CONF_MAX_DEPTH) {
        complain_mark(b, mark, "nested too deeply");
        b->stop = true;
        return;
    }
    if (expects_key(b)) {   /* a list or mapping as a key: the value that follows goes with it */
        complain_mark(b, mark, "a list or mapping cannot be a key (is a quote or a colon missing?)");
        b->stop = true;
        return;
    }
    n = node_new(b, kind, mark);
    attach(b, n);
    b->levels[b->depth++] = (struct level){ .node = n, .keys = kind == CONF_NODE_MAP ? map_new() : NULL };
}

static void on_close(struct build *b)
{
    assert(b->depth > 0);
    map_free(&b->levels[--b->depth].keys, NULL);
}

/* One event; false at the end of the stream. */
static bool on_event(struct build *b, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ > 0) {
            complain_mark(b, ev->start_mark, "a second document begins here (a configuration is one)");
            b->stop = true;
        }
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(b, ev);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(b, ev);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(b, ev->data.sequence_start.anchor, ev->data.sequence_start.tag, ev->start_mark);
        on_open(b, CONF_NODE_LIST, ev->start_mark);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_properties(b, ev->data.mapping_start.anchor, ev->data.mapping_start.tag, ev->start_mark);
        on_open(b, CONF_NODE_MAP, ev->start_mark);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(b);
        break;
    case YAML_STREAM_END_EVENT:
        return false;
    default:
        break;
    }
    return !b->stop;
}

/* false: not YAML from some place on. */
static bool build_run(struct build *b)
{
    yaml_event_t ev;
    bool more = true;

    while (more) {
        if (!yaml_parser_parse(&b->parser, &ev)) {
            syntax_error(b);
            return false;
        }
        more = on_event(b, &ev);
        yaml_event_delete(&ev);
    }
    return !b->stop;
}

/* What libyaml would report late or without a place. */
static bool text_is_usable(struct build *b)
{
    size_t nul = span_find(b->text, '\0'), line, column;

    if (b->text.n > CONF_MAX_BYTES) {
        complain(b, 0, 0, "larger than 1 MB (long lists belong in files of their own)");
        return false;
    }
    if (nul < b->text.n) {
        place_of_byte(b->text, nul, &line, &column);
        complain(b, line, column, "holds a NUL byte");
        return false;
    }
    return true;
}

bool conf_yaml_parse(span text, const char *file, struct arena *arena, struct conf_errors *errors, struct conf_node **root_out)
{
    struct build b = { .text = text, .file = file, .arena = arena, .errors = errors, .good = true };

    *root_out = NULL;
    if (!text_is_usable(&b))
        return false;
    if (!yaml_parser_initialize(&b.parser)) {
        complain(&b, 0, 0, "not enough memory to read it");
        return false;
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.p != NULL ? text.p : ""), text.n);
    if (build_run(&b))
        *root_out = b.root;
    while (b.depth > 0)
        on_close(&b);
    yaml_parser_delete(&b.parser);
    return b.good;
}

bool conf_node_is_null(const struct conf_node *n)
{
    return n->kind == CONF_NODE_SCALAR && n->plain &&
           (n->text.n == 0 || span_eq(n->text, SPAN("~")) || span_eq_nocase(n->text, SPAN("null")));
}
