/* verdict_tell.c - the words that a verdict puts into header fields, log and events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/verdict_tell.h"

#include <math.h>
#include <stdio.h>

void verdict_stars(double score, char stars[51])
{
    int n = score < 0 ? 0 : score > 50 ? 50 : (int)score;

    memset(stars, '*', (size_t)n);
    stars[n] = '\0';
}

static void put_number(struct buf *to, double v)
{
    char text[32];
    size_t n = (size_t)snprintf(text, sizeof(text), "%.2f", v);

    while (n > 1 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 1 && text[n - 1] == '.')
        text[--n] = '\0';
    buf_append_str(to, strcmp(text, "-0") == 0 ? "0" : text);
}

void verdict_hits(const struct verdict *v, struct buf *to)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct verdict_reason *r = &v->reasons[i];

        if (i > 0)
            buf_append_char(to, ',');
        buf_printf(to, "%s:%s", r->scanner, r->name);
        if (r->klass[0] != '\0')
            buf_printf(to, "(%s%s%s)", strcmp(r->klass, r->name) != 0 ? r->klass : "", strcmp(r->klass, r->name) != 0 ? ":" : "", r->does);
        if (r->points < 0 || r->points > 0) {
            buf_append_char(to, ':');
            put_number(to, r->points);
        }
    }
}

/* " (A, B)": what a scanner says of its own rules; a blank after each comma lets the field fold. */
static void put_detail(struct buf *to, const struct verdict_reason *r)
{
    if (r->kind != FACT_SPAM || r->detail[0] == '\0')
        return;
    buf_append_str(to, " (");
    for (const char *p = r->detail; *p != '\0'; p++)
        buf_append_str(to, *p == ',' && p[1] != ' ' ? ", " : (char[]){ *p, '\0' });
    buf_append_char(to, ')');
}

bool verdict_report(const struct verdict *v, struct buf *to)
{
    bool tagged = v->action == VERDICT_TAG;

    if (!tagged && v->n_failures == 0)
        return false;
    if (v->scored) {
        buf_append_str(to, "score=");
        put_number(to, v->score);
    }
    if (tagged && v->n > 0) {
        /* A blank after each comma lets the field fold. */
        buf_append_str(to, to->len > 0 ? " hits=" : "hits=");
        for (size_t i = 0; i < v->n; i++) {
            const struct verdict_reason *r = &v->reasons[i];

            buf_printf(to, "%s%s", i > 0 ? ", " : "", r->name);
            if (r->points < 0 || r->points > 0) {
                buf_append_char(to, ':');
                put_number(to, r->points);
            }
            put_detail(to, r);
        }
    }
    if (tagged && v->cause != CAUSE_SPAM)
        buf_printf(to, "%s%s=%s", to->len > 0 ? " " : "", verdict_cause_name(v->cause), v->name);
    for (size_t i = 0; i < v->n_failures; i++)
        buf_printf(to, "%swithout=%s (%s)", to->len > 0 ? " " : "", v->failures[i].scanner, v->failures[i].why);
    return to->len > 0;
}
