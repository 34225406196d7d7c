/* country.h - the country of a client's address, out of a database of MaxMind's format.
 *
 * Source:    MaxMind DB File Format Specification; "country" -> "iso_code", else "registered_country".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_COUNTRY_H
#define GATEPOST_POLICYD_COUNTRY_H

#include "lib/base/errtext.h"
#include "lib/proto/ipnet.h"

struct countries;

struct countries *countries_open(const char *path, struct errtext *err);     /* NULL with err */
void countries_close(struct countries **c);
/* Two capital letters; "": not known.  c may be NULL. */
void country_of(const struct countries *c, const struct ipaddr *client, char code[3]);

#endif
