/* callout_target.h - which server is asked about a domain's recipients: the configured ones and no other.
 *
 * Source:    RFC 5321 5.1 (MX), transport(5).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CALLOUT_TARGET_H
#define GATEPOST_SOCKETMAPD_CALLOUT_TARGET_H

#include "lib/net/dnsc.h"
#include "lib/settings/settings.h"

struct callout_target {
    char host[256];                  /* a name or a numeric address */
    int port;
    bool mx;                         /* its MX is asked for first */
};

/* callout.server ("HOST:PORT", "mx") or the route of callout.transport.  false: the domain has none. */
bool callout_target_of(const struct settings *all, const struct set_callout *set, span domain, struct callout_target *out);
/* "[inner.example.com]:25", "inner.example.com:2525", "192.0.2.1", with or without a transport's name before. */
bool callout_target_parse(span text, struct callout_target *out);

struct callout_lookup;
/* address: "inet:1.2.3.4:25", NULL with why when there is none; name: of the server, for its certificate; choices: how many there are, at least 1:
 * turns 0 to choices - 1 go through them, in order of preference (RFC 5321 5.1).  fn runs once, perhaps before it returns (then *out is
 * NULL), unless cancelled. */
typedef void callout_lookup_fn(const char *address, const char *name, size_t choices, const char *why, void *arg);
void callout_resolve(struct dnsc *d, const struct callout_target *t, unsigned turn, int64_t deadline_ms, callout_lookup_fn *fn, void *arg,
                     struct callout_lookup **out);
void callout_lookup_cancel(struct callout_lookup **l);

#endif
