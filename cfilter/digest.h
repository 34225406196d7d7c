/* digest.h - a SHA-256.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_DIGEST_H
#define GATEPOST_CFILTER_DIGEST_H

#include <stdint.h>

struct digest {
    uint8_t b[32];
};

#endif
