/* key_text.h - foreign bytes as a part of a store's key: printable, without blanks, readable in logs and with redis-cli.
 *
 * Pure.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_KEY_TEXT_H
#define GATEPOST_POLICYD_KEY_TEXT_H

#include "lib/base/span.h"

/* Writes s with '%', the bytes a and b, blanks and everything outside printable ASCII as %XX; the bytes written, at most 3 * s.n and at most
 * `room`: what does not fit is cut. */
size_t key_text(span s, char a, char b, char *to, size_t room);

#endif
