/* virus_name.c - what the name of a libclamav alert means.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/virus_name.h"

/* First match counts. */
static const struct {
    const char *prefix;
    struct virus_meaning meaning;
} rows[] = {
    { "Heuristics.Limits.Exceeded.MaxScanTime", { FACT_UNCHECKED, FACT_CLASS_TIMEOUT, "timeout" } },
    { "Heuristics.Limits.Exceeded", { FACT_UNCHECKED, FACT_CLASS_LIMIT, "limit" } },
    { "Heuristics.Encrypted.", { FACT_UNCHECKED, FACT_CLASS_ENCRYPTED, "encrypted" } },
    { "Heuristics.OLE2.ContainsMacros", { FACT_HEURISTIC, FACT_CLASS_MACRO, NULL } },
    { "Heuristics.Phishing.", { FACT_HEURISTIC, FACT_CLASS_PHISHING, NULL } },
    { "PUA.", { FACT_HEURISTIC, FACT_CLASS_PUA, NULL } },
    { "Heuristics.", { FACT_HEURISTIC, FACT_CLASS_OTHER, NULL } },
};

struct virus_meaning virus_name_meaning(span name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (span_starts(name, span_str(rows[i].prefix)))
            return rows[i].meaning;
    return (struct virus_meaning){ FACT_VIRUS, FACT_CLASS_NONE, NULL };
}
