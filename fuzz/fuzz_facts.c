/* fuzz_facts.c - a worker's answer: what is taken is canonical, bounded and printable; what is not leaves nothing behind.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <math.h>
#include <stdlib.h>

#include "cfilter/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static void must_be_text(const char *s, size_t room, bool blank_too)
{
    size_t n = strnlen(s, room);

    must(n < room);
    for (size_t i = 0; i < n; i++)
        must((s[i] > ' ' && s[i] <= '~') || (blank_too && s[i] == ' '));
}

static void must_be_good(const struct facts *f)
{
    must(f->n <= FACTS_MAX && f->took_us >= 0);
    must(f->n_clean == 0 || (f->n_clean <= FACTS_CLEAN_MAX && facts_are_clean(f)));
    must_be_text(f->incomplete_why, sizeof f->incomplete_why, true);
    for (size_t i = 0; i < f->n; i++) {
        const struct fact *x = &f->v[i];
        must(x->kind > 0 && x->kind < FACT_KINDS && x->klass < FACT_CLASSES);
        must(isfinite(x->points) && (x->kind == FACT_SPAM || x->points == 0));
        must_be_text(x->scanner, sizeof x->scanner, false);
        must_be_text(x->name, sizeof x->name, false);
        must_be_text(x->detail, sizeof x->detail, true);
        must(x->scanner[0] != '\0' && x->name[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct facts f;
    span in = span_of((const char *)data, size);
    struct errtext err = { "" };
    struct buf again;

    if (!facts_decode(in, &f, &err)) {
        must(err.text[0] != '\0' && f.n == 0 && f.n_clean == 0 && !f.complete);
        return 0;
    }
    must_be_good(&f);
    buf_init(&again, 1024 * 1024);
    facts_encode(&f, &again);
    must(span_eq(in, buf_span(&again)));      /* one record, one way to write it */
    buf_free(&again);
    return 0;
}
