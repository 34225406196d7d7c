/* conf_errors.c - the messages of one configuration file, in the order of their lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/conf/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/conf/conf_yaml.h"

enum { ERRORS_MAX = 500, PATH_MAX_TEXT = 512 };

struct conf_error {
    char *text;
    size_t line, column;
};

struct conf_errors {
    struct conf_error *v;
    size_t n, cap;
    size_t more;       /* beyond ERRORS_MAX: only counted */
    char last[64];
};

struct conf_errors *conf_errors_new(void)
{
    return xcalloc(1, sizeof(struct conf_errors));
}

void conf_errors_free(struct conf_errors **e)
{
    if (e == NULL || *e == NULL)
        return;
    for (size_t i = 0; i < (*e)->n; i++)
        free((*e)->v[i].text);
    free((*e)->v);
    free(*e);
    *e = NULL;
}

size_t conf_errors_count(const struct conf_errors *e)
{
    return e->n + (e->more > 0 ? 1 : 0);
}

const char *conf_errors_at(const struct conf_errors *e, size_t i)
{
    if (i < e->n)
        return e->v[i].text;
    return e->more > 0 && i == e->n ? e->last : NULL;
}

/* What has no line of its own (a missing section, an unreadable file) comes last. */
static bool comes_before(size_t line, size_t column, const struct conf_error *other)
{
    if (line == 0 || other->line == 0)
        return line != 0 && other->line == 0;
    return line != other->line ? line < other->line : column < other->column;
}

static void errors_insert(struct conf_errors *e, struct conf_error new_error)
{
    size_t at = e->n;

    if (e->n == e->cap) {
        e->cap = e->cap != 0 ? 2 * e->cap : 8;
        e->v = xreallocarray(e->v, e->cap, sizeof(e->v[0]));
    }
    while (at > 0 && comes_before(new_error.line, new_error.column, &e->v[at - 1])) {
        e->v[at] = e->v[at - 1];
        at--;
    }
    e->v[at] = new_error;
    e->n++;
}

static void errors_vadd(struct conf_errors *e, const char *file, size_t line, size_t column, const char *key, const char *fmt,
                        va_list ap)
{
    char what[1024];
    const char *colon = key != NULL && key[0] != '\0' ? ": " : "";
    const char *name = key != NULL ? key : "";
    char *text;

    if (e->n == ERRORS_MAX) {
        e->more++;
        snprintf(e->last, sizeof(e->last), "... and %zu more", e->more);
        return;
    }
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
        what[0] = '\0';
    if (line != 0)
        text = xasprintf("%s:%zu:%zu: %s%s%s", file, line, column, name, colon, what);
    else
        text = xasprintf("%s: %s%s%s", file, name, colon, what);
    errors_insert(e, (struct conf_error){ text, line, column });
}

void conf_errors_add(struct conf_errors *e, const char *file, size_t line, size_t column, const char *key, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    errors_vadd(e, file, line, column, key, fmt, ap);
    va_end(ap);
}

/* Cuts the last step off a path: "a.b[1].c" -> "a.b[1]" -> "a.b" -> "a" -> "". */
static void path_cut(char *path)
{
    size_t n = strlen(path);

    while (n > 0 && path[n - 1] != '.' && path[n - 1] != '[')
        n--;
    path[n > 0 ? n - 1 : 0] = '\0';
}

void conf_errors_add_at(struct conf_errors *e, const struct conf_marks *marks, const char *key_path, const char *fmt, ...)
{
    char around[PATH_MAX_TEXT];
    size_t line = 0, column = 0;
    va_list ap;

    snprintf(around, sizeof(around), "%s", key_path);
    while (!conf_where(marks, around, &line, &column) && around[0] != '\0')
        path_cut(around);
    va_start(ap, fmt);
    errors_vadd(e, marks != NULL ? marks->file : "configuration", line, column, key_path, fmt, ap);
    va_end(ap);
}
