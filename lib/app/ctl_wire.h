/* ctl_wire.h - limits of the control protocol that both sides know; ctl_server.h describes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_CTL_WIRE_H
#define GATEPOST_APP_CTL_WIRE_H

#include "lib/proto/netstring.h"

enum { CTL_REQUEST_MAX = 64 * 1024, CTL_PIECE_MAX = 64 * 1024 };

#endif
