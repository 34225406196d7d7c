/* passed_over.c - files that libclamav does not look at as they are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/passed_over.h"

#include "cfilter/gap.h"

enum { LEADING = 256 };            /* gaps before the first file: more than libclamav reads to tell a kind by */

void passed_over_init(struct passed_over *p, size_t limit_bytes)
{
    size_t limit = limit_bytes < PASSED_OVER_BYTES_MAX ? limit_bytes : PASSED_OVER_BYTES_MAX;

    *p = (struct passed_over){ .room = limit };
    buf_init(&p->kept, limit + (LEADING + 1) * GAP.n);
    buf_init(&p->taken, limit + (LEADING + 1) * GAP.n);
}

void passed_over_free(struct passed_over *p)
{
    buf_free(&p->kept);
    buf_free(&p->taken);
}

/* "<!--" begins a line of JavaScript as well; a tag or "<!DOCTYPE" nothing but markup. */
static bool begins_as_markup(span file)
{
    if (span_starts(file, SPAN("\xef\xbb\xbf")))
        file = span_from(file, 3);
    file = span_trim(file);
    if (file.n < 2 || file.p[0] != '<')
        return false;
    char c = ascii_lower(file.p[1]);

    return (c >= 'a' && c <= 'z') || span_starts_nocase(file, SPAN("<!doctype"));
}

bool passed_over_is(const char *type, span file)
{
    if (type == NULL)
        return false;
    return strcmp(type, "CL_TYPE_IGNORED") == 0 || (strcmp(type, "CL_TYPE_HTML") == 0 && !begins_as_markup(file));
}

void passed_over_add(struct passed_over *p, span file)
{
    if (file.n > p->room || p->kept.len > p->room - file.n) {
        p->full = true;
        return;
    }
    for (int i = p->kept.len == 0 ? LEADING : 1; i > 0; i--)
        buf_append(&p->kept, GAP);
    buf_append(&p->kept, file);
}

/* A file that holds itself would come again and again. */
bool passed_over_take(struct passed_over *p, span *out)
{
    struct buf taken = p->kept;

    if (taken.len == 0)
        return false;
    if (p->rounds++ == PASSED_OVER_ROUNDS) {
        p->full = true;
        return false;
    }
    p->kept = p->taken;
    p->taken = taken;
    buf_reset(&p->kept);
    *out = buf_span(&p->taken);
    return true;
}

/* Gives the memory back: few messages have such files. */
void passed_over_reset(struct passed_over *p)
{
    buf_reset(&p->kept);
    buf_reset(&p->taken);
    buf_shrink(&p->kept);
    buf_shrink(&p->taken);
    p->rounds = 0;
    p->full = false;
}
