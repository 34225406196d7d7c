/* rules.c - the policy section of the settings as the checks use it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "policyd/check.h"
#include "policyd/dnsbl_health.h"

static const struct set_dnsbl *dnsbl_at(const struct settings *set, size_t i)
{
    return (const struct set_dnsbl *)set->policy.dnsbl.v + i;
}

/* ---- checks of a whole configuration ---- */

static bool zone_fits(span zone)
{
    char text[DNSBL_NAME_MAX];
    struct ipaddr longest = { .family = 6 };
    span name;

    return dnsbl_query_address(&longest, zone, text, &name);
}

static void check_dnsbl_set(const struct settings *set, size_t i, struct conf_errors *errors)
{
    struct errtext err = { .text = "" };
    struct buf zone;
    char path[64];

    snprintf(path, sizeof(path), "policy.dnsbl[%zu]", i);
    buf_init(&zone, DNSBL_NAME_MAX);
    if (settings_dnsbl_zone(dnsbl_at(set, i), &zone, &err) < 0)
        settings_error(set, errors, path, "%s", err.text);
    else if (!zone_fits(buf_span(&zone)))        /* the zone stays unsaid: it may hold a key */
        settings_error(set, errors, path, "has a zone too long for an IPv6 address before it");
    if (zone.base != NULL)
        explicit_bzero(zone.base, zone.cap);
    buf_free(&zone);
}

static void check_countries(const struct settings *set, struct conf_errors *errors)
{
    const char *path = set->policy.country_database;
    bool given = path != NULL && path[0] != '\0';
    struct errtext err;
    struct countries *c;

    if (!given && set->policy.rules.allow.countries.n > 0)
        settings_error(set, errors, "policy.rules.allow.countries", "needs policy.country_database");
    if (!given && set->policy.rules.deny.countries.n > 0)
        settings_error(set, errors, "policy.rules.deny.countries", "needs policy.country_database");
    if (!given)
        return;
    if ((c = countries_open(path, &err)) == NULL)
        settings_error(set, errors, "policy.country_database", "%s", err.text);
    countries_close(&c);
}

bool rules_check(const struct settings *set, struct conf_errors *errors)
{
    size_t before = conf_errors_count(errors);

    if (set->policy.dnsbl.n > RULES_DNSBL_MAX)
        settings_error(set, errors, "policy.dnsbl", "has %zu lists, at most %d are asked", set->policy.dnsbl.n, RULES_DNSBL_MAX);
    for (size_t i = 0; i < set->policy.dnsbl.n; i++)
        check_dnsbl_set(set, i, errors);
    check_countries(set, errors);
    rules_check_custom(set, errors);
    rules_check_lua(set, errors);
    rules_check_limits(set, errors);
    return conf_errors_count(errors) == before;
}

/* ---- lists ---- */

static bool make_codes(struct dnsbl_rule *rule, const struct set_dnsbl *set, struct errtext *err)
{
    for (size_t i = 0; i < set->returns.n && i < DNSBL_CODES_MAX; i++) {
        struct dnsbl_code *code = &rule->codes[rule->n_codes];

        if (!settings_dnsbl_code(set->returns.v[i], set->weight, &code->filter, &code->weight, err))
            return false;
        rule->n_codes++;
        rule->low += code->weight < 0 ? code->weight : 0;
        rule->high += code->weight > 0 ? code->weight : 0;
    }
    if (rule->n_codes == 0) {
        rule->low = set->weight < 0 ? set->weight : 0;
        rule->high = set->weight > 0 ? set->weight : 0;
    }
    return true;
}

static bool make_list(struct rules *r, struct dnsbl_rule *rule, const struct set_dnsbl *set, struct dnsbl_healths *lists, struct errtext *err)
{
    struct buf zone;
    bool ok;

    rule->set = set;
    rule->mode = mode_effective((int)r->mode, set->mode);
    buf_init(&zone, DNSBL_NAME_MAX);
    ok = make_codes(rule, set, err) && settings_dnsbl_zone(set, &zone, err) == 0;
    if (ok)
        rule->health = dnsbl_health_of(lists, set->name, buf_span(&zone), (enum dnsbl_kind)set->kind);
    else
        errtext_prefix(err, "dnsbl %s", set->name);
    if (zone.base != NULL)
        explicit_bzero(zone.base, zone.cap);
    buf_free(&zone);
    return ok;
}

static bool make_lists(struct rules *r, struct dnsbl_healths *lists, struct errtext *err)
{
    size_t n = r->set->policy.dnsbl.n;

    r->dnsbl = arena_alloc(r->arena, n * sizeof(*r->dnsbl));
    for (size_t i = 0; i < n; i++) {
        if (!make_list(r, &r->dnsbl[i], dnsbl_at(r->set, i), lists, err))
            return false;
        r->n_dnsbl = i + 1;
    }
    return true;
}

/* ---- resolver ---- */

static bool same_servers(const struct conf_strings *a, const struct conf_strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    }
    return true;
}

static void resolver_unref(struct resolver **rp)
{
    struct resolver *r = *rp;

    *rp = NULL;
    if (r == NULL || --r->refs > 0)
        return;
    dnsc_free(&r->dnsc);
    free(r);
}

static bool make_resolver(struct rules *r, struct loop *loop, const struct rules *old, struct errtext *err)
{
    const struct conf_strings *servers = &r->set->policy.dns.servers;
    const char **list = arena_alloc(r->arena, (servers->n + 1) * sizeof(*list));
    struct dnsc_settings ds = { .servers = servers->n > 0 ? list : NULL };

    bool needed = r->set->policy.dnsbl.n > 0 || r->spf_mode != MODE_OFF || r->lua.mode != MODE_OFF ||
                  (mode_effective((int)r->mode, r->set->policy.rules.helo.mode) != MODE_OFF && r->set->policy.rules.helo.unresolvable > 0);

    if (!needed && r->spoof.mode == MODE_OFF)
        return true;
    if (old != NULL && old->resolver != NULL && same_servers(servers, &old->set->policy.dns.servers)) {
        r->resolver = old->resolver;
        r->resolver->refs++;
        return true;
    }
    for (size_t i = 0; i < servers->n; i++)
        list[i] = servers->v[i];
    r->resolver = xcalloc(1, sizeof(*r->resolver));
    r->resolver->refs = 1;
    r->resolver->dnsc = dnsc_new(loop, &ds, err);
    if (r->resolver->dnsc != NULL)
        return true;
    free(r->resolver);
    r->resolver = NULL;
    if (!needed) {                       /* the rule spoof does without */
        err->text[0] = '\0';
        return true;
    }
    errtext_prefix(err, "DNS");
    return false;
}

/* ---- networks ---- */

/* The nets of named networks, and own (may be NULL). */
static const struct conf_nets **nets_of(struct rules *r, const struct conf_strings *lists, const struct conf_nets *own, size_t *n_out)
{
    const struct conf_nets **nets = arena_alloc(r->arena, (lists->n + 1) * sizeof(*nets));
    size_t n = 0;

    if (own != NULL && own->n > 0)
        nets[n++] = own;
    for (size_t i = 0; i < lists->n; i++) {
        const struct conf_nets *named = settings_network(r->set, lists->v[i]);

        if (named != NULL)           /* settings_load has complained of names that are not there */
            nets[n++] = named;
    }
    *n_out = n;
    return nets;
}

static void make_access(struct rules *r, const struct set_access_rule *set, struct access_rule *rule)
{
    rule->mode = mode_effective((int)r->mode, set->mode);
    rule->nets = nets_of(r, &set->lists, &set->clients, &rule->n);
    name_list_make(&rule->hosts, &set->hosts, r->arena);
    name_list_make(&rule->helo, &set->helo, r->arena);
    name_list_make(&rule->senders, &set->senders, r->arena);
    name_list_make(&rule->recipients, &set->recipients, r->arena);
    name_list_make(&rule->logins, &set->logins, r->arena);
    name_list_make(&rule->fingerprints, &set->fingerprints, r->arena);
    name_list_make(&rule->countries, &set->countries, r->arena);
    rule->tls_below = (enum tls_version)set->tls_below;
    rule->any = rule->n + rule->hosts.n + rule->helo.n + rule->senders.n + rule->recipients.n + rule->logins.n + rule->fingerprints.n +
                rule->countries.n > 0 || rule->tls_below != TLS_ANY;
    rule->text = set->text;
}

/* ---- greylist ---- */

static void make_greylist(struct rules *r)
{
    const struct set_greylist *set = &r->set->policy.greylist;
    struct greylist_rule *rule = &r->greylist;

    rule->set = set;
    rule->mode = mode_effective((int)r->mode, set->mode);
    if (set->when == GREYLIST_OFF || (set->when == GREYLIST_SCORE && r->set->policy.score.greylist <= 0))
        rule->mode = MODE_OFF;
    name_list_make(&rule->skip_recipients, &set->skip_recipients, r->arena);
    name_list_make(&rule->skip_senders, &set->skip_senders, r->arena);
    name_list_make(&rule->skip_hosts, &set->skip_hosts, r->arena);
}

/* ---- rules that are only a mode and numbers ---- */

static void make_modes(struct rules *r)
{
    const struct set_rules *set = &r->set->policy.rules;

    r->helo_mode = mode_effective((int)r->mode, set->helo.mode);
    r->client_name_mode = mode_effective((int)r->mode, set->client_name.mode);
    r->null_sender_mode = mode_effective((int)r->mode, set->null_sender.mode);
    r->recipients_mode = mode_effective((int)r->mode, set->recipients.mode);
    if (set->recipients.max == 0 && set->recipients.max_login == 0)
        r->recipients_mode = MODE_OFF;
    r->keeps_recipients = r->n_limits > 0 || r->null_sender_mode != MODE_OFF || r->recipients_mode != MODE_OFF || r->counts_let_in;
}

/* ---- life ---- */

/* Without a cfilter nobody would take the field out again. */
static bool make_handover(struct rules *r, bool serving, struct errtext *err)
{
    const char *reinject = r->set->filter.reinject;

    r->hand_over = serving && reinject != NULL && reinject[0] != '\0';
    return !r->hand_over || handover_key_of(r->set, true, &r->key, err) == 0;
}

static bool make_countries(struct rules *r, struct errtext *err)
{
    const char *path = r->set->policy.country_database;

    if (path == NULL || path[0] == '\0')
        return true;
    r->countries = countries_open(path, err);
    return r->countries != NULL;
}

struct rules *rules_new(struct loop *loop, struct settings *set, struct dnsbl_healths *lists, const struct rules *old, bool serving,
                        struct errtext *err)
{
    static uint64_t serial;
    struct rules *r = xcalloc(1, sizeof(*r));
    bool limits;

    r->refs = 1;
    r->serial = ++serial;
    r->set = settings_ref(set);
    r->arena = arena_new(4096);
    r->mode = mode_effective(set->mode, set->policy.mode);
    make_access(r, &set->policy.rules.allow, &r->allow);
    make_access(r, &set->policy.rules.deny, &r->deny);
    r->spoof.mode = mode_effective((int)r->mode, set->policy.rules.spoof.mode);
    r->spoof.partners = nets_of(r, &set->policy.rules.spoof.partners, NULL, &r->spoof.n);
    r->spf_mode = mode_effective((int)r->mode, set->policy.rules.spf.mode);
    rules_make_custom(r);
    rules_make_lua(r);
    limits = rules_make_limits(r, loop, serving, err);
    make_greylist(r);
    make_modes(r);
    if (!limits || !make_countries(r, err) || !make_handover(r, serving, err) || !make_resolver(r, loop, old, err) || !make_lists(r, lists, err))
        rules_unref(&r);
    else
        checks_in_use(r);
    return r;
}

struct rules *rules_ref(struct rules *r)
{
    r->refs++;
    return r;
}

void rules_unref(struct rules **rp)
{
    struct rules *r = *rp;

    *rp = NULL;
    if (r == NULL || --r->refs > 0)
        return;
    for (size_t i = 0; i < r->n_dnsbl; i++)
        dnsbl_health_unref(&r->dnsbl[i].health);
    rules_free_custom(r);
    rules_free_lua(r);
    countries_close(&r->countries);
    rules_free_limits(r);
    resolver_unref(&r->resolver);
    explicit_bzero(&r->key, sizeof(r->key));
    arena_free(&r->arena);
    settings_unref(&r->set);
    free(r);
}
