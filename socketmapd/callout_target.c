/* callout_target.c - which server is asked about a domain's recipients.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/callout_target.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/net/address.h"

enum { SMTP_PORT = 25, PORT_MAX = 65535 };

/* ---- which ---- */

/* "smtp:[host]:25": a transport's name is a word without dots before a colon, and what follows is no port. */
static span without_transport(span text)
{
    size_t colon = span_find(text, ':');
    uint64_t port;

    if (colon >= text.n || span_find(span_head(text, colon), '.') < colon || text.p[0] == '[' || span_to_u64(span_from(text, colon + 1), &port))
        return text;
    return span_from(text, colon + 1);
}

static bool take_port(span rest, struct callout_target *t)
{
    uint64_t port;

    t->port = SMTP_PORT;
    if (rest.n == 0)
        return true;
    if (rest.p[0] != ':' || !span_to_u64(span_from(rest, 1), &port) || port == 0 || port > PORT_MAX)
        return false;
    t->port = (int)port;
    return true;
}

bool callout_target_parse(span text, struct callout_target *out)
{
    struct callout_target t = { .mx = false };
    size_t end;
    span host;

    text = without_transport(text);
    if (text.n > 0 && text.p[0] == '[') {
        end = span_find(text, ']');
        host = span_from(span_head(text, end), 1);
        text = span_from(text, end + 1);
    } else {
        end = span_find(text, ':');
        host = span_head(text, end);
        text = span_from(text, end);
    }
    if (host.n == 0 || host.n >= sizeof(t.host) || memchr(host.p, '\0', host.n) != NULL || !take_port(text, &t))
        return false;
    memcpy(t.host, host.p, host.n);
    *out = t;
    return true;
}

static bool target_of_route(const struct settings *all, const char *name, span domain, struct callout_target *out)
{
    const struct set_map *maps = all->maps.v;

    for (size_t i = 0; i < all->maps.n; i++) {
        const struct set_route *r = maps[i].routes.v;

        for (size_t k = 0; strcmp(maps[i].name, name) == 0 && k < maps[i].routes.n; k++) {
            if (span_eq(span_str(r[k].name), domain))
                return callout_target_parse(span_str(r[k].to), out);
        }
    }
    return false;
}

bool callout_target_of(const struct settings *all, const struct set_callout *set, span domain, struct callout_target *out)
{
    if (set->transport != NULL && set->transport[0] != '\0')
        return target_of_route(all, set->transport, domain, out);
    if (strcmp(set->server, "mx") != 0)
        return callout_target_parse(span_str(set->server), out);
    *out = (struct callout_target){ .port = SMTP_PORT, .mx = true };
    return domain.n < sizeof(out->host) && memcpy(out->host, domain.p, domain.n) != NULL;
}

/* ---- where ---- */

struct callout_lookup {
    struct dnsc *dnsc;
    struct callout_target target;
    struct dnsc_query *query;
    unsigned turn;
    size_t hosts, addresses;          /* between which there is a choice, as far as is known */
    bool tried_v4;
    int64_t deadline_ms;
    callout_lookup_fn *fn;
    void *arg;
};

static void finish(struct callout_lookup *l, const char *address, const char *why)
{
    struct callout_lookup done = *l;

    free(l);
    done.fn(address, done.target.host, done.hosts * done.addresses, why, done.arg);
}

static bool is_numeric(const struct callout_target *t, char address[300])
{
    struct address parsed;

    snprintf(address, 300, strchr(t->host, ':') != NULL ? "inet:[%s]:%d" : "inet:%s:%d", t->host, t->port);
    return address_parse(address, &parsed, NULL) == 0;
}

static void ask_address(struct callout_lookup *l);

static void on_address(const struct dnsc_answer *a, void *arg)
{
    struct callout_lookup *l = arg;
    char text[IPADDR_TEXT_MAX], address[300], why[400];

    l->query = NULL;
    if (a->outcome == DNSC_FOUND) {
        l->addresses = a->n;
        ipaddr_format(&a->records[l->turn / l->hosts % a->n].addr, text);
        snprintf(address, sizeof(address), strchr(text, ':') != NULL ? "inet:[%s]:%d" : "inet:%s:%d", text, l->target.port);
        finish(l, address, NULL);
    } else if (!l->tried_v4) {
        l->tried_v4 = true;
        ask_address(l);
    } else {
        snprintf(why, sizeof(why), "the address of %s: %s", l->target.host, dnsc_outcome_name(a->outcome));
        finish(l, NULL, why);
    }
}

static void ask_address(struct callout_lookup *l)
{
    char address[300];

    if (is_numeric(&l->target, address))
        finish(l, address, NULL);
    else
        dnsc_ask(l->dnsc, span_str(l->target.host), l->tried_v4 ? DNSC_AAAA : DNSC_A, l->deadline_ms, on_address, l, &l->query);
}

/* The record that is tried as number `turn`; of equal preference in the order of the answer. */
static size_t by_preference(const struct dnsc_answer *a, size_t turn)
{
    for (size_t i = 0; i < a->n; i++) {
        size_t before = 0;

        for (size_t k = 0; k < a->n; k++)
            before += a->records[k].priority < a->records[i].priority || (a->records[k].priority == a->records[i].priority && k < i);
        if (before == turn)
            return i;
    }
    return 0;
}

static void on_mx(const struct dnsc_answer *a, void *arg)
{
    struct callout_lookup *l = arg;
    size_t best;
    char why[400];

    l->query = NULL;
    if (a->outcome != DNSC_FOUND) {
        snprintf(why, sizeof(why), "the MX of %s: %s", l->target.host, dnsc_outcome_name(a->outcome));
        finish(l, NULL, why);
        return;
    }
    best = by_preference(a, l->turn % a->n);
    l->hosts = a->n;
    if (a->records[best].text.n >= sizeof(l->target.host) || a->records[best].text.n == 0) {
        finish(l, NULL, "the domain has a null MX (RFC 7505)");
        return;
    }
    snprintf(l->target.host, sizeof(l->target.host), "%.*s", SPAN_ARG(a->records[best].text));
    ask_address(l);
}

void callout_resolve(struct dnsc *d, const struct callout_target *t, unsigned turn, int64_t deadline_ms, callout_lookup_fn *fn, void *arg,
                     struct callout_lookup **out)
{
    struct callout_lookup *l = xcalloc(1, sizeof(*l));
    char address[300];

    *out = NULL;
    *l = (struct callout_lookup){ .dnsc = d, .target = *t, .turn = turn, .hosts = 1, .addresses = 1, .deadline_ms = deadline_ms, .fn = fn, .arg = arg };
    if (!t->mx && is_numeric(t, address)) {
        finish(l, address, NULL);
        return;
    }
    *out = l;
    if (t->mx)
        dnsc_ask(d, span_str(t->host), DNSC_MX, deadline_ms, on_mx, l, &l->query);
    else
        ask_address(l);
}

void callout_lookup_cancel(struct callout_lookup **l)
{
    if (*l == NULL)
        return;
    dnsc_cancel(&(*l)->query);
    free(*l);
    *l = NULL;
}
