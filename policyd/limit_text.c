/* limit_text.c - what a sender is told about a limit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_text.h"

#include <stdio.h>
#include <time.h>

enum { DEFAULT_RETRY_S = 60, TEXT_MAX = 1000 };

/* RFC 5322 3.3, by the clock of this host. */
static void say_time(struct buf *to, int64_t wall_ms)
{
    time_t at = (time_t)((wall_ms + 999) / 1000);
    char text[64];
    struct tm tm;

    if (localtime_r(&at, &tm) != NULL && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &tm) > 0)
        buf_append_str(to, text);
}

static void fill(const char *text, int64_t retry_s, int64_t wall_ms, struct buf *to)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (p[0] == '%' && p[1] == 'r')
            buf_printf(to, "%lld", (long long)retry_s);
        else if (p[0] == '%' && p[1] == 'T')
            say_time(to, wall_ms + retry_s * 1000);
        else {
            buf_append_char(to, *p);
            continue;
        }
        p++;
    }
}

const char *limit_text(const struct limit_rule *rule, int64_t retry_ms, int64_t wall_ms, struct arena *arena)
{
    int64_t retry_s = retry_ms > 0 ? (retry_ms + 999) / 1000 : DEFAULT_RETRY_S;
    const char *text = rule->set->text;
    const char *filled;
    struct buf words;

    if (text == NULL || text[0] == '\0' || rule->set->action == LIMIT_PREPEND)
        return arena_printf(arena, "Rate limit %s exceeded, try again in %lld seconds", rule->set->name, (long long)retry_s);
    if (strchr(text, '%') == NULL)
        return text;
    buf_init(&words, TEXT_MAX);
    fill(text, retry_s, wall_ms, &words);
    filled = arena_str(arena, buf_span(&words));
    buf_free(&words);
    return filled;
}

const char *limit_header(const struct limit_rule *rule, struct arena *arena)
{
    if (rule->set->text != NULL && rule->set->text[0] != '\0')
        return rule->set->text;
    return arena_printf(arena, "X-Rate-Limit: %s exceeded", rule->set->name);
}
