/* stats.c - named counters and gauges of a daemon.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/stats.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"

/* One value; those of one name hang together, as the Prometheus text format wants it. */
struct sample {
    struct sample *next;
    char *label, *value;          /* NULL: none */
    uint64_t count;
};

struct family {
    struct family *next;
    char *name, *help;
    struct sample *first, **last;
    double (*read)(void *arg);    /* gauges */
    void *arg;
};

struct stats {
    char *prefix;                 /* "gatepost_policyd_" */
    struct map *families;         /* name -> struct family */
    struct map *samples;          /* name NUL label NUL value -> struct sample */
    struct family *first, **last;
};

struct stats *stats_new(const char *daemon)
{
    struct stats *s = xcalloc(1, sizeof *s);

    s->prefix = xasprintf("gatepost_%s_", daemon);
    s->families = map_new();
    s->samples = map_new();
    s->last = &s->first;
    return s;
}

static void family_free(struct family *f)
{
    struct sample *next;

    for (struct sample *p = f->first; p != NULL; p = next) {
        next = p->next;
        free(p->label);
        free(p->value);
        free(p);
    }
    free(f->name);
    free(f->help);
    free(f);
}

void stats_free(struct stats **sp)
{
    struct stats *s = *sp;
    struct family *next;

    *sp = NULL;
    if (s == NULL)
        return;
    for (struct family *f = s->first; f != NULL; f = next) {
        next = f->next;
        family_free(f);
    }
    map_free(&s->families, NULL);
    map_free(&s->samples, NULL);
    free(s->prefix);
    free(s);
}

static struct family *family_get(struct stats *s, const char *name, const char *help)
{
    struct family *f = map_get(s->families, span_str(name));

    if (f != NULL)
        return f;
    f = xcalloc(1, sizeof *f);
    f->name = xstrdup(name);
    f->help = xstrdup(help != NULL ? help : "");
    f->last = &f->first;
    *s->last = f;
    s->last = &f->next;
    map_put(s->families, span_str(name), f);
    return f;
}

uint64_t *stats_counter(struct stats *s, const char *name, const char *help, const char *label, const char *value)
{
    struct family *f = family_get(s, name, help);
    struct sample *p;
    char *key;
    size_t key_len;

    assert((label == NULL) == (value == NULL) && f->read == NULL);
    key = xasprintf("%s%c%s%c%s", name, '\0', label != NULL ? label : "", '\0', value != NULL ? value : "");
    key_len = strlen(name) + 2 + (label != NULL ? strlen(label) + strlen(value) : 0);
    p = map_get(s->samples, span_of(key, key_len));
    if (p == NULL) {
        p = xcalloc(1, sizeof *p);
        p->label = label != NULL ? xstrdup(label) : NULL;
        p->value = value != NULL ? xstrdup(value) : NULL;
        *f->last = p;
        f->last = &p->next;
        map_put(s->samples, span_of(key, key_len), p);
    }
    free(key);
    return &p->count;
}

void stats_gauge(struct stats *s, const char *name, const char *help, double (*read)(void *arg), void *arg)
{
    struct family *f = family_get(s, name, help);

    assert(f->first == NULL);
    f->read = read;
    f->arg = arg;
}

/* Prometheus' exposition format 0.0.4: a label value escapes backslash, quote and line feed; help the first and the last. */
static void put_escaped(struct buf *to, const char *text, bool quote_too)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n')
            buf_append_str(to, "\\n");
        else if (*p == '\\' || (quote_too && *p == '"'))
            buf_printf(to, "\\%c", *p);
        else
            buf_append_char(to, *p);
    }
}

static void print_head(const struct stats *s, const struct family *f, struct buf *to)
{
    buf_printf(to, "# HELP %s%s ", s->prefix, f->name);
    put_escaped(to, f->help, false);
    buf_printf(to, "\n# TYPE %s%s %s\n", s->prefix, f->name, f->read != NULL ? "gauge" : "counter");
}

static void print_gauge(const struct stats *s, const struct family *f, struct buf *to)
{
    double v = f->read(f->arg);

    if (isnan(v))
        buf_printf(to, "%s%s NaN\n", s->prefix, f->name);
    else
        buf_printf(to, "%s%s %.10g\n", s->prefix, f->name, v);
}

void stats_print(const struct stats *s, struct buf *to)
{
    for (const struct family *f = s->first; f != NULL; f = f->next) {
        print_head(s, f, to);
        if (f->read != NULL)
            print_gauge(s, f, to);
        for (const struct sample *p = f->first; p != NULL; p = p->next) {
            buf_printf(to, "%s%s", s->prefix, f->name);
            if (p->label != NULL) {
                buf_printf(to, "{%s=\"", p->label);
                put_escaped(to, p->value, true);
                buf_append_str(to, "\"}");
            }
            buf_printf(to, " %" PRIu64 "\n", p->count);
        }
    }
}
