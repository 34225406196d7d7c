/* map_words.c - what a map of each kind says to the MTA.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/map_words.h"

#include <stdio.h>

#include "lib/proto/domain.h"
#include "lib/proto/mailbox.h"
#include "socketmapd/sync.h"

static void ok(struct map_reply *out, const char *data)
{
    out->word = MAP_OK;
    snprintf(out->data, sizeof(out->data), "%s", data);
}

static void temp(struct map_reply *out, const char *id, const struct lookup_result *r)
{
    out->word = MAP_TEMP;
    out->refuses = true;
    snprintf(out->data, sizeof(out->data), "%s: %.400s (id %s)", r->source, r->detail, id);
}

/* An address within a reply: one line of printable ASCII, as an access(5) action must be. */
static void printable(span key, char out[128])
{
    size_t n = key.n < 127 ? key.n : 127;

    for (size_t i = 0; i < n; i++)
        out[i] = key.p[i] > 0x20 && key.p[i] < 0x7f ? key.p[i] : '?';
    out[n] = '\0';
}

static void say_recipients(bool observe, const char *id, const struct lookup_result *r, struct map_reply *out)
{
    out->refuses = r->answer != RCPT_VALID;
    if (r->answer == RCPT_VALID || observe)
        ok(out, "x");
    else if (r->answer == RCPT_TEMPFAIL)
        temp(out, id, r);
}

static void say_internal(bool observe, const char *address, const char *id, const struct lookup_result *r, struct map_reply *out)
{
    if (r->answer == RCPT_TEMPFAIL && !observe)
        temp(out, id, r);
    if (r->answer != RCPT_VALID || !r->internal)
        return;
    out->refuses = true;
    if (observe)
        return;
    out->word = MAP_OK;
    snprintf(out->data, sizeof(out->data), "550 5.7.1 <%s>: this recipient takes mail from inside only (id %s)", address, id);
}

static void say_access(bool observe, const char *address, const char *id, const struct lookup_result *r, struct map_reply *out)
{
    out->word = MAP_OK;
    out->refuses = r->answer != RCPT_VALID && !r->not_ours;
    if (observe || !out->refuses)
        ok(out, "DUNNO");
    else if (r->answer == RCPT_INVALID)
        snprintf(out->data, sizeof(out->data), "550 5.1.1 <%s>: Recipient address rejected: User unknown (id %s)", address, id);
    else
        snprintf(out->data, sizeof(out->data), "450 4.1.1 <%s>: Recipient cannot be looked up now, try again later (id %s)", address, id);
}

bool map_asks_lookup(int kind)
{
    return kind == MAP_RECIPIENTS || kind == MAP_INTERNAL || kind == MAP_ACCESS || kind == MAP_ALIASES;
}

void map_word_recipient(const struct set_map *map, bool observe, span key, const char *id, const struct lookup_result *r, struct map_reply *out)
{
    char address[128];

    out->word = MAP_NOTFOUND;
    out->refuses = false;
    printable(key, address);
    switch (map->kind) {
    case MAP_INTERNAL:
        say_internal(observe, address, id, r, out);
        break;
    case MAP_ACCESS:
        say_access(observe, address, id, r, out);
        break;
    default:
        say_recipients(observe, id, r, out);
    }
}

/* ---- aliases and logins ---- */

void map_word_alias(const struct address *a, const char *id, const struct lookup_result *r, struct map_reply *out)
{
    struct buf text;

    out->word = MAP_NOTFOUND;
    out->refuses = false;
    if (a->alias_of == NULL || r->answer == RCPT_INVALID)
        return;
    if (r->answer == RCPT_TEMPFAIL) {
        temp(out, id, r);
        return;
    }
    buf_init(&text, sizeof(out->data) - 1);
    mailbox_append_quoted(&text, span_head(a->whole, a->whole.n - a->domain.n - 1));
    buf_append_char(&text, '@');
    buf_append(&text, a->domain);
    if (!text.overflow)
        ok(out, buf_cstr(&text));
    buf_free(&text);
}

void map_word_sender(struct lookup *k, span key, struct map_reply *out)
{
    const struct sources *s = lookup_sources(k);
    struct address a;
    struct buf login;

    out->word = MAP_NOTFOUND;
    out->refuses = false;
    if (!lookup_resolve(k, key, &a))
        return;
    buf_init(&login, sizeof(out->data) - 1);
    for (size_t i = 0; i < s->n && out->word == MAP_NOTFOUND; i++) {
        const struct source_type *type = s->v[i].type;
        enum sync_login found = type->sync != NULL && source_covers(&s->v[i], a.domain) ? sync_login(type->sync(s->v[i].state), a.whole, &login)
                                                                                         : SYNC_LOGIN_NONE;

        if (found == SYNC_LOGIN_FOUND)
            ok(out, buf_cstr(&login));
        if (found == SYNC_LOGIN_LATER) {
            out->word = MAP_TEMP;
            snprintf(out->data, sizeof(out->data), "%s: the directory has not been read since this address came", s->v[i].set->name);
        }
    }
    buf_free(&login);
}

/* ---- maps about domains ---- */

static bool domain_of(span key, char text[DOMAIN_TEXT_MAX], span *domain_out)
{
    struct mailbox m;

    mailbox_split(key, &m);
    return domain_normalise(m.domain.p != NULL ? m.domain : key, text, domain_out) == DOMAIN_OK;
}

static bool is_alias(const struct settings *set, span domain)
{
    const struct set_domain_alias *alias = set->recipients.aliases.v;

    for (size_t i = 0; i < set->recipients.aliases.n; i++) {
        if (span_eq(span_str(alias[i].name), domain))
            return true;
    }
    return false;
}

static const char *route_of(const struct set_map *map, span domain)
{
    const struct set_route *route = map->routes.v;

    for (size_t i = 0; i < map->routes.n; i++) {
        if (span_eq(span_str(route[i].name), domain))
            return route[i].to;
    }
    return NULL;
}

/* transport_maps are asked for "*" too, and for senders: both are nothing of ours. */
void map_word_domain(const struct settings *set, const struct set_map *map, span key, struct map_reply *out)
{
    char text[DOMAIN_TEXT_MAX];
    const char *route;
    span domain;

    out->word = MAP_NOTFOUND;
    out->refuses = false;
    if (!domain_of(key, text, &domain))
        return;
    if (map->kind == MAP_DOMAINS && span_find(key, '@') == key.n && (settings_own_domain(set, domain) || is_alias(set, domain)))
        ok(out, "x");
    else if (map->kind == MAP_TRANSPORT && (route = route_of(map, domain)) != NULL)
        ok(out, route);
}
