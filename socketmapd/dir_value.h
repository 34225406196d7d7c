/* dir_value.h - from what an attribute holds to a recipient's address.
 *
 * Pure.
 * Source:    [MS-ADA3] 2.99 (proxyAddresses), RFC 4524 (mail).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_DIR_VALUE_H
#define GATEPOST_SOCKETMAPD_DIR_VALUE_H

#include "socketmapd/address.h"

/* "SMTP:Bob@Example.com" of proxyAddresses, "bob@example.com" of others; SIP:, X500: and the like are no mailboxes.  Writes the folded
 * address; false when it names none. */
bool dir_value_address(const char *attribute, span value, bool fold_local_part, char buffer[ADDRESS_MAX], span *address_out);

/* "proxyAddresses;range=0-1499": the attribute's name, and the number of the next value, 0 when this was the last piece.  false: no range.
 * Source: [MS-ADTS] 3.1.1.3.1.3.3. */
bool dir_value_range(span description, span *name_out, uint64_t *next_out);

/* [MS-ADA3] userAccountControl bit ACCOUNTDISABLE, and a recipient type that is a user's mailbox (1) or is not told: shared (4), room (16) and
 * equipment (32) mailboxes are disabled accounts that do receive. */
bool dir_value_leaver(span user_account_control, span recipient_type_details);

#endif
