/* context.c - what is known of a message before it is read.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/context.h"

#include <stdio.h>

#include "lib/proto/header.h"

enum { HEADER_LOOKED_AT_MAX = 256 * 1024 };    /* policyd's field is prepended: it stands on top */

static void copy(char *to, size_t size, span from)
{
    snprintf(to, size, "%.*s", SPAN_ARG(from));
}

/* A field that was written for another client was taken out of that one's mail. */
static bool is_of_client(const struct handover *h, const struct ipaddr *client)
{
    struct ipaddr a;

    return client->family == 0 || !ipaddr_parse(span_str(h->client), &a) || ipaddr_eq(&a, client);
}

/* The first field that verifies counts; any that does not is forged (or from a transaction long ago). */
static void read_handover(const struct settings *set, const struct handover_key *key, span message, span reverse_path, int64_t wall_ms,
                          struct context *c)
{
    span head = span_head(message, HEADER_LOOKED_AT_MAX);
    struct header_field f;
    size_t at = 0;

    while (header_find(head, SPAN(HANDOVER_FIELD), &at, &f)) {
        struct handover h;

        if (!c->handed_over && key != NULL &&
            handover_read(f.body, reverse_path, key, wall_ms / 1000, set->handover.max_age_ms / 1000, &h) == HANDOVER_OK &&
            is_of_client(&h, &c->client)) {
            c->handed_over = true;
            c->handover = h;
        } else {
            c->forged = true;
        }
    }
}

void context_make(const struct settings *set, const struct handover_key *key, span message, span reverse_path,
                  const struct xforward *x, int64_t wall_ms, struct context *out)
{
    struct context c = { .handed_over = false };

    if (xforward_client(x, &c.client))
        ipaddr_format(&c.client, c.client_text);
    copy(c.client_name, sizeof(c.client_name), xforward_get(x, XFORWARD_NAME));
    copy(c.helo, sizeof(c.helo), xforward_get(x, XFORWARD_HELO));
    read_handover(set, key, message, reverse_path, wall_ms, &c);
    if (c.handed_over) {
        memcpy(c.id, c.handover.id, sizeof(c.id));
        c.trusted = c.handover.trusted || c.handover.login[0] != '\0';
    } else {
        id_make(c.id, wall_ms);
        c.trusted = c.client.family != 0 && settings_trusts(set, &c.client);
    }
    *out = c;
}
