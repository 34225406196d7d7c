/* default_settings.h - for tests that write their settings down: what the rows say of the rest.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_DEFAULT_SETTINGS_H
#define GATEPOST_TESTS_DEFAULT_SETTINGS_H

#include "lib/settings/settings.h"

static struct arena *default_arena;

/* "filter.unchecked" and all within it as if nothing had been written. */
__attribute__((unused)) static void default_of(struct settings *s, const char *path)
{
    const struct conf_key *rows = settings_rows;
    size_t at = 0;

    if (default_arena == NULL)
        default_arena = arena_new(4096);
    for (span rest = span_str(path), word; span_next(&rest, '.', &word);) {
        while (rows->name != NULL && !span_eq(word, span_str(rows->name)))
            rows++;
        if (rows->name == NULL)
            fail_msg("no key %s", path);
        at += rows->at;
        if (rest.n == 0)
            conf_reset(rows, (char *)s + at, default_arena);
        else
            rows = rows->sub;
    }
}

/* What becomes of each class, and the words for it. */
__attribute__((unused)) static void default_classes(struct settings *s)
{
    default_of(s, "filter.unchecked");
    default_of(s, "filter.mime.shapes");
    default_of(s, "filter.virus.heuristics");
    default_of(s, "replies");
}

__attribute__((unused)) static void default_end(void)
{
    arena_free(&default_arena);
}

#endif
