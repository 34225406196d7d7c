/* id.h - decision ids: 13 characters of Crockford base 32, sortable by time, unique across hosts.
 *
 * 41 bits: wall milliseconds since 2020-01-01 UTC; 24 bits: a counter that starts at random in each process.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_ID_H
#define GATEPOST_APP_ID_H

#include "lib/base/span.h"

enum { ID_LEN = 13, ID_TEXT = ID_LEN + 1 };

/* Returns id_tail's number. */
uint32_t id_make(char out[ID_TEXT], int64_t wall_ms);
bool id_valid(span s);                                     /* form only; letters in either case */
bool id_time(span s, int64_t *wall_ms_out);
/* The counter in it: where an id belongs in a table of those made in this process.  0 for what is no id. */
uint32_t id_tail(span s);

#endif
