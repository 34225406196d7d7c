/* passed_over.c - files that libclamav takes for harmless by their first bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/passed_over.h"

#include <stdlib.h>

#include "lib/base/alloc.h"

/* No kind of file begins so. */
static const span before = { "\n\1\0\0\2\0\0\n", 8 };

bool passed_over_is(const char *type)
{
    return type != NULL && strcmp(type, "CL_TYPE_IGNORED") == 0;
}

void passed_over_add(struct passed_over *p, span file)
{
    if (p->n == PASSED_OVER_FILES || file.n > PASSED_OVER_BYTES - p->total) {
        p->full = true;
        return;
    }
    char *bytes = xmalloc(before.n + file.n);

    memcpy(bytes, before.p, before.n);
    memcpy(bytes + before.n, file.p, file.n);
    p->v[p->n].bytes = bytes;
    p->v[p->n++].n = before.n + file.n;
    p->total += file.n;
}

bool passed_over_next(struct passed_over *p, span *out)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].n > 0) {
            *out = span_of(p->v[i].bytes, p->v[i].n);
            p->v[i].n = 0;
            return true;
        }
    return false;
}

void passed_over_reset(struct passed_over *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i].bytes);
    p->n = p->total = 0;
    p->full = false;
}
