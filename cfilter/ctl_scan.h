/* ctl_scan.h - `gatepostctl scan`: what cfilter would do with a message, and why; and `gatepostctl filter`: the engine's database.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CTL_SCAN_H
#define GATEPOST_CFILTER_CTL_SCAN_H

#include "lib/app/ctl_server.h"

/* scan [--json] [--client IP] ... NAME... with one descriptor a name; ended by {NULL}; arg is the struct daemon. */
extern const struct ctl_command cfilter_commands[];

#endif
