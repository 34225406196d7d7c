/* scan_gtube.c - the Generic Test for Unsolicited Bulk Email: a text that every spam filter refuses, to try one with.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/parts.h"
#include "cfilter/scanner.h"

/* In pieces, so that this file itself can be mailed. */
static const char gtube[] = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" "GTUBE-STANDARD-ANTI-" "UBE-TEST-EMAIL*C.34X";
#define POINTS 1000.0

static bool holds(span bytes)
{
    return span_find_span(bytes, span_of(gtube, sizeof gtube - 1)) < bytes.n;
}

static bool in_a_part(const struct mime_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        if (parts->v[i].encoded && holds(parts->v[i].bytes))
            return true;
    return false;
}

static void extract(struct view *v, struct facts *f)
{
    if (v->set->filter.spam.gtube && (holds(v->bytes) || in_a_part(view_parts(v))))
        facts_add(f, "gtube", FACT_SPAM, FACT_CLASS_NONE, POINTS, "GTUBE", "Generic Test for Unsolicited Bulk Email");
}

static int start(const struct settings *set, struct errtext *err)
{
    (void)set;
    (void)err;
    gmime_start();
    return 0;
}

const struct scanner scanner_gtube = { .name = "gtube", .holder_init = start, .extract = extract };
