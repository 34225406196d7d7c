/* decimal.c - a number as decimal digits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/decimal.h"

span decimal_i64(int64_t value, char text[DECIMAL_TEXT_MAX])
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    size_t at = DECIMAL_TEXT_MAX;

    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        text[--at] = '-';
    return span_of(text + at, DECIMAL_TEXT_MAX - at);
}
