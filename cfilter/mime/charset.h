/* charset.h - text whose ASCII is not ASCII: turned to UTF-8, so that what readers show can be looked at.
 *
 * See decode.h.  Own tables: iconv(3) would load its converters from files, in the cage, for what is a few hundred bytes here.
 * Output is at most three times the input.  Whatever cannot be decoded becomes U+FFFD, but in UTF-7, where it stays as it is.
 * Source:    RFC 2152 (UTF-7), RFC 2781 (UTF-16), Unicode 3.10 (UTF-32), IBM's code pages as iconv(1) shows them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_CHARSET_H
#define GATEPOST_CFILTER_MIME_CHARSET_H

#include "cfilter/mime/decode.h"

enum charset {
    CHARSET_NONE,              /* everything that shows ASCII as ASCII */
    CHARSET_UTF7, CHARSET_UTF16LE, CHARSET_UTF16BE, CHARSET_UTF32LE, CHARSET_UTF32BE,
    CHARSET_UTF8,              /* with a BOM */
    CHARSET_ISO2022, CHARSET_HZ,       /* see charset_escapes.h: may append nothing */
    CHARSET_IBM037, CHARSET_IBM500, CHARSET_IBM1047,
    /* the same with letters of a country in the place of some signs */
    CHARSET_IBM273, CHARSET_IBM277, CHARSET_IBM278, CHARSET_IBM280, CHARSET_IBM284, CHARSET_IBM285, CHARSET_IBM297, CHARSET_IBM871, CHARSET_IBM1026,
    CHARSETS
};

#define CHARSET_BIT(c) (1u << (c))

/* A set of CHARSET_BIT: what a reader may take the name of a charset for ("utf-16" is both byte orders).  0 for any other name. */
unsigned charset_by_name(span name);
/* A set of CHARSET_BIT: what these bytes may be, by their BOM, their NULs or the letters that EBCDIC would make of them.  0 for ordinary text
 * and binaries.  Costs a look at the head, and for 7-bit text one search for "+". */
unsigned charset_guess(span bytes);
/* A BOM goes; one of UTF-8 is all that charset_guess looks for there.  seen is 1 when something could not be decoded; for UTF-7 it is 0 when nothing was there to be decoded. */
struct decode_result charset_to_utf8(enum charset c, span in, struct buf *to);

#endif
