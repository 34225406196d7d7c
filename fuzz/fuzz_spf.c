/* fuzz_spf.c - whatever DNS says, a check ends within its questions, and what it says is clean.
 *
 * Input: lines.  The first is the sender, the second the HELO name; the others are the answers, in turn: "t..." TXT, "m..." or "p..." a name,
 * "4" an address that matches, "5" one that does not, "n" nothing, "!" a failure; several of one answer with '|' between.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES_MAX = 16, QUESTIONS_MAX = 130 };

static void answer(struct spf *s, span line)
{
    struct spf_record_data v[VALUES_MAX];
    struct spf_answer a = { .outcome = SPF_FOUND, .v = v };
    span piece;

    if (line.n == 0 || line.p[0] == 'n' || line.p[0] == '!') {
        a.outcome = line.n > 0 && line.p[0] == '!' ? SPF_FAILED : SPF_NOTHING;
        return spf_answer(s, &a);
    }
    while (a.n < VALUES_MAX && span_next(&line, '|', &piece)) {
        v[a.n] = (struct spf_record_data){ .text = span_from(piece, piece.n > 0) };
        (void)!ipaddr_parse(piece.n > 0 && piece.p[0] == '4' ? SPAN("192.0.2.1") : SPAN("203.0.113.1"), &v[a.n].addr);
        a.n++;
    }
    spf_answer(s, &a);
}

static void check(const struct spf *s)
{
    span why = span_str(spf_why(s)), explanation = spf_explanation(s);

    if (spf_result(s) > SPF_PERMERROR || why.n == 0 || explanation.n > SPF_EXPLANATION_MAX)
        abort();
    for (size_t i = 0; i < explanation.n; i++) {
        if ((unsigned char)explanation.p[i] < 0x20 || (unsigned char)explanation.p[i] > 0x7e)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = { (const char *)data, size }, line = { NULL, 0 };
    struct spf_input in = { .receiver = SPAN("mx.example") };
    struct arena *arena = arena_new(4096);
    struct spf_question q;
    struct spf *s;

    (void)!ipaddr_parse(SPAN("192.0.2.1"), &in.client);
    (void)!span_next(&rest, '\n', &in.sender);
    (void)!span_next(&rest, '\n', &in.helo);
    s = spf_new(&in, span_from(in.sender, span_rfind(in.sender, '@') + 1), arena);
    for (int i = 0; spf_next(s, &q); i++) {
        if (i == QUESTIONS_MAX || q.name.n == 0 || q.name.n > SPF_DOMAIN_MAX)
            abort();
        if (!span_next(&rest, '\n', &line))
            line = SPAN("n");
        answer(s, line);
    }
    check(s);
    arena_free(&arena);
    return 0;
}
