/* washed.h - the message as it will go on, for who is given it over the network.
 *
 * The spool keeps stray CR, LF and NUL, because the scanners must see the message as it came; a spamd reads lines otherwise than we do and
 * gets what the next server gets.
 * Ownership: the descriptor is the caller's.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_WASHED_H
#define GATEPOST_CFILTER_WASHED_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

/* A memory file with as many bytes as the message, each stray one a blank; -1 when there is no room. */
int washed_open(span message, struct errtext *err);

#endif
