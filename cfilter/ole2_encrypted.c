/* ole2_encrypted.c - is an OLE2 file encrypted?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/ole2_encrypted.h"

#include <stdint.h>

enum { SECTOR = 512, FIRST_FIB = 0x65, LAST_FIB = 0x200 };   /* versions of Word's file information block */

static unsigned u16(span s, size_t at)
{
    return (unsigned)bytes_le(s.p + at, 2);
}

/* Names of streams are UTF-16LE, with their end, in entries of 128 bytes: MS-CFB 2.6.1. */
static bool has_stream(span file, const char *name)
{
    char wide[128];
    size_t n = 0;

    for (; *name != '\0'; name++) {
        wide[n++] = *name;
        wide[n++] = '\0';
    }
    wide[n++] = '\0';
    wide[n++] = '\0';
    return span_find_span(file, span_of(wide, n)) < file.n;
}

static bool is_encrypted_word(span sector)
{
    return u16(sector, 0) == 0xa5ec && u16(sector, 2) >= FIRST_FIB && u16(sector, 2) <= LAST_FIB && (u16(sector, 10) & 0x0100) != 0;
}

/* The workbook begins with BOF; FilePass follows, behind WriteProtect at most. */
static bool is_encrypted_excel(span sector)
{
    size_t at = 4 + 16;

    if (u16(sector, 0) != 0x0809 || u16(sector, 2) != 16)
        return false;
    if (u16(sector, at) == 0x0086)
        at += 4 + u16(sector, at + 2);
    return at + 2 <= sector.n && u16(sector, at) == 0x002f;
}

bool ole2_is_encrypted(span file)
{
    static const char magic[] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

    if (file.n < 3 * SECTOR || !span_starts(file, span_of(magic, 8)))
        return false;
    for (size_t at = SECTOR; at + SECTOR <= file.n; at += SECTOR) {
        span sector = span_of(file.p + at, SECTOR);

        if (is_encrypted_word(sector) || is_encrypted_excel(sector))
            return true;
    }
    return has_stream(file, "EncryptedPackage") || has_stream(file, "EncryptedSummary");
}
