/* charset_names.c - names of charsets whose ASCII is not ASCII (IANA's names and aliases, and what readers take besides).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/charset.h"

#define LE16 CHARSET_BIT(CHARSET_UTF16LE)
#define BE16 CHARSET_BIT(CHARSET_UTF16BE)
#define LE32 CHARSET_BIT(CHARSET_UTF32LE)
#define BE32 CHARSET_BIT(CHARSET_UTF32BE)

/* Without "-", "_", ":", blanks and quotes, and without "cs" or "x" in front. */
static const struct { const char *name; unsigned set; } names[] = {
    { "utf7", CHARSET_BIT(CHARSET_UTF7) }, { "unicode11utf7", CHARSET_BIT(CHARSET_UTF7) }, { "unicode20utf7", CHARSET_BIT(CHARSET_UTF7) },
    { "cp65000", CHARSET_BIT(CHARSET_UTF7) }, { "hz", CHARSET_BIT(CHARSET_HZ) }, { "hzgb2312", CHARSET_BIT(CHARSET_HZ) },
    { "utf16", LE16 | BE16 }, { "utf16le", LE16 }, { "utf16be", BE16 }, { "unicode", LE16 | BE16 }, { "iso10646", LE16 | BE16 },
    { "iso10646ucs2", LE16 | BE16 }, { "ucs2", LE16 | BE16 }, { "ucs2le", LE16 }, { "ucs2be", BE16 }, { "unicodelittle", LE16 },
    { "unicodebig", BE16 }, { "unicodefffe", BE16 }, { "unicodefeff", LE16 }, { "cp1200", LE16 }, { "cp1201", BE16 },
    { "utf32", LE32 | BE32 }, { "utf32le", LE32 }, { "utf32be", BE32 }, { "iso10646ucs4", LE32 | BE32 }, { "ucs4", LE32 | BE32 },
    { "ucs4le", LE32 }, { "ucs4be", BE32 }, { "cp12000", LE32 }, { "cp12001", BE32 },
    { "ebcdiccpus", CHARSET_BIT(CHARSET_IBM037) }, { "ebcdicus", CHARSET_BIT(CHARSET_IBM037) }, { "ebcdicinternational", CHARSET_BIT(CHARSET_IBM500) },
    { "ebcdiccpbe", CHARSET_BIT(CHARSET_IBM500) }, { "ebcdiccpch", CHARSET_BIT(CHARSET_IBM500) }, { "ebcdicde", CHARSET_BIT(CHARSET_IBM273) },
    { "ebcdicgermany", CHARSET_BIT(CHARSET_IBM273) }, { "ebcdiccpdk", CHARSET_BIT(CHARSET_IBM277) }, { "ebcdiccpno", CHARSET_BIT(CHARSET_IBM277) },
    { "ebcdiccpfi", CHARSET_BIT(CHARSET_IBM278) }, { "ebcdiccpse", CHARSET_BIT(CHARSET_IBM278) }, { "ebcdiccpit", CHARSET_BIT(CHARSET_IBM280) },
    { "ebcdiccpes", CHARSET_BIT(CHARSET_IBM284) }, { "ebcdiccpgb", CHARSET_BIT(CHARSET_IBM285) }, { "ebcdiccpfr", CHARSET_BIT(CHARSET_IBM297) },
    { "ebcdiccpis", CHARSET_BIT(CHARSET_IBM871) },
};

/* Numbers of code pages; EBCDIC ones with the euro sign, or with other letters than Latin ones, have the ASCII of an older page. */
static const struct { unsigned number; enum charset c; } pages[] = {
    { 37, CHARSET_IBM037 }, { 1140, CHARSET_IBM037 }, { 424, CHARSET_IBM037 }, { 1070, CHARSET_IBM037 }, { 500, CHARSET_IBM500 },
    { 1148, CHARSET_IBM500 }, { 870, CHARSET_IBM500 }, { 1025, CHARSET_IBM500 }, { 1112, CHARSET_IBM037 }, { 875, CHARSET_IBM500 },
    { 1047, CHARSET_IBM1047 }, { 924, CHARSET_IBM1047 }, { 273, CHARSET_IBM273 }, { 1141, CHARSET_IBM273 }, { 277, CHARSET_IBM277 },
    { 1142, CHARSET_IBM277 }, { 278, CHARSET_IBM278 }, { 1143, CHARSET_IBM278 }, { 280, CHARSET_IBM280 }, { 1144, CHARSET_IBM280 },
    { 284, CHARSET_IBM284 }, { 1145, CHARSET_IBM284 }, { 285, CHARSET_IBM285 }, { 1146, CHARSET_IBM285 }, { 297, CHARSET_IBM297 },
    { 1147, CHARSET_IBM297 }, { 871, CHARSET_IBM871 }, { 1149, CHARSET_IBM871 }, { 1026, CHARSET_IBM1026 }, { 1155, CHARSET_IBM1026 },
    { 905, CHARSET_IBM1026 }, { 880, CHARSET_IBM500 }, { 1123, CHARSET_IBM500 }, { 1130, CHARSET_IBM500 }, { 1122, CHARSET_IBM278 },
    { 1137, CHARSET_IBM1047 }, { 50220, CHARSET_ISO2022 }, { 50221, CHARSET_ISO2022 }, { 50222, CHARSET_ISO2022 }, { 50225, CHARSET_ISO2022 },
    { 50227, CHARSET_ISO2022 }, { 50229, CHARSET_ISO2022 }, { 52936, CHARSET_HZ },
};

static unsigned page_by_number(span name)
{
    static const span prefixes[] = { SPAN("ibm"), SPAN("cp"), SPAN("ebcdic"), SPAN("windows") };
    uint64_t number;

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (span_starts(name, prefixes[i])) {
            name = span_from(name, prefixes[i].n);
            break;
        }
    if (!span_to_u64(name, &number))
        return 0;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (pages[i].number == number)
            return CHARSET_BIT(pages[i].c);
    return 0;
}

unsigned charset_by_name(span name)
{
    char bytes[32];
    span plain = { bytes, 0 };

    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))   /* readers look past signs, blanks, quotes, NUL and other controls */
            continue;
        if (plain.n == sizeof bytes)
            return 0;
        bytes[plain.n++] = c;
    }
    if (span_starts(plain, SPAN("cs")))
        plain = span_from(plain, 2);
    else if (span_starts(plain, SPAN("x")))
        plain = span_from(plain, 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_eq(plain, span_str(names[i].name)))
            return names[i].set;
    if (span_starts(plain, SPAN("iso2022")))
        return CHARSET_BIT(CHARSET_ISO2022);
    return page_by_number(plain);
}
