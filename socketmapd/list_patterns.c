/* list_patterns.c - recipients by regular expressions.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/list_patterns.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

enum { MATCH_LIMIT = 20000, DEPTH_LIMIT = 500 };

struct pattern {
    pcre2_code *code;
    char *text;
};

struct list_patterns {
    struct pattern *v;
    size_t n;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

static bool compile(struct pattern *p, span text, struct errtext *err)
{
    int code;
    PCRE2_SIZE at;
    PCRE2_UCHAR words[200];

    p->code = pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_CASELESS | PCRE2_UTF | PCRE2_NO_UTF_CHECK, &code,
                            &at, NULL);
    if (p->code == NULL) {
        pcre2_get_error_message(code, words, sizeof(words));
        errtext_set(err, "the pattern /%.*s/ is wrong at its character %zu: %s", SPAN_ARG(span_head(text, 200)), (size_t)at + 1, (const char *)words);
        return false;
    }
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);       /* without it the interpreter runs */
    p->text = xspandup(text);
    return true;
}

struct list_patterns *list_patterns_new(span lines, struct errtext *err)
{
    struct list_patterns *p = xcalloc(1, sizeof(*p));
    span line;

    p->v = xcalloc(span_count(lines, '\n') + 1, sizeof(*p->v));
    p->match = pcre2_match_data_create(1, NULL);
    p->limits = pcre2_match_context_create(NULL);
    if (p->match == NULL || p->limits == NULL)
        abort();
    pcre2_set_match_limit(p->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
    while (span_next(&lines, '\n', &line)) {
        if (line.n == 0)
            continue;
        if (!compile(&p->v[p->n], line, err)) {
            list_patterns_free(&p);
            return NULL;
        }
        p->n++;
    }
    return p;
}

void list_patterns_free(struct list_patterns **p)
{
    struct list_patterns *gone = *p;

    if (gone == NULL)
        return;
    *p = NULL;
    for (size_t i = 0; i < gone->n; i++) {
        pcre2_code_free(gone->v[i].code);
        free(gone->v[i].text);
    }
    pcre2_match_data_free(gone->match);
    pcre2_match_context_free(gone->limits);
    free(gone->v);
    free(gone);
}

const char *list_patterns_match(const struct list_patterns *p, span address, bool *failed_out)
{
    *failed_out = false;
    for (size_t i = 0; i < p->n; i++) {
        int rc = pcre2_match(p->v[i].code, (PCRE2_SPTR)address.p, address.n, 0, PCRE2_NO_UTF_CHECK, p->match, p->limits);

        if (rc >= 0)
            return p->v[i].text;
        *failed_out = *failed_out || rc != PCRE2_ERROR_NOMATCH;
    }
    return NULL;
}
