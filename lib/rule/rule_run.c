/* rule_run.c - what a compiled rule says of one request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/rule/rule_node.h"

struct running {
    const struct rule *rule;
    const struct rule_env *env;
    struct buf *trace;
};

static struct rule_value run_node(const struct running *r, const struct rule_node *n);

static struct rule_value boolean(bool b)
{
    return (struct rule_value){ .type = RULE_BOOL, .b = b };
}

static struct rule_value unknown_of(enum rule_type type)
{
    return (struct rule_value){ .type = type, .unknown = true };
}

/* ---- strings ---- */

static int compare_strings(span a, span b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        unsigned char x = (unsigned char)ascii_lower(a.p[i]), y = (unsigned char)ascii_lower(b.p[i]);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static bool contains(span s, span needle)
{
    for (size_t i = 0; needle.n <= s.n && i <= s.n - needle.n; i++) {
        if (needle.n == 0 || span_eq_nocase(span_of(s.p + i, needle.n), needle))
            return true;
    }
    return false;
}

/* Every error is one: a limit reached, bytes that are not UTF-8. */
static struct rule_value run_pattern(const struct running *r, const struct rule_node *n, span s)
{
    int got = pcre2_match(n->code, (PCRE2_SPTR)(s.p != NULL ? s.p : ""), s.n, 0, 0, n->match, r->rule->limits);

    if (got < 0 && got != PCRE2_ERROR_NOMATCH)
        return unknown_of(RULE_BOOL);
    return boolean(got >= 0);
}

/* ---- comparisons ---- */

static int compare(const struct rule_value *a, const struct rule_value *b)
{
    if (a->type == RULE_NUMBER)
        return a->n < b->n ? -1 : a->n > b->n;
    if (a->type == RULE_BOOL)
        return (int)a->b - (int)b->b;
    if (a->type == RULE_ADDRESS)
        return ipaddr_eq(&a->a, &b->a) ? 0 : 1;
    return compare_strings(a->s, b->s);
}

static bool holds(enum rule_op op, int order)
{
    switch (op) {
    case OP_EQ: return order == 0;
    case OP_NE: return order != 0;
    case OP_LT: return order < 0;
    case OP_LE: return order <= 0;
    case OP_GT: return order > 0;
    default: return order >= 0;
    }
}

static struct rule_value run_test(const struct running *r, const struct rule_node *n, const struct rule_value *a, const struct rule_value *b)
{
    switch (n->op) {
    case OP_IN: return boolean(r->env->in_list(r->env->arg, n->name->id, a));
    case OP_MATCHES: return run_pattern(r, n, a->s);
    case OP_STARTS: return boolean(span_starts_nocase(a->s, b->s));
    case OP_ENDS: return boolean(span_ends_nocase(a->s, b->s));
    case OP_CONTAINS: return boolean(contains(a->s, b->s));
    default: return boolean(holds(n->op, compare(a, b)));
    }
}

/* ---- what it saw ---- */

static void trace_value(struct buf *to, const struct rule_value *v)
{
    char address[IPADDR_TEXT_MAX];

    if (v->unknown) {
        buf_append_str(to, "?");
    } else if (v->type == RULE_NUMBER) {
        buf_printf(to, "%g", v->n);
    } else if (v->type == RULE_BOOL) {
        buf_append_str(to, v->b ? "true" : "false");
    } else if (v->type == RULE_ADDRESS) {
        ipaddr_format(&v->a, address);
        buf_append_str(to, address);
    } else if (v->s.n == 0) {
        buf_append_str(to, "\"\"");
    } else {
        buf_append(to, span_head(v->s, 200));
    }
}

static void trace_side(struct buf *to, const struct rule_node *n, const struct rule_value *v)
{
    buf_append(to, n->text);
    if (n->op == OP_LITERAL)
        return;
    buf_append_char(to, '=');
    trace_value(to, v);
}

static void trace_test(struct buf *to, const struct rule_node *n, const struct rule_value *a, const struct rule_value *b, const struct rule_value *result)
{
    static const char *const words[] = {
        [OP_EQ] = "==", [OP_NE] = "!=", [OP_LT] = "<", [OP_LE] = "<=", [OP_GT] = ">", [OP_GE] = ">=", [OP_IN] = "in",
        [OP_STARTS] = "starts with", [OP_ENDS] = "ends with", [OP_CONTAINS] = "contains", [OP_MATCHES] = "matches",
    };

    if (to->len > 0)
        buf_append_str(to, "; ");
    trace_side(to, n->a, a);
    buf_printf(to, " %s ", words[n->op]);
    if (n->op == OP_IN)
        buf_append_str(to, n->name->name);
    else
        trace_side(to, n->b, b);
    buf_printf(to, ": %s", result->unknown ? "unknown" : result->b ? "true" : "false");
}

/* ---- all nodes ---- */

static struct rule_value run_compared(const struct running *r, const struct rule_node *n)
{
    struct rule_value a = run_node(r, n->a), b = { .type = RULE_BOOL }, result;

    if (n->b != NULL)
        b = run_node(r, n->b);
    result = a.unknown || b.unknown ? unknown_of(RULE_BOOL) : run_test(r, n, &a, &b);
    if (r->trace != NULL)
        trace_test(r->trace, n, &a, &b, &result);
    return result;
}

/* Unknown is neither: false and unknown is false, true or unknown is true. */
static struct rule_value run_joined(const struct running *r, const struct rule_node *n)
{
    bool decides = n->op == OP_OR;
    struct rule_value a = run_node(r, n->a), b;

    if (!a.unknown && a.b == decides)
        return a;
    b = run_node(r, n->b);
    if (!b.unknown && b.b == decides)
        return b;
    return a.unknown ? a : b;
}

static struct rule_value run_sum(const struct running *r, const struct rule_node *n)
{
    struct rule_value a = run_node(r, n->a), b = { .type = RULE_NUMBER };

    if (n->b != NULL)
        b = run_node(r, n->b);
    a.unknown |= b.unknown;
    a.n = n->op == OP_NEG ? -a.n : n->op == OP_ADD ? a.n + b.n : a.n - b.n;
    return a;
}

static struct rule_value run_leaf(const struct running *r, const struct rule_node *n)
{
    struct rule_value v = { .type = n->type };

    if (n->op == OP_LITERAL)
        return n->value;
    if (n->op == OP_ATTRIBUTE)
        r->env->attribute(r->env->arg, n->name->id, &v);
    else
        r->env->function(r->env->arg, n->name->id, n->value.s, &v);
    if (r->trace != NULL && v.type == RULE_BOOL) {
        if (r->trace->len > 0)
            buf_append_str(r->trace, "; ");
        buf_append(r->trace, n->text);
        buf_append_str(r->trace, ": ");
        trace_value(r->trace, &v);
    }
    return v;
}

/* Never deeper than RULE_NODES_MAX. */
static struct rule_value run_node(const struct running *r, const struct rule_node *n)
{
    struct rule_value v;

    switch (n->op) {
    case OP_LITERAL:
    case OP_ATTRIBUTE:
    case OP_FUNCTION:
        return run_leaf(r, n);
    case OP_OR:
    case OP_AND:
        return run_joined(r, n);
    case OP_NOT:
        v = run_node(r, n->a);
        v.b = !v.b;
        return v;
    case OP_ADD:
    case OP_SUB:
    case OP_NEG:
        return run_sum(r, n);
    default:
        return run_compared(r, n);
    }
}

enum rule_truth rule_run(const struct rule *r, const struct rule_env *env, struct buf *trace)
{
    struct running running = { r, env, trace };
    struct rule_value v = run_node(&running, r->top);

    return v.unknown ? RULE_UNKNOWN : v.b ? RULE_TRUE : RULE_FALSE;
}

void rule_each_function(const struct rule *r, void (*visit)(unsigned id, span name, size_t at, void *arg), void *arg)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->nodes[i]->op == OP_FUNCTION)
            visit(r->nodes[i]->name->id, r->nodes[i]->value.s, r->nodes[i]->at, arg);
    }
}

bool rule_names_attribute(const struct rule *r, unsigned id)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->nodes[i]->op == OP_ATTRIBUTE && r->nodes[i]->name->id == id)
            return true;
    }
    return false;
}
