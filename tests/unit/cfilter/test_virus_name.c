/* test_virus_name.c - what libclamav's names mean.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cfilter/virus_name.h"

static const struct { const char *name; enum fact_kind kind; enum fact_class klass; const char *what; } rows[] = {
    { "Win.Trojan.Test-1", FACT_VIRUS, FACT_CLASS_NONE, NULL },
    { "Heuristics.Limits.Exceeded.MaxScanTime", FACT_UNCHECKED, FACT_CLASS_TIMEOUT, "timeout" },
    { "Heuristics.Limits.Exceeded.MaxRecursion", FACT_UNCHECKED, FACT_CLASS_LIMIT, "limit" },
    { "Heuristics.Limits.Exceeded.EmailHeaders", FACT_UNCHECKED, FACT_CLASS_LIMIT, "limit" },
    { "Heuristics.Encrypted.Zip", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, "encrypted_archive" },
    { "Heuristics.Encrypted.RAR", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, "encrypted_archive" },
    { "Heuristics.Encrypted.7Zip", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, "encrypted_archive" },
    { "Heuristics.Encrypted.EGG", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, "encrypted_archive" },
    { "Heuristics.Encrypted.PDF", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT, "encrypted_document" },
    { "Heuristics.Encrypted.OLE2", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_DOCUMENT, "encrypted_document" },
    { "Heuristics.OLE2.ContainsMacros.VBA", FACT_HEURISTIC, FACT_CLASS_MACRO, NULL },
    { "Heuristics.Phishing.Email.SpoofedDomain", FACT_HEURISTIC, FACT_CLASS_PHISHING, NULL },
    { "PUA.Win.Packer.Test", FACT_HEURISTIC, FACT_CLASS_PUA, NULL },
    { "Heuristics.Zip.OverlappingFiles", FACT_UNCHECKED, FACT_CLASS_LIMIT, "limit" },
    { "Heuristics.XZ.DicSizeLimit", FACT_UNCHECKED, FACT_CLASS_LIMIT, "limit" },
    { "Heuristics.Worm.Mydoom.M.log", FACT_VIRUS, FACT_CLASS_NONE, NULL },
    { "Heuristics.W32.Magistr.A", FACT_VIRUS, FACT_CLASS_NONE, NULL },
    { "Heuristics.Trojan.Swizzor.Gen", FACT_VIRUS, FACT_CLASS_NONE, NULL },
    { "Heuristics.Exploit.W32.MS04-028", FACT_VIRUS, FACT_CLASS_NONE, NULL },
    { "Heuristics.Broken.Media", FACT_HEURISTIC, FACT_CLASS_OTHER, NULL },
    { "Win.PUA.Test", FACT_VIRUS, FACT_CLASS_NONE, NULL },
    { "", FACT_VIRUS, FACT_CLASS_NONE, NULL },
};

static void test_meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct virus_meaning m = virus_name_meaning(span_str(rows[i].name));
        if (m.kind != rows[i].kind || m.klass != rows[i].klass || !span_eq(span_str(m.what), span_str(rows[i].what)))
            fail_msg("%s: kind %d class %d", rows[i].name, (int)m.kind, (int)m.klass);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_meanings) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
