/* virus_name.c - what the name of a libclamav alert means.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/virus_name.h"

/* First match counts.  Names that 1.4 does not use yet (OLE2, Office) are those of a document's container.  Overlapping files and oversized
 * dictionaries are bombs that libclamav then leaves packed; worms and the like among the heuristics are found by code instead of a signature. */
static const struct {
    const char *prefix;
    enum fact_kind kind;
    enum fact_class klass;
} rows[] = {
    { "Heuristics.Limits.Exceeded.MaxScanTime", FACT_UNCHECKED, FACT_CLASS_TIMEOUT },
    { "Heuristics.Limits.Exceeded", FACT_UNCHECKED, FACT_CLASS_LIMIT },
    { "Heuristics.Encrypted.PDF", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT },
    { "Heuristics.Encrypted.Doc", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT },
    { "Heuristics.Encrypted.OLE2", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT },
    { "Heuristics.Encrypted.Office", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT },
    { "Heuristics.Encrypted.", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE },
    { "Heuristics.OLE2.ContainsMacros", FACT_HEURISTIC, FACT_CLASS_MACRO },
    { "Heuristics.Phishing.", FACT_HEURISTIC, FACT_CLASS_PHISHING },
    { "Heuristics.Zip.OverlappingFiles", FACT_UNCHECKED, FACT_CLASS_LIMIT },
    { "Heuristics.XZ.DicSizeLimit", FACT_UNCHECKED, FACT_CLASS_LIMIT },
    { "Heuristics.Worm.", FACT_VIRUS, FACT_CLASS_NONE },
    { "Heuristics.Trojan.", FACT_VIRUS, FACT_CLASS_NONE },
    { "Heuristics.W32.", FACT_VIRUS, FACT_CLASS_NONE },
    { "Heuristics.Exploit.", FACT_VIRUS, FACT_CLASS_NONE },
    { "PUA.", FACT_HEURISTIC, FACT_CLASS_PUA },
    { "Heuristics.", FACT_HEURISTIC, FACT_CLASS_OTHER },
};

struct virus_meaning virus_name_meaning(span name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_starts(name, span_str(rows[i].prefix)))
            return (struct virus_meaning){ rows[i].kind, rows[i].klass,
                                           rows[i].kind == FACT_UNCHECKED ? fact_class_name(rows[i].klass) : NULL };
    return (struct virus_meaning){ FACT_VIRUS, FACT_CLASS_NONE, NULL };
}
