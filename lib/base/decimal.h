/* decimal.h - a number as decimal digits, where printf would cost more than the rest of the line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_DECIMAL_H
#define GATEPOST_BASE_DECIMAL_H

#include <stdint.h>

#include "lib/base/span.h"

enum { DECIMAL_TEXT_MAX = 20 };                          /* "-9223372036854775808" */

/* The digits stand at the end of text. */
span decimal_i64(int64_t value, char text[DECIMAL_TEXT_MAX]);

#endif
