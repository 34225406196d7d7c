/* settings_check.c - what must fit between the parts of policy, and of the store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/settings/rows.h"

/* ---- names of networks ---- */

static void check_network_names(const struct settings *s, struct conf_errors *errors, const struct conf_strings *names, const char *path)
{
    const struct set_network *lists = s->networks.v;

    for (size_t i = 0; i < names->n; i++) {
        const char *known[64], *near;
        size_t n = 0;
        char at[128];

        if (settings_network(s, names->v[i]) != NULL)
            continue;
        for (size_t k = 0; k < s->networks.n && n < 63; k++) {
            if (lists[k].name != NULL)
                known[n++] = lists[k].name;
        }
        known[n] = NULL;
        near = conf_nearest(span_str(names->v[i]), known);
        snprintf(at, sizeof(at), "%s[%zu]", path, i);
        settings_error(s, errors, at, "\"%.80s\" is no list under networks%s%s%s", names->v[i], near != NULL ? " (did you mean " : "",
                       near != NULL ? near : "", near != NULL ? "?)" : "");
    }
}

/* ---- dnsbl ---- */

static void set_returns(const struct settings *s, struct set_dnsbl *d, const char *filter)
{
    const char **one = arena_alloc(s->arena, sizeof(*one));

    *one = filter;
    d->returns = (struct conf_strings){ one, 1 };
}

static void check_dnsbl(const struct settings *s, struct conf_errors *errors, size_t i)
{
    struct set_dnsbl *all = s->policy.dnsbl.v, *d = &all[i];
    char path[64], at[96];

    snprintf(path, sizeof(path), "policy.dnsbl[%zu]", i);
    if (!conf_sound(s->marks, path))
        return;
    if (d->zone == NULL && d->preset == DNSBL_PRESET_NONE) {
        settings_error(s, errors, path, "needs a zone or a preset");
    } else if (d->zone != NULL && d->preset != DNSBL_PRESET_NONE) {
        snprintf(at, sizeof(at), "%s.zone", path);
        settings_error(s, errors, at, "goes with preset: none only, the preset brings its own");
    }
    snprintf(at, sizeof(at), "%s.key_file", path);
    if (d->preset == DNSBL_PRESET_SPAMHAUS_DQS && d->key_file == NULL)
        settings_error(s, errors, at, "must be given with spamhaus-dqs: the file with your query key");
    if (d->preset == DNSBL_PRESET_SPAMHAUS && d->key_file != NULL)
        settings_error(s, errors, at, "a key goes with spamhaus-dqs, not with the public mirrors");
    snprintf(at, sizeof(at), "%s.returns", path);
    if (d->preset != DNSBL_PRESET_NONE && !settings_written(s, at))   /* ZEN, DBL: their published codes */
        set_returns(s, d, d->kind == DNSBL_CLIENT ? "127.0.0.[2..11]" : "127.0.1.[2..199]");
    else if (d->kind != DNSBL_CLIENT && !settings_written(s, at))     /* lists of domains answer 127.0.1.x as well (RFC 5782 2.3) */
        set_returns(s, d, "127.0.[0..1].[2..254]");
    snprintf(at, sizeof(at), "%s.name", path);
    for (size_t j = 0; j < i; j++) {
        if (all[j].name != NULL && strcmp(all[j].name, d->name) == 0)
            settings_error(s, errors, at, "\"%s\" is the name of an earlier list", d->name);
    }
}

/* ---- limits ---- */

static bool counts_logins(const struct set_limit *l)
{
    for (size_t i = 0; i < l->key.n; i++) {
        if (strcmp(l->key.v[i], "sasl_username") == 0)
            return true;
    }
    return false;
}

/* "network:NAME" in a key. */
static void check_limit_networks(const struct settings *s, struct conf_errors *errors, size_t i)
{
    const struct set_limit *l = (const struct set_limit *)s->policy.limits.v + i;

    for (size_t k = 0; k < l->key.n; k++) {
        const char *name = l->key.v[k] + 8;
        char at[96];

        if (strncmp(l->key.v[k], "network:", 8) != 0)
            continue;
        snprintf(at, sizeof(at), "policy.limits[%zu].key", i);
        check_network_names(s, errors, &(struct conf_strings){ &name, 1 }, at);
    }
}

static void check_limit_text(const struct settings *s, struct conf_errors *errors, size_t i)
{
    const struct set_limit *l = (const struct set_limit *)s->policy.limits.v + i;
    struct errtext err;
    char at[96];

    snprintf(at, sizeof(at), "policy.limits[%zu].text", i);
    if (l->action == LIMIT_PREPEND && l->text != NULL && check_header_field(&l->text, &err) < 0)
        settings_error(s, errors, at, "%s", err.text);
}

static void check_limit(const struct settings *s, struct conf_errors *errors, size_t i)
{
    struct set_limit *all = s->policy.limits.v, *l = &all[i];
    char at[96];

    snprintf(at, sizeof(at), "policy.limits[%zu]", i);
    if (!conf_sound(s->marks, at))
        return;
    check_limit_networks(s, errors, i);
    check_limit_text(s, errors, i);
    snprintf(at, sizeof(at), "policy.limits[%zu].block", i);
    if (l->block && !counts_logins(l))
        settings_error(s, errors, at, "goes with a key that holds sasl_username: only a login can be blocked");
    snprintf(at, sizeof(at), "policy.limits[%zu].hook", i);
    if (l->hook && s->policy.hook.command.n == 0 && (s->policy.hook.url == NULL || s->policy.hook.url[0] == '\0'))
        settings_error(s, errors, at, "needs policy.hook.command or policy.hook.url: who is told");
    snprintf(at, sizeof(at), "policy.limits[%zu].trusted_too", i);
    if (!settings_written(s, at))
        l->trusted_too = counts_logins(l);
    snprintf(at, sizeof(at), "policy.limits[%zu].name", i);
    if (l->name != NULL && strcmp(l->name, "hook") == 0)
        settings_error(s, errors, at, "\"hook\" is what policy.hook counts by");
    for (size_t j = 0; j < i; j++) {
        if (all[j].name != NULL && strcmp(all[j].name, l->name) == 0)
            settings_error(s, errors, at, "\"%s\" is the name of an earlier limit: they would share their counts", l->name);
    }
}

/* ---- score ---- */

/* A lower threshold that lies above a higher one would never be reached. */
static void check_score_order(const struct settings *s, struct conf_errors *errors)
{
    const struct set_score *score = &s->policy.score;
    const struct { const char *path; double v; } steps[] = {
        { "policy.score.prepend", score->prepend },
        { "policy.score.greylist", score->greylist },
        { "policy.score.defer", score->defer },
        { "policy.score.reject", score->reject },
    };

    for (size_t i = 0; i < 3; i++) {
        for (size_t j = i + 1; j < 4; j++) {
            if (steps[i].v == 0 || steps[j].v == 0 || steps[i].v <= steps[j].v)
                continue;
            settings_error(s, errors, steps[i].path, "is above %s: it would never act", steps[j].path);
            break;
        }
    }
}

void settings_check_policy(struct settings *s, struct conf_errors *errors)
{
    const struct set_policy *p = &s->policy;

    if (conf_sound(s->marks, "policy.rules")) {
        check_network_names(s, errors, &p->rules.allow.lists, "policy.rules.allow.networks");
        check_network_names(s, errors, &p->rules.deny.lists, "policy.rules.deny.networks");
        check_network_names(s, errors, &p->rules.spoof.partners, "policy.rules.spoof.partners");
    }
    for (size_t i = 0; i < p->dnsbl.n; i++)
        check_dnsbl(s, errors, i);
    for (size_t i = 0; i < p->limits.n; i++)
        check_limit(s, errors, i);
    if (p->limits.n > LIMITS_MAX)
        settings_error(s, errors, "policy.limits", "has %zu entries; %d are the most that one decision takes", p->limits.n, LIMITS_MAX);
    if (conf_sound(s->marks, "policy.score"))
        check_score_order(s, errors);
}

void settings_check_store(struct settings *s, struct conf_errors *errors)
{
    const struct set_redis *r = &s->store.redis;
    bool server = settings_written(s, "store.redis.server");

    if (r->sentinels.n > 0 && (server || r->cluster.n > 0))
        settings_error(s, errors, "store.redis.sentinels", "stands in place of server and cluster: give one of the three");
    else if (r->cluster.n > 0 && server)
        settings_error(s, errors, "store.redis.cluster", "stands in place of server: give one of them");
    if (r->cluster.n > 0 && r->db != 0)
        settings_error(s, errors, "store.redis.db", "a Redis Cluster has database 0 alone");
}
