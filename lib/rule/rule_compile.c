/* rule_compile.c - the text of a rule to nodes, each type checked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/conf/conf.h"
#include "lib/rule/rule_node.h"

enum { MATCH_LIMIT = 20000, PATTERN_DEPTH_LIMIT = 200, NUMBER_TEXT_MAX = 32 };

enum token { T_END, T_WORD, T_STRING, T_NUMBER, T_SIGN, T_BAD };

struct compiler {
    span text;
    size_t next;                 /* where the token after `word` begins */
    enum token token;
    span word;                   /* the token; of a string without its quotes */
    size_t at, end;              /* the token's place; end of the one before */
    unsigned depth;
    const struct rule_names *names;
    struct arena *arena;
    struct rule *rule;
    size_t *at_out;
    struct errtext *err;
    bool failed;
};

static struct rule_node *parse_or(struct compiler *c);

__attribute__((format(printf, 3, 4))) static struct rule_node *fail(struct compiler *c, size_t at, const char *fmt, ...)
{
    char what[sizeof(c->err->text)];
    va_list ap;

    if (c->failed)
        return NULL;
    c->failed = true;
    *c->at_out = at;
    va_start(ap, fmt);
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
        what[0] = '\0';
    va_end(ap);
    errtext_set(c->err, "%s", what);
    return NULL;
}

/* ---- tokens ---- */

static bool word_char(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '.';
}

static void take_string(struct compiler *c)
{
    size_t close = span_find(span_from(c->text, c->next + 1), c->text.p[c->next]);

    if (c->next + 1 + close >= c->text.n) {
        c->token = T_BAD;
        fail(c, c->at, "a text that is not closed by another %c", c->text.p[c->next]);
        return;
    }
    c->token = T_STRING;
    c->word = span_of(c->text.p + c->next + 1, close);
    c->next += close + 2;
}

static void take_word(struct compiler *c)
{
    size_t n = 0;
    bool digit = c->text.p[c->next] >= '0' && c->text.p[c->next] <= '9';

    /* '-' within a name of a list; "a - b" needs its blanks. */
    while (c->next + n < c->text.n && (word_char(c->text.p[c->next + n]) || (!digit && n > 0 && c->text.p[c->next + n] == '-')))
        n++;
    c->token = digit ? T_NUMBER : T_WORD;
    c->word = span_of(c->text.p + c->next, n);
    c->next += n;
}

static void take_sign(struct compiler *c)
{
    static const char *const signs[] = { "==", "!=", "<=", ">=", "<", ">", "(", ")", ",", "+", "-", NULL };
    span rest = span_from(c->text, c->next);

    for (size_t i = 0; signs[i] != NULL; i++) {
        if (!span_starts(rest, span_str(signs[i])))
            continue;
        c->token = T_SIGN;
        c->word = span_str(signs[i]);
        c->next += c->word.n;
        return;
    }
    c->token = T_BAD;
    fail(c, c->at, rest.p[0] == '=' ? "one = compares nothing (write ==)" : rest.p[0] == '&' || rest.p[0] == '|' || rest.p[0] == '!'
         ? "write and, or, not for %c" : "%c is no part of a rule", rest.p[0]);
}

static void advance(struct compiler *c)
{
    c->end = c->next;
    while (c->next < c->text.n && strchr(" \t\r\n", c->text.p[c->next]) != NULL)
        c->next++;
    c->at = c->next;
    c->word = (span){ NULL, 0 };
    if (c->next >= c->text.n)
        c->token = T_END;
    else if (c->text.p[c->next] == '"' || c->text.p[c->next] == '\'')
        take_string(c);
    else if (word_char(c->text.p[c->next]))
        take_word(c);
    else
        take_sign(c);
}

static bool is_word(const struct compiler *c, const char *word)
{
    return c->token == T_WORD && span_eq(c->word, span_str(word));
}

static bool is_sign(const struct compiler *c, const char *sign)
{
    return c->token == T_SIGN && span_eq(c->word, span_str(sign));
}

static bool expect(struct compiler *c, const char *sign)
{
    if (!is_sign(c, sign)) {
        fail(c, c->at, "%s is missing here", sign);
        return false;
    }
    advance(c);
    return !c->failed;
}

/* ---- nodes ---- */

static const char *type_name(enum rule_type t)
{
    static const char *const names[] = { "true or false", "a number", "a text", "an address" };

    return names[t];
}

static struct rule_node *node(struct compiler *c, enum rule_op op, enum rule_type type, size_t at)
{
    struct rule_node *n;

    if (c->failed)
        return NULL;
    if (c->rule->n == RULE_NODES_MAX)
        return fail(c, at, "more than %d parts (split the rule)", RULE_NODES_MAX);
    n = arena_alloc(c->arena, sizeof(*n));
    *n = (struct rule_node){ .op = op, .type = type, .at = at };
    c->rule->nodes[c->rule->n++] = n;
    return n;
}

/* What was written of it, for the trace: a copy, the text is the caller's. */
static struct rule_node *written(struct compiler *c, struct rule_node *n, size_t from)
{
    if (n != NULL && n->text.p == NULL)
        n->text = arena_span(c->arena, span_head(span_from(c->text, from), c->end - from));
    return n;
}

static const struct rule_name *find(const struct rule_name *table, span word)
{
    for (; table->name != NULL; table++) {
        if (span_eq(word, span_str(table->name)))
            return table;
    }
    return NULL;
}

static struct rule_node *no_such(struct compiler *c, const struct rule_name *table, span word, size_t at, const char *what)
{
    const char *known[128], *near;
    size_t n = 0;

    for (; table->name != NULL && n < 127; table++)
        known[n++] = table->name;
    known[n] = NULL;
    near = conf_nearest(word, known);
    return fail(c, at, near != NULL ? "\"%.*s\" is no %s (did you mean %s?)" : "\"%.*s\" is no %s", SPAN_ARG(span_head(word, 60)), what, near);
}

/* ---- what stands for a value ---- */

static struct rule_node *literal_number(struct compiler *c)
{
    char text[NUMBER_TEXT_MAX + 1], *end;
    struct rule_node *n = node(c, OP_LITERAL, RULE_NUMBER, c->at);
    struct rule_value v = { .type = RULE_NUMBER };

    if (n == NULL)
        return NULL;
    snprintf(text, sizeof(text), "%.*s", SPAN_ARG(span_head(c->word, NUMBER_TEXT_MAX)));
    v.n = strtod(text, &end);
    if (*end != '\0' || c->word.n > NUMBER_TEXT_MAX || strpbrk(text, "xXeEnN") != NULL)
        return fail(c, c->at, "\"%s\" is no number (texts and addresses go in quotes)", text);
    n->value = v;
    advance(c);
    return n;
}

static struct rule_node *literal_string(struct compiler *c)
{
    struct rule_node *n = node(c, OP_LITERAL, RULE_STRING, c->at);

    if (n == NULL)
        return NULL;
    n->value = (struct rule_value){ .type = RULE_STRING, .s = arena_span(c->arena, c->word) };
    advance(c);
    return n;
}

static bool pattern_compile(struct compiler *c, struct rule_node *n, const struct rule_node *pattern)
{
    PCRE2_SIZE where = 0;
    int code = 0;
    char why[120];

    n->code = pcre2_compile((PCRE2_SPTR)(pattern->value.s.p != NULL ? pattern->value.s.p : ""), pattern->value.s.n, PCRE2_NEVER_BACKSLASH_C,
                            &code, &where, NULL);
    if (n->code == NULL) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
        fail(c, pattern->at + 1 + where, "the pattern: %s", why);
        return false;
    }
    (void)pcre2_jit_compile(n->code, PCRE2_JIT_COMPLETE);      /* without it, it is only slower */
    n->match = pcre2_match_data_create(1, NULL);
    return n->match != NULL;
}

/* starts_with(a, "b") and its kin; the word is taken, "(" comes. */
static struct rule_node *string_test(struct compiler *c, enum rule_op op, size_t at)
{
    struct rule_node *n = node(c, op, RULE_BOOL, at), *a, *b;

    if (n == NULL || !expect(c, "(") || (a = parse_or(c)) == NULL || !expect(c, ",") || (b = parse_or(c)) == NULL || !expect(c, ")"))
        return NULL;
    if (a->type != RULE_STRING)
        return fail(c, a->at, "is %s, a text is wanted", type_name(a->type));
    if (b->type != RULE_STRING || (op == OP_MATCHES && b->op != OP_LITERAL))
        return fail(c, b->at, op == OP_MATCHES ? "a pattern in quotes is wanted" : "a text is wanted");
    n->a = a;
    n->b = b;
    return op != OP_MATCHES || pattern_compile(c, n, b) ? n : NULL;
}

static struct rule_node *named_function(struct compiler *c, span word, size_t at)
{
    static const struct rule_name tests[] = {
        { "starts_with", RULE_BOOL, OP_STARTS }, { "ends_with", RULE_BOOL, OP_ENDS }, { "contains", RULE_BOOL, OP_CONTAINS },
        { "matches", RULE_BOOL, OP_MATCHES }, { NULL, RULE_BOOL, 0 },
    };
    const struct rule_name *f = find(tests, word);
    struct rule_node *n;

    if (f != NULL)
        return string_test(c, (enum rule_op)f->id, at);
    if ((f = find(c->names->functions, word)) == NULL)
        return no_such(c, conf_nearest(word, (const char *const[]){ "starts_with", "ends_with", "contains", "matches", NULL }) != NULL
                              ? tests : c->names->functions, word, at, "function");
    if ((n = node(c, OP_FUNCTION, f->type, at)) == NULL || !expect(c, "("))
        return NULL;
    if (c->token != T_STRING)
        return fail(c, c->at, "a name in quotes is wanted here");
    n->name = f;
    n->value = (struct rule_value){ .type = RULE_STRING, .s = arena_span(c->arena, c->word) };
    advance(c);
    return expect(c, ")") ? n : NULL;
}

static struct rule_node *from_word(struct compiler *c)
{
    span word = c->word;
    size_t at = c->at;
    const struct rule_name *name;
    struct rule_node *n;

    advance(c);
    if (span_eq(word, SPAN("true")) || span_eq(word, SPAN("false"))) {
        if ((n = node(c, OP_LITERAL, RULE_BOOL, at)) != NULL)
            n->value = (struct rule_value){ .type = RULE_BOOL, .b = word.p[0] == 't' };
        return n;
    }
    if (is_sign(c, "("))
        return named_function(c, word, at);
    if ((name = find(c->names->attributes, word)) == NULL)
        return no_such(c, c->names->attributes, word, at, "attribute");
    if ((n = node(c, OP_ATTRIBUTE, name->type, at)) != NULL)
        n->name = name;
    return n;
}

static struct rule_node *parse_primary(struct compiler *c)
{
    size_t at = c->at;
    struct rule_node *n, *a;

    if (c->failed)
        return NULL;
    if (is_sign(c, "(")) {
        advance(c);
        n = parse_or(c);
        return n != NULL && expect(c, ")") ? n : NULL;
    }
    if (is_sign(c, "-")) {
        advance(c);
        if (c->token != T_NUMBER)
            return fail(c, c->at, "a number is wanted behind -");
        if ((a = literal_number(c)) == NULL || (n = node(c, OP_NEG, RULE_NUMBER, at)) == NULL)
            return NULL;
        n->a = a;
        return written(c, n, at);
    }
    if (c->token == T_STRING)
        return written(c, literal_string(c), at);
    if (c->token == T_NUMBER)
        return written(c, literal_number(c), at);
    if (c->token == T_WORD)
        return written(c, from_word(c), at);
    return fail(c, c->at, c->token == T_END ? "something is missing at the end" : "a value is wanted before this");
}

static struct rule_node *parse_sum(struct compiler *c)
{
    size_t at = c->at;
    struct rule_node *left = parse_primary(c), *right, *n;

    while (left != NULL && (is_sign(c, "+") || is_sign(c, "-"))) {
        enum rule_op op = is_sign(c, "+") ? OP_ADD : OP_SUB;
        size_t sign_at = c->at;

        advance(c);
        if ((right = parse_primary(c)) == NULL)
            return NULL;
        if (left->type != RULE_NUMBER || right->type != RULE_NUMBER)
            return fail(c, sign_at, "goes between numbers (this is %s and %s)", type_name(left->type), type_name(right->type));
        if ((n = node(c, op, RULE_NUMBER, sign_at)) == NULL)
            return NULL;
        n->a = left;
        n->b = right;
        left = written(c, n, at);
    }
    return left;
}

/* ---- comparisons ---- */

static struct rule_node *parse_in(struct compiler *c, struct rule_node *left)
{
    struct rule_node *n;
    const struct rule_name *list;
    size_t at = c->at;

    advance(c);
    if (c->token != T_WORD)
        return fail(c, c->at, "the name of a list is wanted behind in");
    if ((list = find(c->names->lists, c->word)) == NULL)
        return no_such(c, c->names->lists, c->word, c->at, "list (own_domains, one of networks, or one of policy.lists)");
    if (list->type != left->type)
        return fail(c, left->at, "is %s, but %s holds %s", type_name(left->type), list->name,
                    list->type == RULE_ADDRESS ? "networks (try client in it)" : "names");
    advance(c);
    if ((n = node(c, OP_IN, RULE_BOOL, at)) == NULL)
        return NULL;
    n->a = left;
    n->name = list;
    return n;
}

/* "192.0.2.1" beside an address is one. */
static bool as_address(struct compiler *c, struct rule_node *n)
{
    if (!ipaddr_parse(n->value.s, &n->value.a)) {
        fail(c, n->at, "\"%.*s\" is no address (a network goes under networks: client in NAME)", SPAN_ARG(span_head(n->value.s, 60)));
        return false;
    }
    n->type = n->value.type = RULE_ADDRESS;
    return true;
}

static bool comparable(struct compiler *c, enum rule_op op, struct rule_node *a, struct rule_node *b, size_t at)
{
    if (a->type == RULE_ADDRESS && b->op == OP_LITERAL && b->type == RULE_STRING && !as_address(c, b))
        return false;
    if (b->type == RULE_ADDRESS && a->op == OP_LITERAL && a->type == RULE_STRING && !as_address(c, a))
        return false;
    if (a->type != b->type) {
        fail(c, at, "compares %s with %s", type_name(a->type), type_name(b->type));
        return false;
    }
    if (op > OP_NE && a->type != RULE_NUMBER && a->type != RULE_STRING) {
        fail(c, at, "goes between numbers or texts (this is %s)", type_name(a->type));
        return false;
    }
    if (a->op == OP_LITERAL && b->op == OP_LITERAL) {
        fail(c, at, "compares two fixed values: it is always the same");
        return false;
    }
    return true;
}

static struct rule_node *parse_comparison(struct compiler *c)
{
    static const struct { const char *sign; enum rule_op op; } signs[] = {
        { "==", OP_EQ }, { "!=", OP_NE }, { "<", OP_LT }, { "<=", OP_LE }, { ">", OP_GT }, { ">=", OP_GE },
    };
    struct rule_node *left = parse_sum(c), *right, *n;
    size_t at = c->at;

    if (left == NULL)
        return NULL;
    if (is_word(c, "in"))
        return parse_in(c, left);
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (!is_sign(c, signs[i].sign))
            continue;
        advance(c);
        if ((right = parse_sum(c)) == NULL || !comparable(c, signs[i].op, left, right, at) || (n = node(c, signs[i].op, RULE_BOOL, at)) == NULL)
            return NULL;
        n->a = left;
        n->b = right;
        return n;
    }
    return left;
}

/* ---- not, and, or ---- */

static bool wants_bool(struct compiler *c, const struct rule_node *n)
{
    if (n == NULL)
        return false;
    if (n->type == RULE_BOOL)
        return true;
    fail(c, n->at, "is %s, true or false is wanted (compare it with something)", type_name(n->type));
    return false;
}

static struct rule_node *parse_not(struct compiler *c)
{
    size_t at = c->at;
    struct rule_node *n, *a;

    if (!is_word(c, "not"))
        return parse_comparison(c);
    if (++c->depth > RULE_DEPTH_MAX)
        return fail(c, at, "nested more than %d deep", RULE_DEPTH_MAX);
    advance(c);
    a = parse_not(c);
    c->depth--;
    if (!wants_bool(c, a) || (n = node(c, OP_NOT, RULE_BOOL, at)) == NULL)
        return NULL;
    n->a = a;
    return n;
}

static struct rule_node *parse_joined(struct compiler *c, enum rule_op op, const char *word, struct rule_node *(*part)(struct compiler *c))
{
    struct rule_node *left = part(c), *right, *n;

    while (left != NULL && is_word(c, word)) {
        size_t at = c->at;

        advance(c);
        right = part(c);
        if (!wants_bool(c, left) || !wants_bool(c, right) || (n = node(c, op, RULE_BOOL, at)) == NULL)
            return NULL;
        n->a = left;
        n->b = right;
        left = n;
    }
    return left;
}

static struct rule_node *parse_and(struct compiler *c)
{
    return parse_joined(c, OP_AND, "and", parse_not);
}

static struct rule_node *parse_or(struct compiler *c)
{
    struct rule_node *n;

    if (++c->depth > RULE_DEPTH_MAX)
        return fail(c, c->at, "nested more than %d deep", RULE_DEPTH_MAX);
    n = parse_joined(c, OP_OR, "or", parse_and);
    c->depth--;
    return n;
}

/* ---- whole ---- */

struct rule *rule_compile(span text, const struct rule_names *names, struct arena *arena, size_t *at_out, struct errtext *err)
{
    struct rule *r = arena_alloc(arena, sizeof(*r));
    struct compiler c = { .text = text, .names = names, .arena = arena, .rule = r, .at_out = at_out, .err = err };

    r->limits = pcre2_match_context_create(NULL);
    if (r->limits == NULL)
        abort();
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(r->limits, PATTERN_DEPTH_LIMIT);
    if (text.n > RULE_TEXT_MAX)
        fail(&c, 0, "longer than %d bytes", RULE_TEXT_MAX);
    else
        advance(&c);
    if (!c.failed && c.token == T_END)
        fail(&c, 0, "is empty");
    r->top = c.failed ? NULL : parse_or(&c);
    if (!c.failed && c.token != T_END)
        fail(&c, c.at, "and, or or the end is wanted here");
    if (!c.failed)
        (void)wants_bool(&c, r->top);
    if (c.failed)
        rule_free(&r);
    return r;
}

void rule_free(struct rule **rp)
{
    struct rule *r = *rp;

    *rp = NULL;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++) {
        pcre2_code_free(r->nodes[i]->code);
        pcre2_match_data_free(r->nodes[i]->match);
    }
    pcre2_match_context_free(r->limits);
}
