/* rule_node.h - a compiled rule: shared by rule_compile.c and rule_run.c alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_RULE_RULE_NODE_H
#define GATEPOST_RULE_RULE_NODE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lib/rule/rule.h"

enum rule_op {
    OP_LITERAL, OP_ATTRIBUTE, OP_FUNCTION,
    OP_OR, OP_AND, OP_NOT,
    OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_STARTS, OP_ENDS, OP_CONTAINS, OP_MATCHES,
    OP_ADD, OP_SUB, OP_NEG,
};

struct rule_node {
    enum rule_op op;
    enum rule_type type;
    size_t at;                       /* offset in the text */
    span text;                       /* as it was written: for the trace */
    const struct rule_node *a, *b;
    const struct rule_name *name;    /* OP_ATTRIBUTE, OP_IN, OP_FUNCTION */
    struct rule_value value;         /* OP_LITERAL; OP_FUNCTION: the name in s */
    pcre2_code *code;                /* OP_MATCHES */
    pcre2_match_data *match;
};

struct rule {
    const struct rule_node *top;
    struct rule_node *nodes[RULE_NODES_MAX];
    size_t n;
    pcre2_match_context *limits;
};

#endif
