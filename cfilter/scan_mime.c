/* scan_mime.c - the parts that GMime finds, given to the virus engine where they differ from what libclamav found itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "cfilter/clamav.h"
#include "cfilter/mime/parts.h"
#include "cfilter/scanner.h"

#define NAME "gmime"
enum { ENGINE_CALLS_MAX = 32 };   /* a call costs milliseconds with a large database, whatever the size of the part */

static bool parser_wanted(const struct settings *set)
{
    for (size_t i = 0; i < set->filter.parsers.n; i++)
        if (strcmp(set->filter.parsers.v[i], NAME) == 0)
            return true;
    return false;
}

static bool virus_found(const struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind == FACT_VIRUS)
            return true;
    return false;
}

static void unchecked(struct facts *f, const char *what)
{
    char detail[FACT_DETAIL_MAX];

    snprintf(detail, sizeof detail, "GMime's reading: limit of %s", what);
    facts_add(f, NAME, FACT_UNCHECKED, FACT_CLASS_BUDGET, 0, "budget", detail);
}

static void extract(struct view *v, struct facts *f)
{
    if (!parser_wanted(v->set) || v->engine == NULL || virus_found(f))
        return;
    const struct mime_parts *parts = view_parts(v);
    size_t calls = 0;

    for (size_t i = 0; i < parts->n && !virus_found(f); i++) {
        if (parts->v[i].partial)   /* RFC 2046 5.2.2: the rest of it is in other messages */
            facts_add(f, NAME, FACT_UNCHECKED, FACT_CLASS_SHAPE, 0, "partial", "one piece of a message");
        if (calls == ENGINE_CALLS_MAX) {
            unchecked(f, "parts to scan");
            return;
        }
        calls += clamav_scan_part(v->engine, parts->v[i].bytes, parts->v[i].text, NAME, f);
    }
    if (parts->limit != NULL)
        unchecked(f, parts->limit);
}

static int start(const struct settings *set, struct errtext *err)
{
    (void)set;
    (void)err;
    gmime_start();
    return 0;
}

const struct scanner scanner_mime = { .name = NAME, .is_virus = true, .holder_init = start, .extract = extract };
