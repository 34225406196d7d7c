/* ipnet.c - IP addresses and networks: reading, writing, comparing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/ipnet.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { MAPPED_BITS = 96 };

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static unsigned address_bits(const struct ipaddr *a)
{
    return a->family == 4 ? 32 : a->family == 6 ? 128 : 0;
}

static size_t address_bytes(const struct ipaddr *a)
{
    return address_bits(a) / 8;
}

/* Takes the brackets and RFC 5321's tag off, and the zone of a scoped address. */
static span bare_text(span text, bool *must_be_v6_out)
{
    *must_be_v6_out = false;
    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = (span){ text.p + 1, text.n - 2 };
    if (span_starts_nocase(text, SPAN("IPv6:"))) {
        text = span_from(text, 5);
        *must_be_v6_out = true;
    }
    if (span_find(text, ':') < text.n)
        text = span_head(text, span_find(text, '%'));
    return text;
}

/* *mapped_out: the text was IPv4 inside IPv6. */
static bool parse_text(span text, struct ipaddr *out, bool *mapped_out)
{
    char z[IPADDR_TEXT_MAX];
    uint8_t b[16] = { 0 };
    bool must_be_v6, is_v6;

    text = bare_text(text, &must_be_v6);
    is_v6 = span_find(text, ':') < text.n;
    if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, '\0', text.n) != NULL || (must_be_v6 && !is_v6))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, z, b) != 1)
        return false;
    *mapped_out = is_v6 && memcmp(b, mapped_prefix, sizeof(mapped_prefix)) == 0;
    memset(out, 0, sizeof(*out));
    out->family = is_v6 && !*mapped_out ? 6 : 4;
    memcpy(out->b, *mapped_out ? b + sizeof(mapped_prefix) : b, address_bytes(out));
    return true;
}

bool ipaddr_parse(span text, struct ipaddr *out)
{
    struct ipaddr a;
    bool mapped;

    if (!parse_text(text, &a, &mapped))
        return false;
    *out = a;
    return true;
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals. */
static unsigned longest_zero_run(const unsigned group[8], unsigned *len_out)
{
    unsigned best = 8, best_len = 1;

    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;

        while (i + n < 8 && group[i + n] == 0)
            n++;
        if (n > best_len) {
            best = i;
            best_len = n;
        }
        i += n;
    }
    *len_out = best < 8 ? best_len : 0;
    return best;
}

static void format_v6(const uint8_t b[16], char text[IPADDR_TEXT_MAX])
{
    unsigned group[8], run, run_len;
    size_t n = 0;

    for (size_t i = 0; i < 8; i++)
        group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
    run = longest_zero_run(group, &run_len);
    for (unsigned i = 0; i < 8;) {
        if (i == run) {
            n += (size_t)snprintf(text + n, IPADDR_TEXT_MAX - n, "::");
            i += run_len;
            continue;
        }
        n += (size_t)snprintf(text + n, IPADDR_TEXT_MAX - n, "%s%x", i > 0 && text[n - 1] != ':' ? ":" : "", group[i]);
        i++;
    }
}

/* One octet in decimal; where the next character goes. */
static char *put_octet(char *to, unsigned octet)
{
    if (octet >= 100)
        *to++ = (char)('0' + octet / 100);
    if (octet >= 10)
        *to++ = (char)('0' + octet / 10 % 10);
    *to++ = (char)('0' + octet % 10);
    return to;
}

/* By hand, because it is written several times a request and printf costs ten times as much. */
static void format_v4(const uint8_t b[4], char text[IPADDR_TEXT_MAX])
{
    for (size_t i = 0; i < 4; i++) {
        text = put_octet(text, b[i]);
        *text++ = i < 3 ? '.' : '\0';
    }
}

void ipaddr_format(const struct ipaddr *a, char text[IPADDR_TEXT_MAX])
{
    if (a->family == 4)
        format_v4(a->b, text);
    else if (a->family == 6)
        format_v6(a->b, text);
    else
        text[0] = '\0';
}

bool ipaddr_eq(const struct ipaddr *a, const struct ipaddr *b)
{
    return a->family == b->family && memcmp(a->b, b->b, address_bytes(a)) == 0;
}

struct ipnet ipnet_of(const struct ipaddr *a, unsigned prefix)
{
    struct ipnet net = { .addr = *a };
    unsigned bits = address_bits(a);
    size_t full;

    net.prefix = (uint8_t)(prefix < bits ? prefix : bits);
    full = net.prefix / 8;
    if (full < sizeof(net.addr.b)) {
        net.addr.b[full] = (uint8_t)(net.addr.b[full] & ~(0xff >> net.prefix % 8));
        memset(net.addr.b + full + 1, 0, sizeof(net.addr.b) - full - 1);
    }
    return net;
}

/* The prefix length as written, in bits of the family that the address came out as. */
static bool parse_prefix(span digits, const struct ipaddr *a, bool mapped, unsigned *prefix_out)
{
    uint64_t n;

    if (digits.n > 3 || !span_to_u64(digits, &n))
        return false;
    if (mapped) {
        if (n < MAPPED_BITS)
            return false;
        n -= MAPPED_BITS;
    }
    if (n > address_bits(a))
        return false;
    *prefix_out = (unsigned)n;
    return true;
}

bool ipnet_parse(span text, struct ipnet *out)
{
    size_t slash = span_find(text, '/');
    struct ipaddr a;
    struct ipnet net;
    unsigned prefix;
    bool mapped;

    if (!parse_text(span_head(text, slash), &a, &mapped))
        return false;
    prefix = address_bits(&a);
    if (slash < text.n && !parse_prefix(span_from(text, slash + 1), &a, mapped, &prefix))
        return false;
    net = ipnet_of(&a, prefix);
    if (!ipaddr_eq(&net.addr, &a))   /* 192.0.2.1/24: a slip of the pen, or a host meant as a net */
        return false;
    *out = net;
    return true;
}

bool ipnet_contains(const struct ipnet *net, const struct ipaddr *a)
{
    size_t full = net->prefix / 8;
    unsigned left = net->prefix % 8;

    if (net->addr.family == 0 || net->addr.family != a->family || memcmp(net->addr.b, a->b, full) != 0)
        return false;
    return left == 0 || ((net->addr.b[full] ^ a->b[full]) >> (8 - left)) == 0;
}

bool ipnet_list_contains(const struct ipnet *nets, size_t n, const struct ipaddr *a)
{
    for (size_t i = 0; i < n; i++)
        if (ipnet_contains(&nets[i], a))
            return true;
    return false;
}

void ipnet_format(const struct ipnet *net, char text[IPADDR_TEXT_MAX + 4])
{
    ipaddr_format(&net->addr, text);
    if (net->addr.family == 0)
        return;
    text += strlen(text);
    *text++ = '/';
    *put_octet(text, net->prefix) = '\0';
}
