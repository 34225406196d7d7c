/* fuzz_mailbox.c - quoting and unquoting are inverse, folding is stable, splits keep the delimiter between base and extension.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_quoting(span in)
{
    char *out = malloc(in.n * 2 + 3);
    struct buf b;
    size_t n;

    if (out == NULL)
        abort();
    buf_init(&b, 1 << 20);
    if (mailbox_append_quoted(&b, in)) {
        if (!mailbox_unquote(buf_span(&b), out, &n) || !span_eq(span_of(out, n), in))
            abort();
    } else if (b.len != 0) {
        abort();
    }
    buf_free(&b);
    free(out);
}

static void check_splits(span local)
{
    span base, extension, first_base = { NULL, 0 }, first_extension;
    size_t cursor = 0, last = local.n + 1;
    bool any = false;

    while (mailbox_subaddress(local, "+-", &cursor, &base, &extension)) {
        if (base.n == 0 || base.n >= last || base.n + 1 + extension.n != local.n || strchr("+-", local.p[base.n]) == NULL)
            abort();
        last = base.n;
        any = true;
    }
    if (mailbox_subaddress_first(local, "+-", &first_base, &first_extension) && (!any || first_base.n != last))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size }, folded, twice;
    char out[MAILBOX_MAX], again[MAILBOX_MAX];
    struct mailbox m;

    mailbox_split(in, &m);
    if (m.local.n + (m.domain.p != NULL ? 1 + m.domain.n : 0) != size)
        abort();
    check_quoting(in);
    check_splits(m.local);
    if (!mailbox_fold(in, true, out, &folded))
        return 0;
    if (mailbox_check(&m) != MAILBOX_OK || folded.n > MAILBOX_MAX)
        abort();
    /* A plain one folds to itself; one that held quotes may not read the same without them. */
    if (span_find(folded, '"') == folded.n && span_find(m.domain, '@') == m.domain.n && mailbox_fold(folded, true, again, &twice) &&
        folded.p[folded.n - 1] != '.' && !span_eq(folded, twice))
        abort();
    return 0;
}
