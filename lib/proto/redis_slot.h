/* redis_slot.h - which of a Redis Cluster's slots a key is in.
 *
 * Pure.
 * Source:    Redis Cluster specification, "Key distribution model" and "Hash tags": CRC16 (XMODEM) of the part in the first braces, if there
 *            is one of at least a byte, else of the whole key, modulo 16384.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_REDIS_SLOT_H
#define GATEPOST_PROTO_REDIS_SLOT_H

#include "lib/base/span.h"

enum { REDIS_SLOTS = 16384 };

unsigned redis_slot(span key);

#endif
