/* host_name.h - what the name of a client says about it.
 *
 * Pure.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_HOST_NAME_H
#define GATEPOST_POLICYD_HOST_NAME_H

#include "lib/proto/ipnet.h"

/* Looks made from the address, or like one of many: "adsl-192-0-2-7.dyn.isp.example".  Such a name speaks for the provider, not for the host. */
bool host_name_generic(span name, const struct ipaddr *client);
/* The part of a name that somebody registered (https://publicsuffix.org): "out3.mail.example.co.uk" -> "example.co.uk".  The whole name
 * when there is no such part. */
span host_name_organisation(span name);

#endif
