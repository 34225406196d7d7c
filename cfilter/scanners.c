/* scanners.c - the table of scanners, in the order in which they run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/scanner.h"

const struct scanner *const scanners[] = {
    &scanner_clamav,
    &scanner_mime,       /* after clamav: it asks what libclamav has seen */
    &scanner_gtube,
    &scanner_spamd,
    NULL,
};
