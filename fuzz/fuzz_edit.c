/* fuzz_edit.c - the edits of a message as it came, washed, are those of the washed message; nothing of ours that was forged is left.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/deliver.h"
#include "lib/base/alloc.h"
#include "lib/proto/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf send(span message, const struct edit_wish *wish)
{
    struct arena *a = arena_new(4096);
    struct edits e = edits_make(message, wish, a);
    struct deliver d;
    struct buf to;

    buf_init(&to, 1 << 24);
    deliver_begin(&d, message, &e, false, -1);
    while (deliver_step(&d, &to))
        ;
    deliver_end(&d, &to);
    arena_free(&a);
    return to;
}

/* Postfix takes fields up to the first line that is none (an mbox line on top is passed over). */
static void check_header(span sent, const struct edit_wish *wish)
{
    struct header_field f;
    bool first = true;

    for (size_t at = 0; header_next(sent, &at, &f) && (f.name.n > 0 || first); first = false) {
        if (f.name.n == 0 && !span_starts(f.whole, SPAN("From ")) && !span_starts(f.whole, SPAN(">From ")))
            return;
        if (header_is(&f, SPAN("X-Gatepost")))
            abort();
        if (header_is(&f, SPAN("X-Spam-Score")) && wish->strip_spam_fields && !span_eq(f.body, SPAN(" **")))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct edit_wish wishes[] = {
        { .strip_spam_fields = false },
        { .strip_spam_fields = true, .score = "**", .report = "hits=A:1", .subject_tag = "[SPAM]" },
    };
    span in = { (const char *)data, size };
    char *washed = xmalloc(size + 1);

    smtp_dot_wash(in, washed);
    for (size_t i = 0; i < 2; i++) {
        struct buf raw = send(in, &wishes[i]), clean = send(span_of(washed, size), &wishes[i]);

        if (!span_eq(buf_span(&raw), buf_span(&clean)))
            abort();
        check_header(buf_span(&raw), &wishes[i]);
        buf_free(&raw);
        buf_free(&clean);
    }
    free(washed);
    return 0;
}
