/* address.h - where to listen or connect: text to socket address and back.
 *
 * Forms:     "unix:/path", "inet:192.0.2.1:25", "inet:[2001:db8::1]:25", and both inet forms without "inet:".
 *            Hosts are numeric ("localhost" is 127.0.0.1): a name would mean a lookup that blocks.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_ADDRESS_H
#define GATEPOST_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/errtext.h"
#include "lib/base/span.h"

struct address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage room;
    } sa;
};

enum { ADDRESS_TEXT_MAX = 128 };   /* with NUL */

/* 0, or -1 with err, which names the text. */
int address_parse(const char *text, struct address *out, struct errtext *err);
/* "[192.0.2.1]:25", "[2001:db8::1]:25", "unix:/path", "unix" for an unnamed unix socket; "unknown" for other families. */
void address_format(const struct address *a, char text[ADDRESS_TEXT_MAX]);
int address_port(const struct address *a);          /* -1 without one */

#endif
