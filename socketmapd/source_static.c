/* source_static.c - recipients that are written down: in the configuration or in files.
 *
 * A file has one entry a line: "user@example.com" or "@example.com" (every local-part of that domain); a "#" begins a
 * comment, empty lines are nothing.  Anything else is an error with file and line, and the configuration is not taken.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "lib/proto/mailbox.h"
#include "socketmapd/address.h"
#include "socketmapd/source.h"

struct static_list {
    struct map *entries;      /* folded address or "@domain" -> text of where it stands */
    bool fold_local_part;
};

static bool static_wanted(const struct set_recipient_source *set)
{
    return set->servers.n == 0 && (set->addresses.n > 0 || set->files.n > 0);
}

static int add_entry(struct static_list *list, span entry, const char *where, struct errtext *err)
{
    char key[ADDRESS_MAX];
    span folded;

    if (!address_fold_entry(entry, list->fold_local_part, key, &folded)) {
        errtext_set(err, "%s: \"%.*s\" is neither user@domain nor @domain", where, SPAN_ARG(span_head(entry, 100)));
        return -1;
    }
    free(map_put(list->entries, folded, xstrdup(where)));
    return 0;
}

static int add_line(struct static_list *list, const char *path, size_t line_no, span line, struct errtext *err)
{
    char where[512];

    line = span_trim(span_head(line, span_find(line, '#')));
    if (line.n == 0)
        return 0;
    snprintf(where, sizeof(where), "%s:%zu", path, line_no);
    return add_entry(list, line, where, err);
}

static int read_file(struct static_list *list, const char *path, struct errtext *err)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0, line_no = 0;
    ssize_t got;
    int r = 0;

    if (f == NULL) {
        errtext_errno(err, "%s cannot be read", path);
        return -1;
    }
    while (r == 0 && (got = getline(&line, &size, f)) >= 0)
        r = add_line(list, path, ++line_no, span_of(line, (size_t)got), err);
    if (r == 0 && ferror(f)) {
        errtext_errno(err, "%s cannot be read to its end", path);
        r = -1;
    }
    free(line);
    fclose(f);
    return r;
}

static void static_close(void *state)
{
    struct static_list *list = state;

    map_free(&list->entries, free);
    free(list);
}

static void *static_open(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    struct static_list *list = xcalloc(1, sizeof(*list));
    int r = 0;

    list->entries = map_new();
    list->fold_local_part = env->all->recipients.fold_local_part;
    for (size_t i = 0; r == 0 && i < set->addresses.n; i++)
        r = add_entry(list, span_str(set->addresses.v[i]), "the configuration", err);
    for (size_t i = 0; r == 0 && i < set->files.n; i++)
        r = read_file(list, set->files.v[i], err);
    if (r != 0) {
        static_close(list);
        return NULL;
    }
    return list;
}

static bool static_peek(void *state, span address, struct source_result *out)
{
    const struct static_list *list = state;
    const char *where = map_get(list->entries, address);
    size_t at = span_rfind(address, '@');

    if (where == NULL && at < address.n)
        where = map_get(list->entries, span_from(address, at));
    *out = (struct source_result){ .answer = where != NULL ? RCPT_VALID : RCPT_INVALID, .detail = where != NULL ? where : "not in the list" };
    return true;
}

const struct source_type source_static = {
    .name = "static", .wanted = static_wanted, .open = static_open, .close = static_close, .peek = static_peek,
};
