/* rule.h - the expression language of policy.rules.custom: compiled and type-checked at load, evaluated without loops or memory.
 *
 *     sasl_username == "" and sender.domain in own_domains and not client in partners
 *
 * Loosest first: or; and; not; == != < <= > >= in; + -.  Functions: starts_with(s, s), ends_with(s, s), contains(s, s),
 * matches(s, "PCRE2 pattern"), and those of the caller's table that take a name: hit("zen"), points("spf").
 * Unknown:   what could not be found out is neither true nor false, and stays so through not, and, or: a rule holds only when it is true.
 * Strings:   compared without regard to ASCII case.
 * Pure:      no I/O, no clock; a rule is used by one thread at a time.
 * Bounds:    RULE_TEXT_MAX bytes, RULE_DEPTH_MAX nested, RULE_NODES_MAX nodes; a pattern stops at its match limit, and is then unknown.
 * Ownership: a rule lives in the arena it was compiled into, its patterns until rule_free; literals are copied there.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_RULE_RULE_H
#define GATEPOST_RULE_RULE_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/errtext.h"
#include "lib/proto/ipnet.h"

enum { RULE_TEXT_MAX = 8192, RULE_DEPTH_MAX = 32, RULE_NODES_MAX = 512 };

enum rule_type { RULE_BOOL, RULE_NUMBER, RULE_STRING, RULE_ADDRESS };

struct rule_value {
    enum rule_type type;
    bool unknown;
    bool b;
    double n;
    span s;
    struct ipaddr a;
};

/* What a name stands for: an attribute, a list behind `in`, or a function of one quoted name. */
struct rule_name {
    const char *name;
    enum rule_type type;      /* of a list: what may be in it */
    unsigned id;              /* the caller's */
};

struct rule_names {
    const struct rule_name *attributes, *lists, *functions;   /* each ended by a NULL name */
};

/* What an evaluation asks of the caller.  *out is zeroed, its type set. */
struct rule_env {
    void *arg;
    void (*attribute)(void *arg, unsigned id, struct rule_value *out);
    bool (*in_list)(void *arg, unsigned id, const struct rule_value *v);
    void (*function)(void *arg, unsigned id, span name, struct rule_value *out);
};

enum rule_truth { RULE_FALSE, RULE_TRUE, RULE_UNKNOWN };

struct rule;

/* NULL with err and the offset (bytes) of what is wrong. */
struct rule *rule_compile(span text, const struct rule_names *names, struct arena *arena, size_t *at_out, struct errtext *err);
void rule_free(struct rule **r);
/* trace may be NULL: receives what each comparison saw, "sender.domain=example.com in own_domains: true; ...". */
enum rule_truth rule_run(const struct rule *r, const struct rule_env *env, struct buf *trace);
/* Each call of a function of the table, and each attribute that is named: for what a rule hangs on. */
void rule_each_function(const struct rule *r, void (*visit)(unsigned id, span name, size_t at, void *arg), void *arg);
bool rule_names_attribute(const struct rule *r, unsigned id);

#endif
