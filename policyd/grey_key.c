/* grey_key.c - who is greylisted, and for what.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/grey_key.h"

#include "policyd/host_name.h"
#include "policyd/key_text.h"

static span in_braces(span s, struct arena *arena)
{
    char *text = arena_alloc(arena, s.n + 2);

    text[0] = '{';
    memcpy(text + 1, s.p, s.n);
    text[s.n + 1] = '}';
    for (size_t i = 1; i <= s.n; i++) {      /* no host name holds these; what claims to be one may */
        if (text[i] == '{' || text[i] == '}' || text[i] == '/')
            text[i] = '_';
    }
    return span_of(text, s.n + 2);
}

span grey_authority(const struct greylist_rule *rule, const struct request *r, bool spf_pass, struct arena *arena)
{
    char text[IPADDR_TEXT_MAX + 4], braced[IPADDR_TEXT_MAX + 6];
    struct ipnet net;
    size_t n;

    if (!r->client_plain)
        return (span){ NULL, 0 };
    if (spf_pass && r->sender_domain.n > 0)
        return in_braces(r->sender_domain, arena);
    if (r->host.n > 0 && !host_name_generic(r->host, &r->client))
        return in_braces(host_name_organisation(r->host), arena);
    net = ipnet_of(&r->client, (unsigned)(r->client.family == 6 ? rule->set->prefix6 : rule->set->prefix4));
    ipnet_format(&net, text);
    n = strlen(text);
    braced[0] = '{';
    memcpy(braced + 1, text, n);
    braced[n + 1] = '}';
    return arena_span(arena, span_of(braced, n + 2));
}

/* ---- the sender ---- */

/* BATV "prvs=tag=user" and SRS "srs0=hash=time=domain=user": what is signed anew each day. */
static span without_signature(span local)
{
    if (span_starts(local, SPAN("prvs="))) {
        span rest = span_from(local, 5);

        return span_from(rest, span_find(rest, '=') + 1);
    }
    if (local.n > 5 && (span_starts(local, SPAN("srs0")) || span_starts(local, SPAN("srs1"))) && strchr("=+-", local.p[4]) != NULL)
        return span_head(local, 4);
    return local;
}

span grey_sender(span sender, struct arena *arena)
{
    size_t at = span_rfind(sender, '@');
    span local = without_signature(span_head(sender, at)), domain = span_from(sender, at);
    char *text = arena_alloc(arena, sender.n + 1);
    size_t n = 0;

    if (sender.n == 0)
        return SPAN("<>");
    local = span_head(local, span_find(local, '+') > 0 ? span_find(local, '+') : local.n);
    for (size_t i = 0; i < local.n; i++) {
        bool digit = local.p[i] >= '0' && local.p[i] <= '9';

        if (!digit)
            text[n++] = local.p[i];
        else if (n == 0 || text[n - 1] != '#')
            text[n++] = '#';
    }
    memcpy(text + n, domain.p, domain.n);
    return span_of(text, n + domain.n);
}

span grey_key(span authority, const struct request *r, struct arena *arena)
{
    span sender = grey_sender(r->sender, arena);
    size_t room = authority.n + 2 + 3 * (sender.n + r->recipient.n);
    char *text = arena_alloc(arena, room);
    size_t n = authority.n;

    memcpy(text, authority.p, authority.n);
    text[n++] = '/';
    n += key_text(sender, '{', '}', text + n, room - n);
    text[n++] = '/';
    n += key_text(r->recipient, '{', '}', text + n, room - n);
    return span_of(text, n);
}
