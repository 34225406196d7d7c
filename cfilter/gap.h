/* gap.h - what stands between files that are strung together for one call of the virus engine.
 *
 * No signature may begin in one and end in the next, and what begins so is no file of any kind to the engine, which would read it as a mail, say, with
 * all that was ever quoted in it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_GAP_H
#define GATEPOST_CFILTER_GAP_H

#include "lib/base/span.h"

#define GAP SPAN("\n\1\0\0\2\0\0\n")

#endif
