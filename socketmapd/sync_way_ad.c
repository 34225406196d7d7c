/* sync_way_ad.c - what the ways of Active Directory share: hints that something has changed.
 *
 * A hint comes on any change of any object; it only wakes the poll.
 * Source:    [MS-ADTS] 3.1.1.3.4.1.9 (LDAP_SERVER_NOTIFICATION_OID).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/sync_child.h"

#define OID_NOTIFICATION "1.2.840.113556.1.4.528"

void sync_ask_for_hints(struct sync_child *c)
{
    LDAPControl control = { .ldctl_oid = (char *)(uintptr_t)OID_NOTIFICATION, .ldctl_iscritical = 1 }, *controls[2] = { &control, NULL };
    char *attrs[] = { (char *)(uintptr_t)LDAP_NO_ATTRS, NULL };

    if (c->msgid != 0 || c->context[0] == '\0' || !sync_root_has(c, "supportedControl", OID_NOTIFICATION))
        return;
    if (ldap_search_ext(c->reader.dir.ld, c->context, LDAP_SCOPE_SUBTREE, "(objectClass=*)", attrs, 0, controls, NULL, NULL, LDAP_NO_LIMIT,
                        &c->msgid) != LDAP_SUCCESS)
        c->msgid = 0;
}

/* Without hints the poll comes at its interval: a server that gives none is no failure. */
bool sync_hint(struct sync_child *c, int type, LDAPMessage *m)
{
    if (ldap_msgid(m) != c->msgid)
        return true;
    if (type == LDAP_RES_SEARCH_RESULT)
        c->msgid = 0;
    else
        c->wake = true;
    return true;
}
