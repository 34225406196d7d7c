/* fuzz_rule.c - any text compiles or names a place within it, and what compiles ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/rule/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void attribute(void *arg, unsigned id, struct rule_value *out)
{
    (void)arg;
    out->s = SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    out->n = id;
    out->unknown = id == 3;
}

static bool in_list(void *arg, unsigned id, const struct rule_value *v)
{
    (void)arg;
    return v->s.n > id;
}

static void function(void *arg, unsigned id, span name, struct rule_value *out)
{
    (void)arg;
    (void)id;
    out->n = (double)name.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rule_name attributes[] = {
        { "s", RULE_STRING, 0 }, { "n", RULE_NUMBER, 1 }, { "a", RULE_ADDRESS, 2 }, { "u", RULE_BOOL, 3 }, { NULL, RULE_BOOL, 0 },
    };
    static const struct rule_name lists[] = { { "l", RULE_STRING, 0 }, { "net", RULE_ADDRESS, 1 }, { NULL, RULE_BOOL, 0 } };
    static const struct rule_name functions[] = { { "hit", RULE_BOOL, 0 }, { "points", RULE_NUMBER, 1 }, { NULL, RULE_BOOL, 0 } };
    static const struct rule_env env = { NULL, attribute, in_list, function };
    struct arena *arena = arena_new(4096);
    struct errtext err = { .text = "" };
    size_t at = size + 1;
    struct rule *r = rule_compile(span_of((const char *)data, size), &(struct rule_names){ attributes, lists, functions }, arena, &at, &err);
    struct buf trace;

    if (r == NULL && (at > size || err.text[0] == '\0'))
        abort();
    if (r != NULL) {
        enum rule_truth first = rule_run(r, &env, NULL);

        buf_init(&trace, 1000);
        if (rule_run(r, &env, &trace) != first)
            abort();
        buf_free(&trace);
        rule_free(&r);
    }
    arena_free(&arena);
    return 0;
}
