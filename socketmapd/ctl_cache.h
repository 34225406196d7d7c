/* ctl_cache.h - "recipient export" and "recipient import": remembered answers, from one store to another.
 *
 * A line: address TAB seconds that it still serves TAB VALID, INTERNAL or INVALID, the source and where it was found, with blanks between.
 * A no is not taken in: it serves for minutes, and an old one could refuse somebody who is there by now.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CTL_CACHE_H
#define GATEPOST_SOCKETMAPD_CTL_CACHE_H

#include "lib/app/ctl_server.h"

struct lookup;

void ctl_export(struct ctl_request *q, struct lookup *k);
void ctl_import(struct ctl_request *q, struct lookup *k);     /* arguments: number of the first line, lines */

#endif
