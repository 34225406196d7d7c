/* ctl_recipient.h - `gatepostctl recipient ...`: what socketmapd tells of its recipients.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CTL_RECIPIENT_H
#define GATEPOST_SOCKETMAPD_CTL_RECIPIENT_H

#include "lib/app/ctl_server.h"

/* recipient why ADDR | recipient flush [ADDR] | recipient count.  Ended by {NULL}; arg is the struct daemon. */
extern const struct ctl_command recipient_commands[];

#endif
