/* rules_custom.c - policy.rules.custom as the checks use them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "policyd/check.h"
#include "policyd/custom_names.h"

static const struct set_custom_rule *custom_at_index(const struct settings *set, size_t i)
{
    return (const struct set_custom_rule *)set->policy.rules.custom.v + i;
}

/* ---- names ---- */

static const struct rule_name functions[] = { { "hit", RULE_BOOL, FUNCTION_HIT }, { "points", RULE_NUMBER, FUNCTION_POINTS }, { NULL, RULE_BOOL, 0 } };

static bool is_number(enum policy_attr a)
{
    return a == POLICY_SIZE || a == POLICY_RECIPIENT_COUNT || a == POLICY_CLIENT_PORT || a == POLICY_SERVER_PORT || a == POLICY_ENCRYPTION_KEYSIZE;
}

static const struct rule_name *attribute_names(struct arena *arena)
{
    static const struct rule_name own[] = {
        { "client", RULE_ADDRESS, NAME_CLIENT }, { "sender.domain", RULE_STRING, NAME_SENDER_DOMAIN },
        { "sender.local", RULE_STRING, NAME_SENDER_LOCAL }, { "recipient.domain", RULE_STRING, NAME_RECIPIENT_DOMAIN },
        { "recipient.local", RULE_STRING, NAME_RECIPIENT_LOCAL }, { "helo", RULE_STRING, NAME_HELO }, { "tls", RULE_STRING, NAME_TLS },
        { "login", RULE_STRING, NAME_LOGIN }, { "country", RULE_STRING, NAME_COUNTRY }, { "trusted", RULE_BOOL, NAME_TRUSTED }, { "submission", RULE_BOOL, NAME_SUBMISSION },
        { "hour", RULE_NUMBER, NAME_HOUR }, { "weekday", RULE_NUMBER, NAME_WEEKDAY }, { "recipients", RULE_NUMBER, NAME_RECIPIENTS },
        { "score", RULE_NUMBER, NAME_SCORE },
    };
    struct rule_name *names = arena_alloc(arena, (CUSTOM_NAMES + 1) * sizeof(*names));

    for (unsigned i = 0; i < POLICY_ATTRS; i++)
        names[i] = (struct rule_name){ policy_attr_name((enum policy_attr)i), is_number((enum policy_attr)i) ? RULE_NUMBER : RULE_STRING, i };
    memcpy(names + POLICY_ATTRS, own, sizeof(own));
    return names;
}

static const struct rule_name *names_of_lists(const struct settings *set, struct arena *arena)
{
    const struct set_name_list *lists = set->policy.lists.v;
    const struct set_network *networks = set->networks.v;
    struct rule_name *names = arena_alloc(arena, (set->policy.lists.n + set->networks.n + 2) * sizeof(*names));
    unsigned n = 0;

    names[n++] = (struct rule_name){ "own_domains", RULE_STRING, LIST_OWN_DOMAINS };
    for (size_t i = 0; i < set->policy.lists.n; i++, n++)
        names[n] = (struct rule_name){ lists[i].name != NULL ? lists[i].name : "", RULE_STRING, n };
    for (size_t i = 0; i < set->networks.n; i++, n++)
        names[n] = (struct rule_name){ networks[i].name != NULL ? networks[i].name : "", RULE_ADDRESS, n };
    return names;
}

static struct rule_names names_of(const struct settings *set, struct arena *arena)
{
    return (struct rule_names){ attribute_names(arena), names_of_lists(set, arena), functions };
}

/* ---- checks of a whole configuration ---- */

static void check_lists(const struct settings *set, struct conf_errors *errors)
{
    const struct set_name_list *lists = set->policy.lists.v;
    char path[128];

    for (size_t i = 0; i < set->policy.lists.n; i++) {
        bool taken = strcmp(lists[i].name, "own_domains") == 0 || settings_network(set, lists[i].name) != NULL;

        snprintf(path, sizeof(path), "policy.lists.%s", lists[i].name);
        if (taken)
            settings_error(set, errors, path, "is the name of another list (own_domains, or one of networks)");
    }
}

struct name_check {
    const struct settings *set;
    struct conf_errors *errors;
    const char *path;
    size_t rule;
};

/* A name near to one that is there, and not there itself, is a slip of the pen. */
static void check_hit_name(unsigned id, span name, size_t at, void *arg)
{
    const struct name_check *q = arg;
    const struct set_dnsbl *dnsbl = q->set->policy.dnsbl.v;
    const char *known[128] = { "allow", "deny", "blocked", "helo", "recipients", "null_sender", "spf", "spoof", "client_name" }, *near;
    char what[200];
    size_t n = 9;

    (void)id;
    for (size_t i = 0; i < q->set->policy.dnsbl.n && n < 60; i++)
        known[n++] = dnsbl[i].name;
    for (size_t i = 0; i < q->rule && n < 127; i++)
        known[n++] = custom_at_index(q->set, i)->name;
    known[n] = NULL;
    for (size_t i = 0; i < n; i++) {
        if (span_eq(name, span_str(known[i])))
            return;
    }
    if ((near = conf_nearest(name, known)) == NULL)
        return;
    snprintf(what, sizeof(what), "\"%.*s\" is no list or earlier rule (did you mean %s?)", SPAN_ARG(span_head(name, 60)), near);
    settings_error_in(q->set, q->errors, q->path, at, what);
}

static void check_rule(const struct settings *set, size_t i, const struct rule_names *names, struct arena *arena, struct conf_errors *errors)
{
    const struct set_custom_rule *c = custom_at_index(set, i);
    struct errtext err = { .text = "" };
    struct rule *rule;
    char path[64];
    size_t at = 0;

    snprintf(path, sizeof(path), "policy.rules.custom[%zu].name", i);
    for (size_t j = 0; j < i; j++) {
        if (strcmp(custom_at_index(set, j)->name, c->name) == 0)
            settings_error(set, errors, path, "\"%s\" is the name of an earlier rule", c->name);
    }
    snprintf(path, sizeof(path), "policy.rules.custom[%zu]", i);
    if (c->then == CUSTOM_SCORE && c->points == 0)
        settings_error(set, errors, path, "does nothing: it needs points, or a then");
    if ((c->then == CUSTOM_PREPEND) != (c->header != NULL))
        settings_error(set, errors, path, "then: prepend and header go together");
    if (c->then == CUSTOM_PREPEND && c->at == CUSTOM_END)
        settings_error(set, errors, path, "Postfix takes no header field at the end (at: rcpt or data)");
    snprintf(path, sizeof(path), "policy.rules.custom[%zu].when", i);
    if ((rule = rule_compile(span_str(c->when), names, arena, &at, &err)) == NULL)
        return settings_error_in(set, errors, path, at, err.text);
    rule_each_function(rule, check_hit_name, &(struct name_check){ set, errors, path, i });
    if (c->at == CUSTOM_RCPT && rule_names_attribute(rule, POLICY_RECIPIENT_COUNT))
        settings_error(set, errors, path, "recipient_count is 0 at each recipient (write recipients, or at: data)");
    rule_free(&rule);
}

void rules_check_custom(const struct settings *set, struct conf_errors *errors)
{
    struct arena *arena = arena_new(4096);
    struct rule_names names = names_of(set, arena);

    check_lists(set, errors);
    for (size_t i = 0; i < set->policy.rules.custom.n; i++)
        check_rule(set, i, &names, arena, errors);
    arena_free(&arena);
}

/* ---- rules ---- */

static void on_function(unsigned id, span name, size_t at, void *arg)
{
    (void)id;
    (void)name;
    (void)at;
    *(bool *)arg = true;
}

static void make_rule(struct rules *r, const struct set_custom_rule *set, const struct rule_names *names)
{
    static const enum policy_state states[] = { POLICY_STATE_RCPT, POLICY_STATE_DATA, POLICY_STATE_END_OF_MESSAGE };
    static const enum wish wishes[] = { WISH_NONE, WISH_ALLOW, WISH_DEFER, WISH_REJECT, WISH_NONE };
    struct custom_rule *c = &r->custom[r->n_custom];
    struct errtext err;
    size_t at;

    c->set = set;
    c->mode = mode_effective((int)r->mode, set->mode);
    c->wish = wishes[set->then];
    c->state = states[set->at];
    if (c->mode == MODE_OFF || (c->rule = rule_compile(span_str(set->when), names, r->arena, &at, &err)) == NULL)
        return;                          /* rules_check has complained of what cannot be compiled */
    r->n_custom++;
    c->after = rule_names_attribute(c->rule, NAME_SCORE);
    rule_each_function(c->rule, on_function, &c->after);
    if (c->after)
        r->custom_after |= CHECK_AT(c->state);
    r->counts_let_in |= rule_names_attribute(c->rule, NAME_RECIPIENTS);
}

void rules_make_custom(struct rules *r)
{
    const struct set_policy *set = &r->set->policy;
    struct rule_names names = names_of(r->set, r->arena);

    r->lists = arena_alloc(r->arena, (set->lists.n + 1) * sizeof(*r->lists));
    for (size_t i = 0; i < set->lists.n; i++)
        name_list_make(&r->lists[i], &((const struct set_name_list *)set->lists.v)[i].names, r->arena);
    r->custom = arena_alloc(r->arena, (set->rules.custom.n + 1) * sizeof(*r->custom));
    for (size_t i = 0; i < set->rules.custom.n; i++)
        make_rule(r, custom_at_index(r->set, i), &names);
}

void rules_free_custom(struct rules *r)
{
    for (size_t i = 0; i < r->n_custom; i++)
        rule_free(&r->custom[i].rule);
}
