/* accepted.c - removals that a person accepted at the leader.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/accepted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/span.h"

void accepted_add(struct accepted *a, uint64_t removed_digest, bool by_person)
{
    if (a->n == ACCEPTED_KEPT)
        memmove(&a->removal[0], &a->removal[1], --a->n * sizeof(a->removal[0]));
    a->removal[a->n].digest = removed_digest;
    a->removal[a->n++].accepted = by_person;
}

void accepted_write(const struct accepted *a, char out[ACCEPTED_TEXT])
{
    uint64_t sum = 0;
    bool any = false;
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = a->n; i-- > 0;) {
        sum += a->removal[i].digest;
        any = any || a->removal[i].accepted;
        if (any)
            len += (size_t)snprintf(out + len, ACCEPTED_TEXT - len, "%s%016" PRIx64, len > 0 ? "," : "", sum);
    }
}

bool accepted_has(const char *text, uint64_t removed_digest)
{
    char wanted[17];
    span rest = span_str(text), one;

    snprintf(wanted, sizeof(wanted), "%016" PRIx64, removed_digest);
    while (span_next(&rest, ',', &one)) {
        if (span_eq(one, span_str(wanted)))
            return true;
    }
    return false;
}
