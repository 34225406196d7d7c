/* address.c - socket addresses as the configuration writes them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "lib/base/span.h"

static bool parse_unix(const char *path, struct address_socket *out, struct errtext *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->sa;

    if (path[0] == '\0' || strlen(path) >= sizeof(un->sun_path)) {
        errtext_set(err, "the path of unix:%s is empty or longer than %zu bytes", path, sizeof(un->sun_path) - 1);
        return false;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    out->len = (socklen_t)sizeof(*un);
    out->is_unix = true;
    return true;
}

static bool parse_inet(const char *text, struct address_socket *out, struct errtext *err)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found = NULL;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 32];
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    const char *from = text;

    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        from = text + 1;
        n -= 2;
    }
    if (n == 0 || n >= sizeof(host)) {
        errtext_set(err, "\"%s\" is not HOST:PORT (try 127.0.0.1:10025)", text);
        return false;
    }
    memcpy(host, from, n);
    host[n] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0 || found == NULL) {
        errtext_set(err, "\"%s\" is not a numeric HOST:PORT (try 127.0.0.1:10025)", text);
        return false;
    }
    memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
    out->len = found->ai_addrlen;
    out->is_unix = false;
    freeaddrinfo(found);
    return true;
}

bool address_socket_parse(const char *text, struct address_socket *out, struct errtext *err)
{
    memset(out, 0, sizeof(*out));
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, out, err);
    return parse_inet(strncmp(text, "inet:", 5) == 0 ? text + 5 : text, out, err);
}

void address_socket_format(const struct sockaddr_storage *sa, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    switch (sa->ss_family) {
    case AF_INET: {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(text, size, "[%s]:%u", host, ntohs(in->sin_port));
        break;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(text, size, "[%s]:%u", host, ntohs(in6->sin6_port));
        break;
    }
    default:
        snprintf(text, size, "unix");
    }
}
