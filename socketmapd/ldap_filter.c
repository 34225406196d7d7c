/* ldap_filter.c - search filters for one address, with every value escaped.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ldap_filter.h"

#include "lib/settings/settings.h"

void ldap_filter_escape(span value, struct buf *to)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (c == '*' || c == '(' || c == ')' || c == '\\' || c < 0x20 || c >= 0x7f)
            buf_printf(to, "\\%02x", c);
        else
            buf_append_char(to, (char)c);
    }
}

bool ldap_filter_check(const char *templ, struct errtext *err)
{
    int depth = 0;
    bool names_address = false;

    if (templ[0] != '(') {
        errtext_set(err, "the filter \"%s\" does not begin with \"(\"", templ);
        return false;
    }
    for (const char *p = templ; *p != '\0'; p++) {
        if (*p == '(')
            depth++;
        if (*p == ')' && --depth < 0)
            break;
        if (*p != '%')
            continue;
        p++;
        if (*p != 's' && *p != 'u' && *p != 'd' && *p != '%') {
            errtext_set(err, "the filter \"%s\" has an unknown \"%%\" word (known: %%s address, %%u local-part, %%d domain, %%%%)", templ);
            return false;
        }
        names_address = names_address || *p == 's' || *p == 'u';
    }
    if (depth != 0) {
        errtext_set(err, "the parentheses of the filter \"%s\" do not match", templ);
        return false;
    }
    if (!names_address) {
        errtext_set(err, "the filter \"%s\" holds neither %%s nor %%u: it would find the same entry for every address", templ);
        return false;
    }
    return true;
}

bool ldap_filter_expand(const char *templ, span address, struct buf *to)
{
    size_t at = span_rfind(address, '@');

    for (const char *p = templ; *p != '\0'; p++) {
        if (*p != '%') {
            buf_append_char(to, *p);
            continue;
        }
        switch (*++p) {
        case 's':
            ldap_filter_escape(address, to);
            break;
        case 'u':
            ldap_filter_escape(span_head(address, at), to);
            break;
        case 'd':
            ldap_filter_escape(span_from(address, at + 1), to);
            break;
        default:
            buf_append_char(to, '%');
        }
    }
    return !to->overflow;
}

bool ldap_profile_is_ad(int profile)
{
    return profile == LDAP_PROFILE_ACTIVE_DIRECTORY || profile == LDAP_PROFILE_EXCHANGE_HYBRID;
}

const char *ldap_filter_of_profile(int profile)
{
    switch (profile) {
    case LDAP_PROFILE_ACTIVE_DIRECTORY:
    case LDAP_PROFILE_EXCHANGE_HYBRID:
        /* Any class: users, groups, contacts, public folders, dynamic groups.  Disabled accounts are not left out: shared
         * and room mailboxes are disabled accounts that do receive.  The match of "smtp:" is without case in AD. */
        return "(|(proxyAddresses=smtp:%s)(mail=%s))";
    case LDAP_PROFILE_OPENLDAP:
    default:
        return "(|(mail=%s)(mailLocalAddress=%s)(mailAlternateAddress=%s))";
    }
}

void ldap_filter_without_leavers(span filter, struct buf *to)
{
    buf_printf(to, "(&%.*s(!(&(userAccountControl:1.2.840.113556.1.4.803:=2)(|(!(msExchRecipientTypeDetails=*))(msExchRecipientTypeDetails=1)))))",
               SPAN_ARG(filter));
}
