/* settings_check.c - what must fit between the parts of policy, and of the store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/conf/conf_units.h"
#include "lib/proto/domain.h"
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

/* Of a zone with a customer's key the second label: the first must not show. */
static const char *name_of_zone(const struct settings *s, const char *zone)
{
    span rest = span_str(zone);

    if (zone_holds_key(&zone))
        rest = span_from(rest, span_find(rest, '.') + 1);
    return arena_str(s->arena, span_head(rest, span_find(rest, '.') < 63 ? span_find(rest, '.') : 63));
}

/* "zone", "zone=filter", "zone*weight", "zone=filter*weight". */
static bool take_short_form(const struct settings *s, struct set_dnsbl *d, struct errtext *err)
{
    span line = span_str(d->line), filter;
    size_t equals = span_find(line, '='), star = span_rfind(line, '*');
    char text[DOMAIN_TEXT_MAX];
    struct dnsbl_filter parsed;
    span zone;
    double weight;

    if (domain_normalise(span_head(line, equals < star ? equals : star), text, &zone) != DOMAIN_OK || !domain_is_fqdn(zone)) {
        errtext_set(err, "is no DNS list (try zen.example.net=127.0.0.[2..11]*3)");
        return false;
    }
    d->zone = arena_str(s->arena, zone);
    d->name = name_of_zone(s, d->zone);
    filter = equals < line.n ? span_from(line, equals + 1) : (span){ NULL, 0 };
    if (filter.n > 0) {
        if (!settings_dnsbl_code(arena_str(s->arena, filter), d->weight, &parsed, &weight, err))
            return false;
        set_returns(s, d, arena_str(s->arena, filter));
        return true;
    }
    if (star < line.n && (!conf_number_parse(span_from(line, star + 1), &d->weight) || d->weight < -1000 || d->weight > 1000)) {
        errtext_set(err, "\"%.*s\" is no weight", SPAN_ARG(span_head(span_from(line, star + 1), 40)));
        return false;
    }
    return equals == line.n;
}

static void check_dnsbl(const struct settings *s, struct conf_errors *errors, size_t i)
{
    struct set_dnsbl *all = s->policy.dnsbl.v, *d = &all[i];
    struct errtext err = { "has an = without a filter behind it" };
    char path[64], at[96];

    snprintf(path, sizeof(path), "policy.dnsbl[%zu]", i);
    if (!conf_sound(s->marks, path))
        return;
    if (d->line != NULL && !take_short_form(s, d, &err))
        return settings_error(s, errors, path, "%s", err.text);
    if (d->name == NULL || d->name[0] == '\0')
        return settings_error(s, errors, path, "needs a name, which replies and logs may show");
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
    else if (d->kind != DNSBL_CLIENT && !settings_written(s, at) && d->line == NULL)     /* lists of domains answer 127.0.1.x as well (RFC 5782 2.3) */
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

/* ---- lists ---- */

struct list_file { struct arena *arena; const char **v; size_t n, cap; };

static void add_name(struct list_file *f, const char *name)
{
    if (f->n == f->cap) {
        const char **more = arena_alloc(f->arena, (f->cap * 2 + 64) * sizeof(*more));

        if (f->n > 0)
            memcpy(more, f->v, f->n * sizeof(*more));
        f->v = more;
        f->cap = f->cap * 2 + 64;
    }
    f->v[f->n++] = name;
}

/* What a list's file names is added to what the configuration does. */
static void read_list_file(const struct settings *s, struct set_name_list *list, struct conf_errors *errors)
{
    struct list_file f = { .arena = s->arena };
    FILE *file = fopen(list->file, "re");
    char *line = NULL, path[120];
    size_t size = 0;
    ssize_t n;

    snprintf(path, sizeof(path), "policy.lists.%s.file", list->name);
    if (file == NULL)
        return settings_error(s, errors, path, "%s cannot be read: %s", list->file, strerror(errno));
    for (size_t i = 0; i < list->names.n; i++)
        add_name(&f, list->names.v[i]);
    while ((n = getline(&line, &size, file)) >= 0) {
        span name = span_of(line, (size_t)n);

        name = span_trim(span_head(name, span_find(name, '#')));
        if (name.n > 0)
            add_name(&f, arena_str(s->arena, name));
    }
    if (ferror(file))
        settings_error(s, errors, path, "%s cannot be read to its end: %s", list->file, strerror(errno));
    free(line);
    fclose(file);
    list->names = (struct conf_strings){ f.v, f.n };
}

static void read_lists(const struct settings *s, struct conf_errors *errors)
{
    struct set_name_list *lists = s->policy.lists.v;

    for (size_t i = 0; i < s->policy.lists.n; i++) {
        if (lists[i].file != NULL && lists[i].file[0] != '\0')
            read_list_file(s, &lists[i], errors);
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
    if (conf_sound(s->marks, "policy.lists"))
        read_lists(s, errors);
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
