/* sync_order.h - from the settings of a source to what its reading process is told.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SYNC_ORDER_H
#define GATEPOST_SOCKETMAPD_SYNC_ORDER_H

#include "socketmapd/sync_wire.h"

/* Whether the source keeps the whole directory (else it asks for one address at a time). */
bool sync_wanted(const struct set_recipient_source *set);
/* The filter and attributes of a profile (enum ldap_profile). */
const char *sync_filter_of_profile(int profile);
size_t sync_attributes_of_profile(int profile, span out[SYNC_ATTRIBUTES_MAX]);

/* Fills all but paths and first_server; what it points to are `all`, the two buffers and literals.  0, or -1 with err. */
int sync_order_fill(const struct settings *all, const struct set_recipient_source *set, struct buf *password, struct buf *domains,
                    struct sync_order *out, struct errtext *err);

#endif
