/* limit_key.c - what has a count of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_key.h"

#include "policyd/key_text.h"

/* Room for every address that can be. */
struct key_writer {
    char text[4096];
    size_t n;
};

static void key_raw(struct key_writer *w, span s)
{
    if (s.n > sizeof(w->text) - w->n)
        s.n = sizeof(w->text) - w->n;
    if (s.n > 0)
        memcpy(w->text + w->n, s.p, s.n);
    w->n += s.n;
}

static bool client_value(const struct request *r, const struct limit_key_part *part, char text[IPADDR_TEXT_MAX + 4], span *out)
{
    unsigned prefix = r->client.family == 6 ? part->prefix6 : part->prefix4;
    struct ipnet net;

    if (!r->client_plain)
        return false;
    if (prefix == (r->client.family == 6 ? 128 : 32)) {
        *out = span_str(r->client_text);
        return true;
    }
    net = ipnet_of(&r->client, prefix);
    ipnet_format(&net, text);
    *out = span_str(text);
    return true;
}

/* The value of a part; false when the request has none. */
static bool part_value(const struct request *r, span recipient, const struct limit_key_part *part, struct arena *arena,
                       char text[IPADDR_TEXT_MAX + 4], span *out)
{
    switch (part->part) {
    case PART_CLIENT:
        return client_value(r, part, text, out);
    case PART_NETWORK:
        *out = span_str(part->network);
        return r->client.family != 0 && part->nets != NULL && ipnet_list_contains(part->nets->v, part->nets->n, &r->client);
    case PART_SENDER:
        *out = r->sender.n > 0 ? r->sender : SPAN("<>");   /* bounces have one sender: nobody */
        return true;
    case PART_SENDER_DOMAIN:
        *out = r->sender_domain;
        break;
    case PART_SASL_USERNAME:
        *out = r->login;
        break;
    case PART_RECIPIENT:
        *out = recipient;
        break;
    case PART_RECIPIENT_DOMAIN:
        *out = recipient.p == r->recipient.p ? r->recipient_domain : request_domain_of(arena, recipient);
        break;
    case PART_HELO:
        *out = r->helo;
        break;
    case PART_ALL:
        *out = SPAN("all");
        return true;
    }
    return out->n > 0;
}

bool limit_value(const struct limit_rule *rule, const struct request *r, span recipient, struct arena *arena, span *value_out)
{
    struct key_writer w;

    w.n = 0;
    for (size_t i = 0; i < rule->n_parts; i++) {
        char text[IPADDR_TEXT_MAX + 4];
        span value = { NULL, 0 };

        if (!part_value(r, recipient, &rule->parts[i], arena, text, &value))
            return false;
        if (i > 0)
            key_raw(&w, SPAN("|"));
        w.n += key_text(value, '|', '|', w.text + w.n, sizeof(w.text) - w.n);
    }
    *value_out = arena_span(arena, span_of(w.text, w.n));
    return true;
}

static span domain_in(span name)
{
    return span_from(name, span_rfind(name, '@') + 1);
}

size_t limit_subjects(const struct limit_rule *rule, const struct request *r, span recipient, struct arena *arena,
                      struct override_subject to[LIMIT_PARTS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < rule->n_parts; i++) {
        char text[IPADDR_TEXT_MAX + 4];
        enum limit_part part = rule->parts[i].part;
        span value = { NULL, 0 };

        if (part == PART_CLIENT || part == PART_NETWORK) {
            to[n++] = (struct override_subject){ .client = &r->client };
        } else if (part_value(r, recipient, &rule->parts[i], arena, text, &value)) {
            bool name_is_domain = part == PART_SENDER_DOMAIN || part == PART_RECIPIENT_DOMAIN || part == PART_HELO;

            value = arena_lower(arena, value);
            to[n++] = (struct override_subject){ .name = value, .domain = name_is_domain ? value : domain_in(value) };
        }
    }
    return n;
}

static span limit_key(const struct limit_window *window, span value, struct arena *arena)
{
    char *key = arena_alloc(arena, window->prefix.n + value.n);

    memcpy(key, window->prefix.p, window->prefix.n);
    memcpy(key + window->prefix.n, value.p, value.n);
    return span_of(key, window->prefix.n + value.n);
}

size_t limit_questions(const struct limit_rates *rates, span value, int64_t cost, int64_t want, struct arena *arena, struct store_limit *to, size_t room)
{
    size_t n = 0;

    for (; n < rates->n && n < room; n++) {
        to[n] = rates->v[n].rate;
        to[n].key = limit_key(&rates->v[n], value, arena);
        to[n].cost = cost;
        to[n].want = want;
    }
    return n;
}

span limit_once(const char *tag, const struct request *r, span recipient, struct arena *arena)
{
    span instance = request_attr(r, POLICY_INSTANCE);
    struct key_writer w;

    if (instance.n == 0)
        return (span){ NULL, 0 };
    w.n = 0;
    key_raw(&w, span_str(tag));
    key_raw(&w, SPAN("/"));
    key_raw(&w, instance);
    key_raw(&w, SPAN("/"));
    key_raw(&w, request_attr(r, POLICY_CLIENT_ADDRESS));
    if (recipient.n > 0) {
        key_raw(&w, SPAN("/"));
        key_raw(&w, recipient);
    }
    return arena_span(arena, span_of(w.text, w.n));
}
