/* sync_order.c - from the settings of a source to what its reading process is told.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/sync_order.h"

#include "socketmapd/ldap_filter.h"

/* A filter that somebody wrote for one address says nothing of how to find them all. */
bool sync_wanted(const struct set_recipient_source *set)
{
    if (set->servers.n == 0 || set->sync.method == SYNC_OFF)
        return false;
    return set->sync.filter[0] != '\0' || (set->profile != LDAP_PROFILE_NONE && set->filter[0] == '\0');
}

const char *sync_filter_of_profile(int profile)
{
    /* Any class: users, groups, contacts, public folders, dynamic groups. */
    return ldap_profile_is_ad(profile) ? "(|(proxyAddresses=*)(mail=*))" : "(|(mail=*)(mailLocalAddress=*)(mailAlternateAddress=*))";
}

size_t sync_attributes_of_profile(int profile, span out[SYNC_ATTRIBUTES_MAX])
{
    size_t n = 0;

    if (ldap_profile_is_ad(profile))
        out[n++] = SPAN("proxyAddresses");
    out[n++] = SPAN("mail");
    if (!ldap_profile_is_ad(profile)) {
        out[n++] = SPAN("mailLocalAddress");
        out[n++] = SPAN("mailAlternateAddress");
    }
    return n;
}

int sync_order_fill(const struct settings *all, const struct set_recipient_source *set, struct buf *password, struct buf *domains,
                    struct sync_order *out, struct errtext *err)
{
    const struct ldap_settings where = { &set->servers, set->base, &set->bind, set->tls, set->ca_file, set->timeout_ms };
    struct sync_order o = { .method = set->sync.method, .active_directory = ldap_profile_is_ad(set->profile),
                            .fold_local_part = all->recipients.fold_local_part, .leavers = set->sync.leavers,
                            .interval_ms = set->sync.interval_ms, .full_interval_ms = set->sync.full_interval_ms };

    if (ldap_config_fill(&where, &o.config, password, err) != 0)
        return -1;
    o.config.skip_references = o.active_directory;
    o.filter = span_str(set->sync.filter[0] != '\0' ? set->sync.filter : sync_filter_of_profile(set->profile));
    o.login = span_str(set->sync.login[0] != '\0' ? set->sync.login : o.active_directory ? "userPrincipalName" : "uid");
    o.n_attributes = set->sync.attributes.n;
    for (size_t i = 0; i < o.n_attributes; i++)
        o.attribute[i] = span_str(set->sync.attributes.v[i]);
    if (o.n_attributes == 0)
        o.n_attributes = sync_attributes_of_profile(set->profile, o.attribute);
    for (size_t i = 0; i < set->domains.n; i++) {
        buf_append_str(domains, set->domains.v[i]);
        buf_append_char(domains, '\n');
    }
    if (domains->overflow) {
        errtext_set(err, "more than %d bytes of domains", SYNC_DOMAINS_BYTES_MAX);
        return -1;
    }
    o.domains = buf_span(domains);
    *out = o;
    return 0;
}
