/* override.c - rates of their own for some keys of a limit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/override.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "policyd/name_list.h"

struct override {
    const char *who;
    const struct limit_rates *rates;
    struct override *next;               /* in the list of its kind */
    struct ipnet net;
    struct name_list names;
    const struct conf_nets *nets;
};

struct overrides {
    const struct settings *set;
    const struct set_limit *limit;
    struct arena *arena;
    struct map *names;                   /* name, "@domain" or ".domain" -> struct override */
    struct map *rates;                   /* text -> struct limit_rates: thousands of names have few rates */
    struct override *lists, *named, *nets;   /* nets: longest prefix first */
    size_t n;
};

struct overrides *overrides_new(const struct settings *set, const struct set_limit *limit)
{
    struct overrides *o = xcalloc(1, sizeof(*o));

    *o = (struct overrides){ .set = set, .limit = limit, .arena = arena_new(4096), .names = map_new(), .rates = map_new() };
    return o;
}

void overrides_free(struct overrides **op)
{
    struct overrides *o = *op;

    *op = NULL;
    if (o == NULL)
        return;
    map_free(&o->names, NULL);
    map_free(&o->rates, NULL);
    arena_free(&o->arena);
    free(o);
}

size_t overrides_count(const struct overrides *o)
{
    return o->n;
}

/* ---- adding ---- */

static const struct limit_rates *rates_of(struct overrides *o, const struct conf_strings *text, struct errtext *err)
{
    struct limit_rates *rates = text->n == 1 ? map_get(o->rates, span_str(text->v[0])) : NULL;

    if (rates != NULL)
        return rates;
    rates = arena_alloc(o->arena, sizeof(*rates));
    if (!limit_rates_override(o->limit, text, o->arena, rates, err))
        return NULL;
    if (text->n == 1)
        map_put(o->rates, span_str(text->v[0]), rates);
    return rates;
}

static bool add_network(struct overrides *o, struct override *new)
{
    struct override **at = &o->nets;

    while (*at != NULL && (*at)->net.prefix > new->net.prefix)
        at = &(*at)->next;
    for (const struct override *same = *at; same != NULL && same->net.prefix == new->net.prefix; same = same->next) {
        if (same->net.addr.family == new->net.addr.family && ipnet_contains(&same->net, &new->net.addr))
            return false;
    }
    new->next = *at;
    *at = new;
    return true;
}

static bool add_to(struct override **list, struct override *new)
{
    for (const struct override *o = *list; o != NULL; o = o->next) {
        if (strcmp(o->who, new->who) == 0)
            return false;
    }
    new->next = *list;
    *list = new;
    return true;
}

/* false: it was there already, or (err has text) it cannot be. */
static bool put(struct overrides *o, struct override *new, struct errtext *err)
{
    span who = span_str(new->who);
    const struct set_name_list *list;

    if (span_starts(who, SPAN("list:"))) {
        if ((list = settings_list(o->set, new->who + 5)) == NULL) {
            errtext_set(err, "\"%.80s\" is no list under policy.lists", new->who + 5);
            return false;
        }
        name_list_make(&new->names, &list->names, o->arena);
        return add_to(&o->lists, new);
    }
    if (span_starts(who, SPAN("network:"))) {
        if ((new->nets = settings_network(o->set, new->who + 8)) == NULL)
            errtext_set(err, "\"%.80s\" is no list under networks", new->who + 8);
        return new->nets != NULL && add_to(&o->named, new);
    }
    if (ipnet_parse(who, &new->net))
        return add_network(o, new);
    if (map_get(o->names, who) != NULL)
        return false;
    map_put(o->names, who, new);
    return true;
}

bool overrides_add(struct overrides *o, span who, const struct conf_strings *rate, struct errtext *err)
{
    struct override *new = arena_alloc(o->arena, sizeof(*new));

    err->text[0] = '\0';
    if (who.n == 0 || who.n > STORE_KEY_MAX) {
        errtext_set(err, who.n == 0 ? "names nobody" : "is longer than any key");
        return false;
    }
    new->who = arena_str(o->arena, arena_lower(o->arena, who));
    if ((new->rates = rates_of(o, rate, err)) == NULL)
        return false;
    if (!put(o, new, err)) {
        if (err->text[0] == '\0')
            errtext_set(err, "\"%.80s\" has a rate already", new->who);
        return false;
    }
    o->n++;
    return true;
}

/* ---- looking up ---- */

static const struct override *by_name(const struct overrides *o, const struct override_subject *s)
{
    return s->name.n > 0 ? map_get(o->names, s->name) : NULL;
}

static const struct override *by_domain(const struct overrides *o, const struct override_subject *s)
{
    char at[256] = "@";
    span rest = s->domain;
    const struct override *found;

    if (rest.n == 0 || rest.n >= sizeof(at) - 1)
        return NULL;
    memcpy(at + 1, rest.p, rest.n);
    if ((found = map_get(o->names, span_of(at, rest.n + 1))) != NULL)
        return found;
    for (size_t dot; (dot = span_find(rest, '.')) < rest.n; rest = span_from(rest, dot + 1)) {
        if ((found = map_get(o->names, span_from(rest, dot))) != NULL)
            return found;
    }
    return NULL;
}

static const struct override *by_list(const struct overrides *o, const struct override_subject *s)
{
    for (const struct override *l = o->lists; l != NULL; l = l->next) {
        if (name_list_has_mailbox(&l->names, s->name, s->domain))
            return l;
    }
    return NULL;
}

static const struct override *by_network(const struct overrides *o, const struct override_subject *s)
{
    if (s->client == NULL)
        return NULL;
    for (const struct override *n = o->nets; n != NULL; n = n->next) {
        if (ipnet_contains(&n->net, s->client))
            return n;
    }
    for (const struct override *n = o->named; n != NULL; n = n->next) {
        if (ipnet_list_contains(n->nets->v, n->nets->n, s->client))
            return n;
    }
    return NULL;
}

const struct limit_rates *overrides_find(const struct overrides *o, const struct override_subject *subjects, size_t n, const char **who_out)
{
    static const struct override *(*const ways[])(const struct overrides *, const struct override_subject *) = {
        by_name, by_domain, by_list, by_network,
    };

    if (o == NULL || o->n == 0)
        return NULL;
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
        for (size_t i = 0; i < n; i++) {
            const struct override *found = ways[way](o, &subjects[i]);

            if (found != NULL) {
                *who_out = found->who;
                return found->rates;
            }
        }
    }
    return NULL;
}
