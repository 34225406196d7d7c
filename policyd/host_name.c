/* host_name.c - what the name of a client says about it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/host_name.h"

#include <libpsl.h>
#include <stdio.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many of the address' octets stand in the name as decimal numbers of their own, in whichever order. */
static int octets_named(span name, const struct ipaddr *client)
{
    bool found[4] = { false };
    int n = 0;

    for (size_t i = 0; i < name.n;) {
        size_t end = i;
        uint64_t value;

        while (end < name.n && is_digit(name.p[end]))
            end++;
        if (end == i) {
            i++;
            continue;
        }
        for (int k = 0; end - i <= 3 && span_to_u64(span_of(name.p + i, end - i), &value) && k < 4; k++) {
            if (!found[k] && client->b[k] == value) {
                found[k] = true;
                n++;
                break;
            }
        }
        i = end;
    }
    return n;
}

/* "c0000207": the address in hexadecimal, as some providers write it. */
static bool names_hex(span name, const struct ipaddr *client)
{
    char hex[9];

    snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", client->b[0], client->b[1], client->b[2], client->b[3]);
    return span_find_span(name, span_of(hex, 8)) < name.n;
}

/* A label, or a part of one between dashes and digits, that providers give to lines of their customers. */
static bool is_pool_word(span word)
{
    static const char *const words[] = { "adsl", "cable", "cpe", "cust", "customer", "dhcp", "dial", "dialin", "dialup", "dsl", "dyn", "dynamic",
                                         "dynip", "ppp", "pppoe", "pool", "pools", "ppoe", "res", "residential", "sdsl", "vdsl", "ftth", "broadband",
                                         "mobile", "wifi", "hsd", "unassigned", "unused" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_eq(word, span_str(words[i])))
            return true;
    }
    return false;
}

static bool has_pool_word(span name)
{
    size_t begin = 0;

    for (size_t i = 0; i <= name.n; i++) {
        if (i < name.n && name.p[i] >= 'a' && name.p[i] <= 'z')
            continue;
        if (i > begin && is_pool_word(span_of(name.p + begin, i - begin)))
            return true;
        begin = i + 1;
    }
    return false;
}

bool host_name_generic(span name, const struct ipaddr *client)
{
    span organisation = host_name_organisation(name);
    span host = span_head(name, name.n - organisation.n);      /* what the organisation is called says nothing */

    if (host.n == 0)
        return false;
    if (client->family == 4 && (octets_named(host, client) >= 3 || names_hex(host, client)))
        return true;
    return has_pool_word(host);
}

span host_name_organisation(span name)
{
    char text[256];
    const char *part;

    if (name.n == 0 || name.n >= sizeof(text))
        return name;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    part = psl_registrable_domain(psl_builtin(), text);
    return part != NULL ? span_from(name, (size_t)(part - text)) : name;
}
