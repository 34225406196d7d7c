/* rules.h - the policy section of the settings as the checks use it: parsed, resolved, with what outlives a reload beside it.
 *
 * Immutable once made, and counted: a decision under way keeps the rules it began with; a reload puts new ones beside them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_RULES_H
#define GATEPOST_POLICYD_RULES_H

#include "lib/app/handover.h"
#include "lib/net/dnsc.h"
#include "lib/proto/dnsbl.h"
#include "lib/proto/policy.h"
#include "lib/rule/rule.h"
#include "lib/settings/settings.h"
#include "lib/store/store.h"
#include "policyd/country.h"
#include "policyd/decide.h"
#include "policyd/name_list.h"
#include "policyd/override_ldap.h"

struct child_pool;
struct dnsbl_health;
struct dnsbl_healths;

enum { RULES_DNSBL_MAX = 48, LIMIT_PARTS_MAX = 6 };   /* LIMIT_WINDOWS_MAX: settings.h */

struct access_rule {
    enum mode mode;
    bool any;                            /* it names somebody */
    const struct conf_nets **nets;       /* the rule's own and those of the named networks */
    size_t n;
    struct name_list hosts, helo, senders, recipients, logins, fingerprints, countries;
    enum tls_version tls_below;          /* of deny */
    const char *text;
};

struct spoof_rule {
    enum mode mode;
    const struct conf_nets **partners;
    size_t n;
};

/* Which answers are a listing, and what it weighs. */
struct dnsbl_code { struct dnsbl_filter filter; double weight; };

struct dnsbl_rule {
    const struct set_dnsbl *set;
    enum mode mode;
    struct dnsbl_code codes[DNSBL_CODES_MAX];   /* none: the default filter, with the list's weight */
    size_t n_codes;
    double low, high;                    /* the least and the most points it may give */
    struct dnsbl_health *health;         /* also knows the zone */
};

enum limit_part {
    PART_CLIENT, PART_NETWORK, PART_SENDER, PART_SENDER_DOMAIN, PART_SASL_USERNAME, PART_RECIPIENT, PART_RECIPIENT_DOMAIN, PART_HELO, PART_ALL
};

struct limit_key_part {
    enum limit_part part;
    unsigned prefix4, prefix6;           /* PART_CLIENT */
    const char *network;                 /* PART_NETWORK */
    const struct conf_nets *nets;
};

struct limit_rule {
    const struct set_limit *set;
    enum mode mode;
    enum wish wish;                      /* WISH_NONE: only told */
    const char *finding;                 /* "limit:NAME" */
    struct limit_key_part parts[LIMIT_PARTS_MAX];
    size_t n_parts;
    bool by_recipient;                   /* a part is the recipient's: charged for each by itself */
    struct limit_rates rates;            /* its own */
    struct overrides *overrides;         /* of the configuration; NULL: none */
    struct override_file *file;          /* NULL: none */
    struct override_ldap *ldap;          /* NULL: none */
};

struct greylist_rule {
    enum mode mode;                      /* MODE_OFF also when nobody would ever be asked to come again */
    const struct set_greylist *set;
    struct name_list skip_recipients, skip_senders, skip_hosts;
};

/* A resolver that several sets of rules may use, each for as long as it lives. */
struct resolver {
    unsigned refs;
    struct dnsc *dnsc;
};

/* One of policy.rules.custom. */
struct custom_rule {
    const struct set_custom_rule *set;
    enum mode mode;
    enum wish wish;
    enum policy_state state;             /* at which it is judged */
    bool after;                          /* looks at hits or points: when the facts are there */
    struct rule *rule;
};

/* policy.lua: the processes that run the script, from the first question on. */
struct lua_rule {
    enum mode mode;                      /* MODE_OFF also without a script */
    const struct set_lua *set;
    unsigned states;                     /* CHECK_AT(...) of those at which it is asked */
    struct child_pool **pool;            /* *pool NULL: nobody has asked yet */
    const char *args[3];
};

/* In this order: what is known, what looks at what was found, what counts. */
enum check_stage { CHECK_FACTS, CHECK_AFTER, CHECK_CHARGE, CHECK_STAGES };

struct rules {
    unsigned refs;
    uint64_t serial;                     /* no two sets of rules have the same */
    struct settings *set;                /* a reference */
    struct arena *arena;
    enum mode mode;                      /* of policyd as a whole */
    unsigned checks[CHECK_STAGES][POLICY_STATES];   /* bits of all_checks that are in use there */
    struct access_rule allow, deny;
    struct spoof_rule spoof;
    struct lua_rule lua;
    struct custom_rule *custom;
    size_t n_custom;
    unsigned custom_after;               /* bits of the states with a rule that needs all facts: no early end there */
    bool counts_let_in;                  /* some rule looks at `recipients` */
    struct name_list *lists;             /* as in set->policy.lists */
    struct dnsbl_rule *dnsbl;
    size_t n_dnsbl;
    struct limit_rule *limits;           /* enforced ones first */
    size_t n_limits, n_enforced_limits;
    struct greylist_rule greylist;
    struct countries *countries;         /* NULL: not known */
    enum mode spf_mode, helo_mode, client_name_mode, null_sender_mode, recipients_mode;
    bool keeps_recipients;               /* some rule or limit asks who was let in */
    bool counts_bytes, counts_refused, counts_by_recipient;   /* some limit does */
    struct resolver *resolver;           /* NULL: nothing is looked up, or (spoof alone) nobody can be asked */
    bool hand_over;                      /* a cfilter stands behind: it is told what is known of a message */
    struct handover_key key;
};

/* What can be said about a policy section beyond its syntax; false when any error was added. */
bool rules_check(const struct settings *set, struct conf_errors *errors);
/* Makes rules of settings that passed rules_check.  NULL with err when the environment fails (a key file, resolv.conf).
 * `lists` keeps the lists' health over a reload; `old` (may be NULL) lends its resolver when the servers are the same.
 * serving: messages will be handed over, so the key is needed (and made at the first start). */
struct rules *rules_new(struct loop *loop, struct settings *set, struct dnsbl_healths *lists, const struct rules *old, bool serving,
                        struct errtext *err);
struct rules *rules_ref(struct rules *r);
void rules_unref(struct rules **r);

/* ---- rules_custom.c ---- */
void rules_check_custom(const struct settings *set, struct conf_errors *errors);
void rules_make_custom(struct rules *r);
void rules_free_custom(struct rules *r);

/* ---- rules_lua.c ---- */
void rules_check_lua(const struct settings *set, struct conf_errors *errors);
void rules_make_lua(struct rules *r);
void rules_free_lua(struct rules *r);

/* ---- rules_limits.c ---- */
void rules_check_limits(const struct settings *set, struct conf_errors *errors);
/* false with err: a file of overrides cannot be read. */
bool rules_make_limits(struct rules *r, struct loop *loop, bool serving, struct errtext *err);
void rules_free_limits(struct rules *r);

#endif
