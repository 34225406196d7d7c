/* conf_parse.c - walks the tree of a file along the table of rows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/conf/conf_walk.h"
#include "lib/conf/conf_yaml.h"

/* The way from the root to a value; text only when there is something to say. */
struct step {
    const struct step *up;
    span name;           /* p == NULL: the item `index` of a list */
    size_t index;
};

struct walk {
    const char *file;
    const struct conf_key *root;
    struct conf_errors *errors;
    struct conf_scalar_context scalar;
    bool good;
};

static void walk_value(struct walk *w, struct conf_node *n, const struct conf_key *row, void *value, const struct step *at);

static size_t step_text(const struct step *at, char *out, size_t size)
{
    size_t n = at->up != NULL ? step_text(at->up, out, size) : 0;
    int wrote = 0;

    if (n + 1 >= size)
        return n;
    if (at->name.p != NULL)
        wrote = snprintf(out + n, size - n, "%s%.*s", n > 0 ? "." : "", SPAN_ARG(at->name));
    else if (at->up != NULL)
        wrote = snprintf(out + n, size - n, "[%zu]", at->index);
    n += wrote > 0 ? (size_t)wrote : 0;
    return n < size ? n : size - 1;
}

__attribute__((format(printf, 4, 5))) static void complain(struct walk *w, struct conf_node *n, const struct step *at,
                                                            const char *fmt, ...)
{
    char path[512] = "", what[700];
    va_list ap;

    (void)step_text(at, path, sizeof(path));
    va_start(ap, fmt);
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
        what[0] = '\0';
    va_end(ap);
    w->good = false;
    if (n != NULL)
        n->bad = true;
    conf_errors_add(w->errors, w->file, n != NULL ? n->line : 0, n != NULL ? n->column : 0, path, "%s", what);
}

static const char *kind_words(const struct conf_node *n)
{
    return n->kind == CONF_NODE_LIST ? "a list" : n->kind == CONF_NODE_MAP ? "a mapping" : "a single value";
}

/* ---- defaults ---- */

size_t conf_value_size(const struct conf_key *row)
{
    if (row->type == CONF_LIST || row->type == CONF_NAMED)
        return sizeof(struct conf_list);
    if (row->type == CONF_NETS)
        return sizeof(struct conf_nets);
    return conf_type_is_list(row->type) ? sizeof(struct conf_strings) : conf_item_size(row->type);
}

/* The text of a default is written as in a file, so the same walk reads it.  A default that does not parse is a broken table. */
static void reset_rows(const struct conf_key *rows, void *base, bool named, struct arena *arena)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        if (!conf_is_star(r) && !(named && strcmp(r->name, "name") == 0))
            conf_reset(r, conf_slot(base, r), arena);
    }
}

static void reset_value(const struct conf_key *row, void *value, struct arena *arena)
{
    struct conf_errors *errors = conf_errors_new();
    struct walk w = { .file = row->name, .root = row, .errors = errors, .scalar = { arena, NULL }, .good = true };
    struct step at = { .name = span_str(row->name) };
    struct conf_node *n = NULL;

    memset(value, 0, conf_value_size(row));
    if (row->dflt != NULL && strcmp(row->dflt, "!") != 0) {
        struct conf_node scalar = { .kind = CONF_NODE_SCALAR, .text = span_str(row->dflt) };
        bool structured = conf_type_is_list(row->type) || row->type == CONF_LIST || row->type == CONF_NAMED;

        if (structured && !conf_yaml_parse(span_str(row->dflt), row->name, arena, errors, &n))
            w.good = false;
        walk_value(&w, n != NULL ? n : &scalar, row, value, &at);
    }
    if (!w.good) {
        fprintf(stderr, "broken table of settings: %s\n", conf_errors_at(errors, 0));
        abort();
    }
    conf_errors_free(&errors);
}

void conf_reset(const struct conf_key *row, void *value, struct arena *arena)
{
    if (row->type == CONF_OBJECT)
        reset_rows(row->sub, value, false, arena);
    else
        reset_value(row, value, arena);
}

/* ---- mappings ---- */

const struct conf_key *conf_row(const struct conf_key *rows, span name)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        if (span_eq(name, span_str(r->name)))
            return r;
    }
    return NULL;
}

bool conf_is_pair(const struct conf_key *sub)
{
    bool star = false;

    for (; sub->name != NULL; sub++) {
        if (conf_is_star(sub))
            star = true;
        else if (strcmp(sub->name, "name") != 0)
            return false;
    }
    return star;
}

/* Where a key of that name would be right: "policy.dnsbl"; false when nowhere. */
static bool find_elsewhere(const struct conf_key *rows, span name, char *out, size_t size)
{
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        size_t n = strlen(r->name);

        if (conf_is_star(r) || n + 2 > size)
            continue;
        memcpy(out, r->name, n + 1);
        if (span_eq(name, span_str(r->name)))
            return true;
        if (r->type == CONF_OBJECT) {
            out[n] = '.';
            if (find_elsewhere(r->sub, name, out + n + 1, size - n - 1))
                return true;
        }
    }
    return false;
}

static void unknown_key(struct walk *w, struct conf_node *n, const struct conf_key *rows, bool named, const struct step *at)
{
    const char *names[128];
    const char *near;
    char elsewhere[128];
    size_t count = 0;
    struct buf known;

    for (const struct conf_key *r = rows; r->name != NULL && count + 1 < sizeof(names) / sizeof(names[0]); r++) {
        if (!conf_is_star(r) && !(named && strcmp(r->name, "name") == 0))
            names[count++] = r->name;
    }
    names[count] = NULL;
    if ((near = conf_nearest(n->key, names)) != NULL) {
        complain(w, n, at, "unknown key (did you mean %s?)", near);
    } else if (find_elsewhere(w->root, n->key, elsewhere, sizeof(elsewhere))) {
        complain(w, n, at, "unknown key here (did you mean %s?)", elsewhere);
    } else {
        buf_init(&known, 400);
        for (size_t i = 0; i < count; i++)
            buf_printf(&known, "%s%s", i > 0 ? ", " : "", names[i]);
        complain(w, n, at, "unknown key (known here: %s)", buf_cstr(&known));
        buf_free(&known);
    }
}

/* map: NULL when the section was not written; where: the node that a missing key is reported at. */
static void walk_map(struct walk *w, struct conf_node *map, struct conf_node *where, const struct conf_key *rows,
                     void *base, bool named, const struct step *at)
{
    bool seen[128] = { false };

    reset_rows(rows, base, named, w->scalar.arena);
    for (struct conf_node *n = map != NULL ? map->first : NULL; n != NULL; n = n->next) {
        const struct conf_key *row = conf_row(rows, n->key);
        struct step here = { at, n->key.p != NULL ? n->key : SPAN(""), 0 };

        if (row == NULL || conf_is_star(row) || (named && span_eq(n->key, SPAN("name")))) {
            unknown_key(w, n, rows, named, &here);
            continue;
        }
        assert((size_t)(row - rows) < sizeof(seen));
        seen[row - rows] = true;
        walk_value(w, n, row, conf_slot(base, row), &here);
    }
    for (const struct conf_key *r = rows; r->name != NULL; r++) {
        struct step here = { at, span_str(r->name), 0 };

        if (r->dflt != NULL && strcmp(r->dflt, "!") == 0 && !seen[r - rows] && !(named && strcmp(r->name, "name") == 0))
            complain(w, where, &here, "must be given (%s)", conf_type_noun(r->type));
    }
}

/* The value of an object or of an entry: a mapping, or what its "*" row takes. */
static void walk_struct(struct walk *w, struct conf_node *n, const struct conf_key *rows, void *base, bool named,
                        const struct step *at)
{
    const struct conf_key *star = conf_row(rows, SPAN("*"));

    if (n->bad) {                    /* an alias */
        w->good = false;
    } else if (conf_node_is_null(n) && !conf_is_pair(rows)) {
        walk_map(w, NULL, n, rows, base, named, at);
    } else if (n->kind == CONF_NODE_MAP && !(star != NULL && conf_is_pair(rows))) {
        walk_map(w, n, n, rows, base, named, at);
    } else if (star != NULL) {
        reset_rows(rows, base, named, w->scalar.arena);
        walk_value(w, n, star, conf_slot(base, star), at);
    } else {
        complain(w, n, at, "must be %s, not %s", conf_type_noun(CONF_OBJECT), kind_words(n));
    }
}

/* ---- values ---- */

static void run_check(struct walk *w, struct conf_node *n, const struct conf_key *row, const void *value, const struct step *at)
{
    struct errtext err = { "" };

    if (row->check != NULL && row->check(value, &err) < 0)
        complain(w, n, at, "%s", err.text);
}

/* The list of n items, or of one where a single value stands. */
static struct conf_node *items_of(struct conf_node *n, size_t *count_out)
{
    if (n->kind == CONF_NODE_LIST) {
        *count_out = n->count;
        return n->first;
    }
    *count_out = 1;
    return n;
}

/* false, and said, when n is no scalar or an empty one. */
static bool want_scalar(struct walk *w, struct conf_node *n, enum conf_type t, const struct step *at)
{
    if (n->kind != CONF_NODE_SCALAR) {
        bool brackets = n->kind == CONF_NODE_LIST && n->count == 1 && n->first->kind == CONF_NODE_SCALAR && t == CONF_STRING;

        complain(w, n, at, "must be %s, not %s%s%.*s%s", conf_type_noun(t), kind_words(n), brackets ? " (if it is text, quote it: \"[" : "",
                 brackets ? (int)span_head(n->first->text, 40).n : 0, brackets ? n->first->text.p : "", brackets ? "]\")" : "");
        return false;
    }
    if (conf_node_is_null(n)) {
        complain(w, n, at, "has no value (write %s, or take the key out)", conf_type_noun(t));
        return false;
    }
    return true;
}

static void walk_scalar(struct walk *w, struct conf_node *n, enum conf_type t, const struct conf_key *row, void *value,
                        const struct step *at)
{
    struct errtext err = { "" };

    if (want_scalar(w, n, t, at) && conf_scalar_parse(t, row, n->text, &w->scalar, value, &err) < 0)
        complain(w, n, at, "%s", err.text);
}

/* CONF_STRINGS, CONF_NETS and their like: both structs are a pointer and a count. */
static void walk_scalars(struct walk *w, struct conf_node *n, const struct conf_key *row, void *value, const struct step *at)
{
    size_t count, size = conf_item_size(row->type), i = 0;
    struct conf_node *item;
    char *v;

    if (conf_node_is_null(n))        /* `domains:` with every item commented out */
        return;
    if (n->kind == CONF_NODE_MAP) {
        complain(w, n, at, "must be %s, not a mapping", conf_type_noun(row->type));
        return;
    }
    item = items_of(n, &count);
    v = arena_alloc(w->scalar.arena, count * size + 1);
    for (; i < count; item = item->next, i++) {
        struct step here = { at, { NULL, 0 }, i };

        walk_scalar(w, item, conf_item_type(row->type), row, v + i * size, n->kind == CONF_NODE_LIST ? &here : at);
    }
    if (row->type == CONF_NETS)
        *(struct conf_nets *)value = (struct conf_nets){ (const struct ipnet *)(void *)v, count };
    else
        *(struct conf_strings *)value = (struct conf_strings){ (const char *const *)(void *)v, count };
}

static void walk_list(struct walk *w, struct conf_node *n, const struct conf_key *row, void *value, const struct step *at)
{
    size_t count, i = 0;
    struct conf_node *item;
    char *v;

    if (conf_node_is_null(n))
        return;
    item = items_of(n, &count);
    v = arena_alloc(w->scalar.arena, count * row->sub_size + 1);
    for (; i < count; item = item->next, i++) {
        struct step here = { at, { NULL, 0 }, i };

        walk_struct(w, item, row->sub, v + i * row->sub_size, false, &here);
    }
    *(struct conf_list *)value = (struct conf_list){ v, count };
}

static void walk_named(struct walk *w, struct conf_node *n, const struct conf_key *row, void *value, const struct step *at)
{
    const struct conf_key *name = conf_row(row->sub, SPAN("name"));
    size_t i = 0;
    char *v;

    assert(name != NULL);
    if (conf_node_is_null(n))
        return;
    if (n->kind != CONF_NODE_MAP) {
        complain(w, n, at, "must be %s, not %s", conf_type_noun(CONF_NAMED), kind_words(n));
        return;
    }
    v = arena_alloc(w->scalar.arena, n->count * row->sub_size + 1);
    for (struct conf_node *item = n->first; item != NULL; item = item->next, i++) {
        struct step here = { at, item->key.p != NULL ? item->key : SPAN(""), 0 };
        void *base = v + i * row->sub_size;
        struct conf_node key = { .kind = CONF_NODE_SCALAR, .line = item->line, .column = item->column, .text = item->key };

        walk_value(w, &key, name, conf_slot(base, name), &here);
        walk_struct(w, item, row->sub, base, true, &here);
        item->bad = item->bad || key.bad;
    }
    *(struct conf_list *)value = (struct conf_list){ v, n->count };
}

static void walk_value(struct walk *w, struct conf_node *n, const struct conf_key *row, void *value, const struct step *at)
{
    bool good = w->good;

    if (n->bad) {                    /* an alias */
        w->good = false;
        return;
    }
    w->good = true;
    if (row->type == CONF_OBJECT)
        walk_struct(w, n, row->sub, value, false, at);
    else if (row->type == CONF_LIST)
        walk_list(w, n, row, value, at);
    else if (row->type == CONF_NAMED)
        walk_named(w, n, row, value, at);
    else if (conf_type_is_list(row->type))
        walk_scalars(w, n, row, value, at);
    else
        walk_scalar(w, n, row->type, row, value, at);
    if (w->good)                     /* a check sees whole values only */
        run_check(w, n, row, value, at);
    w->good = w->good && good;
}

/* ---- the whole file ---- */

/* Absolute, so that a path from the file means the same wherever it is opened. */
static const char *folder_of(const char *file, struct arena *arena)
{
    const char *slash = strrchr(file, '/');
    span given = slash != NULL ? span_of(file, (size_t)(slash - file)) : SPAN(".");
    const char *folder = slash == file ? "/" : arena_str(arena, given);
    char *real = realpath(folder, NULL);

    if (real != NULL)
        folder = arena_str(arena, span_str(real));
    free(real);
    return folder;
}

bool conf_parse(span text, const char *file, const struct conf_key *rows, void *out, struct arena *arena, struct conf_errors *errors,
                const struct conf_marks **marks_out)
{
    struct walk w = { .file = file, .root = rows, .errors = errors, .scalar = { arena, folder_of(file, arena) }, .good = true };
    size_t before = conf_errors_count(errors);
    struct conf_node *root = NULL;
    struct step top = { NULL, { NULL, 0 }, 0 };

    if (marks_out != NULL)
        *marks_out = NULL;
    if (!conf_yaml_parse(text, file, arena, errors, &root) && root == NULL)
        return false;
    if (marks_out != NULL) {
        struct conf_marks *m = arena_alloc(arena, sizeof(*m));

        *m = (struct conf_marks){ .file = arena_str(arena, span_str(file)), .text = arena_span(arena, text), .root = root };
        *marks_out = m;
    }
    if (root != NULL && root->kind != CONF_NODE_MAP && !conf_node_is_null(root))
        complain(&w, root, &top, "a configuration is a mapping (key: value), not %s", kind_words(root));
    else
        walk_map(&w, root != NULL && root->kind == CONF_NODE_MAP ? root : NULL, root, rows, out, false, &top);
    return conf_errors_count(errors) == before;
}
