/* address.h - socket addresses as the configuration writes them.
 *
 * "unix:/path", "inet:127.0.0.1:25", "inet:[::1]:25", "127.0.0.1:25" (short for inet:).  Hosts are numeric: no name is ever looked up.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_ADDRESS_H
#define GATEPOST_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "lib/base/errtext.h"

struct address_socket {
    struct sockaddr_storage sa;
    socklen_t len;
    bool is_unix;
};

/* false with err: not an address. */
bool address_socket_parse(const char *text, struct address_socket *out, struct errtext *err);
/* "[192.0.2.1]:25" or "unix"; text has room for size bytes. */
void address_socket_format(const struct sockaddr_storage *sa, char *text, size_t size);

#endif
