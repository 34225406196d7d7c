/* ipnet.h - IP addresses and networks as values.
 *
 * Pure.  IPv4-mapped IPv6 (::ffff:192.0.2.1, RFC 4291 2.5.5.2) is read as the IPv4 address it is.  Scoped addresses (fe80::1%eth0) lose the zone.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_IPNET_H
#define GATEPOST_PROTO_IPNET_H

#include "lib/base/span.h"

struct ipaddr {
    uint8_t family;        /* 4 or 6; 0: no address */
    uint8_t b[16];         /* network order; the first 4 for IPv4 */
};

struct ipnet {
    struct ipaddr addr;    /* host bits are zero */
    uint8_t prefix;        /* bits, 0..32 or 0..128 */
};

enum { IPADDR_TEXT_MAX = 46 };   /* with NUL */

bool ipaddr_parse(span text, struct ipaddr *out);           /* bare form, or "[v6]", or "IPV6:..." (RFC 5321 4.1.3) */
void ipaddr_format(const struct ipaddr *a, char text[IPADDR_TEXT_MAX]);   /* RFC 5952; "" for no address */
bool ipaddr_eq(const struct ipaddr *a, const struct ipaddr *b);
/* The network of a with so many leading bits. */
struct ipnet ipnet_of(const struct ipaddr *a, unsigned prefix);
/* "ADDR" or "ADDR/PREFIX"; host bits set is an error (false), as Postfix has it. */
bool ipnet_parse(span text, struct ipnet *out);
bool ipnet_contains(const struct ipnet *net, const struct ipaddr *a);
bool ipnet_list_contains(const struct ipnet *nets, size_t n, const struct ipaddr *a);
void ipnet_format(const struct ipnet *net, char text[IPADDR_TEXT_MAX + 4]);

#endif
