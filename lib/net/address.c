/* address.c - where to listen or connect: text to socket address and back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>

static int parse_unix(const char *text, span path, struct address *out, struct errtext *err)
{
    if (path.n == 0) {
        errtext_set(err, "%s: no path behind \"unix:\"", text);
        return -1;
    }
    if (path.n >= sizeof(out->sa.un.sun_path)) {   /* unix(7): 107 bytes and a NUL */
        errtext_set(err, "%s: the path is longer than %zu bytes", text, sizeof(out->sa.un.sun_path) - 1);
        return -1;
    }
    *out = (struct address){ .len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1) };
    out->sa.un.sun_family = AF_UNIX;
    memcpy(out->sa.un.sun_path, path.p, path.n);
    return 0;
}

/* getaddrinfo, because scoped addresses (fe80::1%eth0) are its own. */
static bool parse_v6(const char *host, struct address *out)
{
    const struct addrinfo hints = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found = NULL;

    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    memcpy(&out->sa.in6, found->ai_addr, sizeof(out->sa.in6));
    freeaddrinfo(found);
    return true;
}

static bool parse_host(span host, bool bracketed, uint16_t port, struct address *out)
{
    char name[96];

    if (host.n == 0 || host.n >= sizeof(name) || memchr(host.p, '\0', host.n) != NULL)
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    *out = (struct address){ 0 };
    if (bracketed && strchr(name, ':') != NULL) {
        if (!parse_v6(name, out))
            return false;
        out->sa.in6.sin6_port = htons(port);
        out->len = sizeof(out->sa.in6);
        return true;
    }
    if (strcmp(name, "localhost") == 0)   /* RFC 6761 section 6.3 */
        strcpy(name, "127.0.0.1");
    if (inet_pton(AF_INET, name, &out->sa.in.sin_addr) != 1)
        return false;
    out->sa.in.sin_family = AF_INET;
    out->sa.in.sin_port = htons(port);
    out->len = sizeof(out->sa.in);
    return true;
}

int address_parse(const char *text, struct address *out, struct errtext *err)
{
    span s = span_str(text), host;
    struct address parsed;
    size_t colon;
    uint64_t port;
    bool bracketed;

    if (span_starts(s, SPAN("unix:")))
        return parse_unix(text, span_from(s, 5), out, err);
    if (span_starts(s, SPAN("inet:")))
        s = span_from(s, 5);
    colon = span_rfind(s, ':');
    if (colon == s.n || !span_to_u64(span_from(s, colon + 1), &port) || port > 65535) {
        errtext_set(err, "%s: no port number behind the last \":\" (write HOST:PORT, [V6]:PORT or unix:/PATH)", text);
        return -1;
    }
    host = span_head(s, colon);
    bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracketed)
        host = (span){ host.p + 1, host.n - 2 };
    if (!parse_host(host, bracketed, (uint16_t)port, &parsed)) {
        errtext_set(err, "%s: \"%.*s\" is not a numeric address (an IPv6 address stands in [])", text, SPAN_ARG(host));
        return -1;
    }
    *out = parsed;
    return 0;
}

void address_format(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN];

    switch (a->len > 0 ? a->sa.any.sa_family : AF_UNSPEC) {
    case AF_INET:
        inet_ntop(AF_INET, &a->sa.in.sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(a->sa.in.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &a->sa.in6.sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(a->sa.in6.sin6_port));
        break;
    case AF_UNIX:
        if (a->len > offsetof(struct sockaddr_un, sun_path) && a->sa.un.sun_path[0] == '/')
            snprintf(text, ADDRESS_TEXT_MAX, "unix:%.*s", (int)(a->len - offsetof(struct sockaddr_un, sun_path)), a->sa.un.sun_path);
        else
            snprintf(text, ADDRESS_TEXT_MAX, "unix");
        break;
    default:
        snprintf(text, ADDRESS_TEXT_MAX, "unknown");
    }
}

int address_port(const struct address *a)
{
    if (a->len > 0 && a->sa.any.sa_family == AF_INET)
        return ntohs(a->sa.in.sin_port);
    if (a->len > 0 && a->sa.any.sa_family == AF_INET6)
        return ntohs(a->sa.in6.sin6_port);
    return -1;
}
