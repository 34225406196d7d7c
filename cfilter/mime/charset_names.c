/* charset_names.c - names of charsets whose ASCII is not ASCII (IANA's names and aliases, and what readers take besides).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/charset.h"

#define BOTH_16 (CHARSET_BIT(CHARSET_UTF16LE) | CHARSET_BIT(CHARSET_UTF16BE))
#define BOTH_32 (CHARSET_BIT(CHARSET_UTF32LE) | CHARSET_BIT(CHARSET_UTF32BE))

/* Names without "-", "_", ":" and blanks. */
static const struct { const char *name; unsigned set; } names[] = {
    { "utf7", CHARSET_BIT(CHARSET_UTF7) }, { "unicode11utf7", CHARSET_BIT(CHARSET_UTF7) }, { "csutf7", CHARSET_BIT(CHARSET_UTF7) },
    { "unicode20utf7", CHARSET_BIT(CHARSET_UTF7) }, { "xunicode20utf7", CHARSET_BIT(CHARSET_UTF7) }, { "cp65000", CHARSET_BIT(CHARSET_UTF7) },
    { "csunicode11utf7", CHARSET_BIT(CHARSET_UTF7) },
    { "utf16", BOTH_16 }, { "csutf16", BOTH_16 }, { "unicode", BOTH_16 }, { "iso10646ucs2", BOTH_16 }, { "ucs2", BOTH_16 },
    { "csunicode", BOTH_16 }, { "utf16le", CHARSET_BIT(CHARSET_UTF16LE) }, { "csutf16le", CHARSET_BIT(CHARSET_UTF16LE) },
    { "ucs2le", CHARSET_BIT(CHARSET_UTF16LE) }, { "unicodelittle", CHARSET_BIT(CHARSET_UTF16LE) },
    { "cp1200", CHARSET_BIT(CHARSET_UTF16LE) }, { "utf16be", CHARSET_BIT(CHARSET_UTF16BE) }, { "csutf16be", CHARSET_BIT(CHARSET_UTF16BE) },
    { "ucs2be", CHARSET_BIT(CHARSET_UTF16BE) }, { "unicodebig", CHARSET_BIT(CHARSET_UTF16BE) },
    { "unicodefffe", CHARSET_BIT(CHARSET_UTF16BE) }, { "cp1201", CHARSET_BIT(CHARSET_UTF16BE) },
    { "utf32", BOTH_32 }, { "csutf32", BOTH_32 }, { "iso10646ucs4", BOTH_32 }, { "ucs4", BOTH_32 }, { "csucs4", BOTH_32 },
    { "utf32le", CHARSET_BIT(CHARSET_UTF32LE) }, { "csutf32le", CHARSET_BIT(CHARSET_UTF32LE) }, { "ucs4le", CHARSET_BIT(CHARSET_UTF32LE) },
    { "cp12000", CHARSET_BIT(CHARSET_UTF32LE) }, { "utf32be", CHARSET_BIT(CHARSET_UTF32BE) },
    { "csutf32be", CHARSET_BIT(CHARSET_UTF32BE) }, { "ucs4be", CHARSET_BIT(CHARSET_UTF32BE) }, { "cp12001", CHARSET_BIT(CHARSET_UTF32BE) },
    { "ibm037", CHARSET_BIT(CHARSET_IBM037) }, { "cp037", CHARSET_BIT(CHARSET_IBM037) }, { "csibm037", CHARSET_BIT(CHARSET_IBM037) },
    { "ebcdiccpus", CHARSET_BIT(CHARSET_IBM037) }, { "ebcdicus", CHARSET_BIT(CHARSET_IBM037) }, { "037", CHARSET_BIT(CHARSET_IBM037) },
    { "ibm500", CHARSET_BIT(CHARSET_IBM500) }, { "cp500", CHARSET_BIT(CHARSET_IBM500) }, { "csibm500", CHARSET_BIT(CHARSET_IBM500) },
    { "ebcdiccpbe", CHARSET_BIT(CHARSET_IBM500) }, { "ebcdiccpch", CHARSET_BIT(CHARSET_IBM500) }, { "500", CHARSET_BIT(CHARSET_IBM500) },
    { "ibm1047", CHARSET_BIT(CHARSET_IBM1047) }, { "cp1047", CHARSET_BIT(CHARSET_IBM1047) }, { "1047", CHARSET_BIT(CHARSET_IBM1047) },
};

unsigned charset_by_name(span name)
{
    char plain[32];
    size_t n = 0;

    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);

        if (c == '-' || c == '_' || c == ':' || c == ' ' || c == '\t' || c == '"' || c == '\'')
            continue;
        if (n == sizeof plain)
            return 0;
        plain[n++] = c;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_eq((span){ plain, n }, span_str(names[i].name)))
            return names[i].set;
    return 0;
}
