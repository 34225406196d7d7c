/* rcpt_override.c - recipients that a person says are there, or are not.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/rcpt_override.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "socketmapd/address.h"

struct rcpt_overrides {
    struct loop *loop;
    struct map *written, *said;      /* address or "@domain" -> struct entry: of the configuration, of gatepostctl */
    char *path;
};

struct entry {
    enum rcpt_override what;
    int64_t until_s;                 /* 0: for good */
};

static const char *const words[] = { [OVERRIDE_ALWAYS] = "always", [OVERRIDE_NEVER] = "never" };

static void put(struct map *m, span address, enum rcpt_override what, int64_t until_s)
{
    struct entry *e = xcalloc(1, sizeof(*e));

    e->what = what;
    e->until_s = until_s;
    free(map_put(m, address, e));
}

/* ---- the file ---- */

static bool read_line(struct rcpt_overrides *o, span line)
{
    span word, until;
    uint64_t until_s;
    enum rcpt_override what;

    if (!span_next(&line, ' ', &word) || !span_next(&line, ' ', &until) || !span_to_u64(until, &until_s) || line.n == 0)
        return false;
    if (span_eq(word, span_str(words[OVERRIDE_ALWAYS])))
        what = OVERRIDE_ALWAYS;
    else if (span_eq(word, span_str(words[OVERRIDE_NEVER])))
        what = OVERRIDE_NEVER;
    else
        return false;
    put(o->said, line, what, (int64_t)until_s);
    return true;
}

static void read_file(struct rcpt_overrides *o, struct errtext *err)
{
    FILE *f = fopen(o->path, "re");
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t n;

    if (f == NULL) {
        if (errno != ENOENT)
            errtext_errno(err, "%s", o->path);
        return;
    }
    while ((n = getline(&line, &size, f)) > 0) {
        number++;
        if (!read_line(o, span_trim(span_of(line, (size_t)n))))
            errtext_set(err, "%s:%zu: is no \"always|never UNTIL ADDRESS\"", o->path, number);
    }
    free(line);
    fclose(f);
}

static bool write_one(span address, void *value, void *arg)
{
    const struct entry *e = value;

    return fprintf(arg, "%s %lld %.*s\n", words[e->what], (long long)e->until_s, SPAN_ARG(address)) > 0;
}

static int write_file(const struct rcpt_overrides *o, struct errtext *err)
{
    char *beside = xasprintf("%s.new", o->path), *folder = xspandup(span_head(span_str(o->path), span_rfind(span_str(o->path), '/')));
    FILE *f;
    int r = -1;

    mkdir(folder, 0750);
    if ((f = fopen(beside, "we")) != NULL) {
        map_each(o->said, write_one, f);
        r = ferror(f) != 0 ? -1 : 0;
        r = fclose(f) == 0 && r == 0 && rename(beside, o->path) == 0 ? 0 : -1;
    }
    if (r != 0)
        errtext_errno(err, "%s", beside);
    free(folder);
    free(beside);
    return r;
}

/* ---- both ---- */

static void take_written(struct rcpt_overrides *o, const struct settings *set, const struct conf_strings *list, enum rcpt_override what)
{
    for (size_t i = 0; i < list->n; i++) {
        char key[ADDRESS_MAX];
        span folded;

        if (address_fold_entry(span_str(list->v[i]), set->recipients.fold_local_part, key, &folded))
            put(o->written, folded, what, 0);
    }
}

struct rcpt_overrides *rcpt_overrides_open(struct loop *l, const struct settings *set, struct errtext *err)
{
    struct rcpt_overrides *o = xcalloc(1, sizeof(*o));

    o->loop = l;
    o->written = map_new();
    o->said = map_new();
    o->path = xasprintf("%s/recipients/overrides", set->process.state_directory);
    take_written(o, set, &set->recipients.always, OVERRIDE_ALWAYS);
    take_written(o, set, &set->recipients.never, OVERRIDE_NEVER);
    read_file(o, err);
    return o;
}

void rcpt_overrides_close(struct rcpt_overrides **o)
{
    if (*o == NULL)
        return;
    map_free(&(*o)->written, free);
    map_free(&(*o)->said, free);
    free((*o)->path);
    free(*o);
    *o = NULL;
}

static enum rcpt_override find(const struct rcpt_overrides *o, const struct map *m, span key)
{
    const struct entry *e = map_get(m, key);

    return e != NULL && (e->until_s == 0 || e->until_s > loop_wall_ms(o->loop) / 1000) ? e->what : OVERRIDE_NONE;
}

enum rcpt_override rcpt_override_of(const struct rcpt_overrides *o, span address, span domain, const char **by_out)
{
    span at_domain = span_from(address, address.n - domain.n - 1);
    enum rcpt_override what;

    if (map_count(o->said) > 0 && (what = find(o, o->said, address)) != OVERRIDE_NONE) {
        *by_out = what == OVERRIDE_ALWAYS ? "gatepostctl recipient add" : "gatepostctl recipient deny";
        return what;
    }
    if (map_count(o->written) == 0)
        return OVERRIDE_NONE;
    if ((what = find(o, o->written, address)) == OVERRIDE_NONE)
        what = find(o, o->written, at_domain);
    *by_out = what == OVERRIDE_ALWAYS ? "recipients.always" : "recipients.never";
    return what;
}

int rcpt_override_set(struct rcpt_overrides *o, span address, enum rcpt_override what, int64_t for_ms, struct errtext *err)
{
    if (what == OVERRIDE_NONE)
        free(map_remove(o->said, address));
    else
        put(o->said, address, what, for_ms > 0 ? (loop_wall_ms(o->loop) + for_ms) / 1000 : 0);
    return write_file(o, err);
}

struct listing { const struct rcpt_overrides *o; struct buf *to; };

static bool list_one(span address, void *value, void *arg)
{
    const struct listing *l = arg;
    const struct entry *e = value;
    int64_t now_s = loop_wall_ms(l->o->loop) / 1000;

    if (e->until_s != 0 && e->until_s <= now_s)
        return true;
    buf_printf(l->to, "%s %.*s", words[e->what], SPAN_ARG(address));
    if (e->until_s != 0)
        buf_printf(l->to, " (for %llds more)", (long long)(e->until_s - now_s));
    buf_append_char(l->to, '\n');
    return true;
}

void rcpt_overrides_list(const struct rcpt_overrides *o, struct buf *to)
{
    map_each(o->written, list_one, &(struct listing){ o, to });
    map_each(o->said, list_one, &(struct listing){ o, to });
}
