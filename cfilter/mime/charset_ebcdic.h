/* charset_ebcdic.h - the EBCDIC code pages of charset.h.
 *
 * Pure.  A page is code page 037 with some places that differ.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_CHARSET_EBCDIC_H
#define GATEPOST_CFILTER_MIME_CHARSET_EBCDIC_H

#include "cfilter/mime/charset.h"

#define EBCDIC_BITS (CHARSET_BIT(CHARSET_IBM037) | CHARSET_BIT(CHARSET_IBM500) | CHARSET_BIT(CHARSET_IBM1047))

uint32_t ebcdic_char(enum charset page, unsigned char byte);
/* Mostly letters, digits and blanks of EBCDIC, which no ASCII or UTF-8 text and no compressed data is. */
bool ebcdic_looks(span head);

#endif
