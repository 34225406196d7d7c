/* conf_address.h - socket addresses and domains as a configuration writes them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CONF_CONF_ADDRESS_H
#define GATEPOST_CONF_CONF_ADDRESS_H

#include "lib/conf/conf_types.h"

/* "unix:/p", "/p", "inet:H:P", "H:P", "inet:[V6]:P", "[V6]:P", "systemd:NAME" -> the long form ("inet:H:P"); relative unix paths
 * start at the folder.  0, or -1 with err. */
int conf_address_parse(span text, const struct conf_scalar_context *c, const char **out, struct errtext *err);
/* Lower case, A-labels (RFC 5891), no trailing dot. */
int conf_domain_parse(span text, const struct conf_scalar_context *c, const char **out, struct errtext *err);

#endif
