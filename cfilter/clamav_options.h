/* clamav_options.h - from our settings to libclamav's options and limits.
 *
 * Pure but for the engine it sets up.  One of the few files that know clamav.h.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CLAMAV_OPTIONS_H
#define GATEPOST_CFILTER_CLAMAV_OPTIONS_H

#include <clamav.h>

#include "lib/base/errtext.h"
#include "lib/settings/settings.h"

enum { CLAMAV_HEADER_ROOM = 256 };   /* what goes before a message so that it is read as mail */

/* Before anything is loaded: limits, categories, bytecode.  All but the time of a scan. */
bool clamav_set_limits(struct cl_engine *e, const struct settings *set, struct errtext *err);
/* After the self-test, which a busy machine at start must not fail: its own limit first, the kill after. */
bool clamav_set_scan_time(struct cl_engine *e, const struct settings *set);
int64_t clamav_scan_time_ms(const struct settings *set);      /* of one call of the engine */
int64_t clamav_scan_bytes(const struct settings *set);        /* of all layers of one call */
unsigned clamav_load_options(const struct set_virus *v);      /* of cl_load */
/* What passes whatever is found of it is not looked for. */
struct cl_scan_options clamav_scan_options(const struct settings *set);

#endif
