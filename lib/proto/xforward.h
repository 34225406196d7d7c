/* xforward.h - XFORWARD: what the front server knows of the client, taken over and handed on.
 *
 * Pure.  Values are kept decoded.
 * Source:    Postfix XFORWARD_README; xtext: RFC 3461 4.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_XFORWARD_H
#define GATEPOST_PROTO_XFORWARD_H

#include "lib/base/buf.h"
#include "lib/proto/ipnet.h"

enum xforward_attr {
    XFORWARD_NAME, XFORWARD_ADDR, XFORWARD_PORT, XFORWARD_HELO, XFORWARD_IDENT, XFORWARD_PROTO, XFORWARD_SOURCE, XFORWARD_ATTRS
};   /* in the order in which Postfix sends them */

enum { XFORWARD_VALUE_MAX = 255, XFORWARD_COMMAND_MAX = 512 /* with CR LF */ };

enum xforward_status {
    XFORWARD_OK = 1,
    XFORWARD_E_SYNTAX = -1,     /* no "NAME=value", or nothing at all */
    XFORWARD_E_NAME = -2,       /* an attribute that is not one */
    XFORWARD_E_VALUE = -3,      /* bad xtext, a control character, no address, port, or source */
    XFORWARD_E_LONG = -4,       /* a value over 255 bytes */
};   /* all of them: 501 */
const char *xforward_status_text(enum xforward_status s);

struct xforward {
    struct xforward_value {
        bool given;                         /* the attribute was sent */
        uint16_t n;                         /* 0: [UNAVAILABLE] */
        char text[XFORWARD_VALUE_MAX];
    } v[XFORWARD_ATTRS];
};

void xforward_init(struct xforward *x);
/* Takes the attributes of one command ("NAME=... ADDR=..."); several commands add up, the last value of an attribute counts.
 * On an error *x is unchanged. */
enum xforward_status xforward_parse(span args, struct xforward *x);
/* The decoded value; empty when unknown.  ADDR is the bare address ("2001:db8::1"). */
span xforward_get(const struct xforward *x, enum xforward_attr a);
/* Sets a value (empty: [UNAVAILABLE]); false when it could not be sent: too long, a control character, no address, port or source. */
bool xforward_set(struct xforward *x, enum xforward_attr a, span value);
bool xforward_client(const struct xforward *x, struct ipaddr *out);
bool xforward_is_local(const struct xforward *x);       /* SOURCE=LOCAL */

const char *xforward_attr_name(enum xforward_attr a);
/* Bit set (1u << attr) of what an EHLO reply's line "XFORWARD NAME ADDR ..." offers; 0 when it is another line. */
unsigned xforward_offered(span ehlo_text);
/* Appends the commands, each with CR LF and at most XFORWARD_COMMAND_MAX bytes; the given attributes that are in `offered` only.
 * The number of commands (0: nothing to send), each of which gets a reply; -1 when the buffer is full (nothing appended). */
int xforward_append(struct buf *to, const struct xforward *x, unsigned offered);

#endif
