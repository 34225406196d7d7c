/* settings_mode.c - small questions to a set: mode, networks, domains, what a reload cannot take over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/settings.h"

enum mode mode_effective(int outer, int own)
{
    if (outer == MODE_OFF || own == MODE_OFF)
        return MODE_OFF;
    if (outer == MODE_OBSERVE || own == MODE_OBSERVE)
        return MODE_OBSERVE;
    return MODE_ENFORCE;
}

const struct conf_nets *settings_network(const struct settings *s, const char *name)
{
    const struct set_network *v = s->networks.v;

    for (size_t i = 0; i < s->networks.n; i++) {
        if (v[i].name != NULL && strcmp(v[i].name, name) == 0)   /* NULL: while a broken file is checked */
            return &v[i].nets;
    }
    return NULL;
}

const struct set_name_list *settings_list(const struct settings *s, const char *name)
{
    const struct set_name_list *v = s->policy.lists.v;

    for (size_t i = 0; i < s->policy.lists.n; i++) {
        if (v[i].name != NULL && strcmp(v[i].name, name) == 0)
            return &v[i];
    }
    return NULL;
}

bool settings_trusts(const struct settings *s, const struct ipaddr *client)
{
    const struct conf_nets *trusted = settings_network(s, "trusted");

    return trusted != NULL && ipnet_list_contains(trusted->v, trusted->n, client);
}

bool settings_own_domain(const struct settings *s, span domain_lower)
{
    for (size_t i = 0; i < s->domains.n; i++) {
        if (span_eq(domain_lower, span_str(s->domains.v[i])))
            return true;
    }
    return false;
}

void settings_restart_keys(const struct settings *old, const struct settings *neu, struct buf *to)
{
    conf_changed(settings_rows, old, neu, APPLY_RESTART, to);
}
