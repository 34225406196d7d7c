/* settings_virus.c - rows of filter.virus.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_virus_parse, f)
#define PARSE(name, help) { #name, CONF_BOOL, AT(name), 0, 0, "yes", APPLY_LIVE, help }

static const struct conf_key parse_rows[] = {
    PARSE(archive, "Archives: zip, RAR, 7-Zip, tar, cab, ISO and others (ScanArchive)."),
    PARSE(elf, "Programs of Linux (ScanELF)."),
    PARSE(pdf, "PDF (ScanPDF)."),
    PARSE(swf, "Flash (ScanSWF)."),
    PARSE(hwp3, "Hangul word processor (ScanHWP3)."),
    PARSE(xmldocs, "XML documents of Office (ScanXMLDOCS)."),
    PARSE(mail, "Mail (ScanMail). Without it, attachments are found by the other filter.mime.parsers alone."),
    PARSE(ole2, "Office documents and Windows installers (ScanOLE2)."),
    PARSE(html, "HTML (ScanHTML)."),
    PARSE(pe, "Programs of Windows (ScanPE)."),
    PARSE(onenote, "OneNote (ScanOneNote)."),
    PARSE(image, "Pictures (ScanImage)."),
    PARSE(image_fuzzy_hash, "Likeness of pictures to known ones (ScanImageFuzzyHash)."),
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_virus_limits, f)
#define BYTES(name, field, dflt, help) { name, CONF_SIZE, AT(field), KB(1), GB(1), dflt, APPLY_LIVE, help }

static const struct conf_key limits_rows[] = {
    BYTES("max_embedded_pe", max_embedded_pe, "40M", "Larger files are not searched for programs inside (MaxEmbeddedPE)."),
    BYTES("max_html_normalize", max_html_normalize, "40M", "Larger HTML is scanned as it is, not normalized (MaxHTMLNormalize)."),
    BYTES("max_html_no_tags", max_html_no_tags, "8M", "Larger normalized HTML is not scanned without its tags, too (MaxHTMLNoTags)."),
    BYTES("max_script_normalize", max_script_normalize, "20M", "Larger scripts are scanned as they are (MaxScriptNormalize)."),
    BYTES("max_zip_type_rcg", max_zip_type_rcg, "1M", "Larger zip archives are not looked at again for other types (MaxZipTypeRcg)."),
    { "max_partitions", CONF_INT, AT(max_partitions), 1, 10000, "50", APPLY_LIVE, "Partitions of one disk image (MaxPartitions)." },
    { "max_icons_pe", CONF_INT, AT(max_icons_pe), 1, 10000, "100", APPLY_LIVE, "Icons of one program (MaxIconsPE)." },
    { "max_rec_hwp3", CONF_INT, AT(max_rec_hwp3), 1, 100, "16", APPLY_LIVE, "Recursion in one HWP3 document (MaxRecHWP3)." },
    { "pcre_match_limit", CONF_INT, AT(pcre_match), 1, 100e6, "100000", APPLY_LIVE, "Steps of one regular expression (PCREMatchLimit)." },
    { "pcre_rec_match_limit", CONF_INT, AT(pcre_rec_match), 1, 100e6, "2000", APPLY_LIVE, "Its recursion (PCRERecMatchLimit)." },
    BYTES("pcre_max_file", pcre_max_file_bytes, "100M", "Larger files are not matched by regular expressions (PCREMaxFileSize)."),
    { "scan_time", CONF_DURATION, AT(scan_time_ms), 0, SECONDS(80), "0", APPLY_LIVE,
      "libclamav itself ends a scan after that (MaxScanTime): class timeout. 0 is four fifths of filter.scan_timeout, at which the process is killed." },
    { "bytecode_timeout", CONF_DURATION, AT(bytecode_timeout_ms), 1, SECONDS(80), "10s", APPLY_LIVE, "One bytecode signature (BytecodeTimeout)." },
    { NULL },
};
#undef AT

#define AT(f) offsetof(struct set_virus, f)

static const char *const bytecode_words[] = { "auto", "interpreter", "off", NULL };

/* What libclamav takes as one: it puts them into a list between dots. */
static int check_categories(const void *value, struct errtext *err)
{
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++)
        if (l->v[i][0] == '\0' || strlen(l->v[i]) > 60 || strchr(l->v[i], '.') != NULL) {
            errtext_set(err, "\"%.60s\" is no category of PUA (try NetTool)", l->v[i]);
            return -1;
        }
    return 0;
}

const struct conf_key virus_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "enforce", APPLY_LIVE, "Viruses are refused in global observe mode, too; here that can be changed.",
      .words = mode_words },
    { "database", CONF_PATH, AT(database), 0, 0, "/var/lib/clamav", APPLY_LIVE, "Folder with ClamAV's signatures." },
    { "trusted_databases", CONF_STRINGS, AT(trusted_databases), 0, 0, NULL, APPLY_LIVE,
      "File names in that folder whose hits count like signed ones: without .UNOFFICIAL behind the name." },
    { "databases_extra", CONF_PATHS, AT(databases_extra), 0, 0, NULL, APPLY_LIVE,
      "Further folders or files with signatures, watched like the first one." },
    { "official_only", CONF_BOOL, AT(official_only), 0, 0, "no", APPLY_LIVE,
      "Load nothing but ClamAV's own databases (OfficialDatabaseOnly). The signature of .cvd and .cld files is checked in any case." },
    { "ignored_signatures", CONF_STRINGS, AT(ignored_signatures), 0, 0, NULL, APPLY_LIVE,
      "Names of signatures that are not loaded, with or without .UNOFFICIAL: false alarms." },
    { "detect_pua", CONF_BOOL, AT(detect_pua), 0, 0, "no", APPLY_LIVE,
      "Look for possibly unwanted applications, too (DetectPUA; see heuristics.pua)." },
    { "include_pua", CONF_STRINGS, AT(include_pua), 0, 0, NULL, APPLY_LIVE, "Only these categories of them (IncludePUA), such as NetTool.",
      .check = check_categories },
    { "exclude_pua", CONF_STRINGS, AT(exclude_pua), 0, 0, NULL, APPLY_LIVE, "All but these categories (ExcludePUA).", .check = check_categories },
    { "bytecode", CONF_ENUM, AT(bytecode), 0, 0, "auto", APPLY_LIVE,
      "How bytecode signatures run (BytecodeMode). Only such as ClamAV has signed are ever loaded.", .words = bytecode_words },
    { "min_signatures", CONF_INT, AT(min_signatures), 1, 100e6, "1", APPLY_LIVE, "A database with fewer is not taken." },
    { "max_shrink", CONF_INT, AT(max_shrink_percent), 0, 100, "50", APPLY_LIVE,
      "A changed database that has lost more than so many percent of the signatures is not taken over; gatepostctl filter reload --accept or a "
      "restart takes it. 100 takes any." },
    { "low_memory", CONF_BOOL, AT(low_memory), 0, 0, "no", APPLY_LIVE,
      "Do not load a new database beside the old one but in its place: half the memory, and messages wait meanwhile, or get 451 after filter.scan_timeout." },
    { "max_scan", CONF_SIZE, AT(max_scan_bytes), KB(64), GB(1), "200M", APPLY_LIVE, "Bytes looked at in one message, unpacked." },
    { "max_file", CONF_SIZE, AT(max_file_bytes), KB(64), GB(1), "100M", APPLY_LIVE, "Bytes of one file in it." },
    { "max_files", CONF_INT, AT(max_files), 1, 100000, "2000", APPLY_LIVE, "Files in one message." },
    { "max_recursion", CONF_INT, AT(max_recursion), 1, 50, "12", APPLY_LIVE, "Archives within archives." },
    { "cache", CONF_INT, AT(cache_rows), 0, 1e6, "65536", APPLY_RESTART,
      "Parts known to be clean that are remembered, 64 bytes each; 0 for none." },
    { "alert_macros", CONF_BOOL, AT(alert_macros), 0, 0, "yes", APPLY_LIVE, "Look for documents with macros (see heuristics)." },
    { "alert_encrypted", CONF_BOOL, AT(alert_encrypted), 0, 0, "yes", APPLY_LIVE, "Look for encrypted archives and documents (see filter.unchecked)." },
    { "alert_phishing", CONF_BOOL, AT(alert_phishing), 0, 0, "yes", APPLY_LIVE, "Look for links that show another address than they lead to (see heuristics)." },
    { "alert_exceeds_max", CONF_BOOL, AT(alert_exceeds_max), 0, 0, "yes", APPLY_LIVE, "Report what is over one of these limits (see filter.unchecked.limit)." },
    { "alert_broken", CONF_BOOL, AT(alert_broken), 0, 0, "no", APPLY_LIVE, "Report broken programs (AlertBrokenExecutables; see heuristics.other)." },
    { "alert_broken_media", CONF_BOOL, AT(alert_broken_media), 0, 0, "no", APPLY_LIVE, "Report broken pictures (AlertBrokenMedia)." },
    { "alert_phishing_ssl", CONF_BOOL, AT(alert_phishing_ssl), 0, 0, "no", APPLY_LIVE,
      "Report links that show https and lead to http (AlertPhishingSSLMismatch; see heuristics.phishing)." },
    { "alert_phishing_cloak", CONF_BOOL, AT(alert_phishing_cloak), 0, 0, "no", APPLY_LIVE, "Report links with a hidden address (AlertPhishingCloak)." },
    { "alert_partition_intersection", CONF_BOOL, AT(alert_partition_intersection), 0, 0, "no", APPLY_LIVE,
      "Report disk images whose partitions overlap (AlertPartitionIntersection)." },
    { "structured_cards", CONF_INT, AT(structured_cards), 0, 100000, "0", APPLY_LIVE,
      "Report so many credit card numbers in one file (StructuredMinCreditCardCount; see heuristics.other); 0: none." },
    { "structured_ssn", CONF_INT, AT(structured_ssn), 0, 100000, "0", APPLY_LIVE,
      "Report so many social security numbers of the USA in one file (StructuredMinSSNCount); 0: none." },
    { "second_unpacker", CONF_BOOL, AT(second_unpacker), 0, 0, "yes", APPLY_LIVE,
      "Open archives by libarchive as well: 7-Zip with bzip2, PPMd or Deflate64, zip with LZMA, xz or Zstandard, RAR without libclamav's unrar, .lzma, "
      ".zst, .lz4, .lz, and what else libclamav passes over without a word. For parts that one of filter.mime.parsers gmime and own finds." },
    { "parse", CONF_OBJECT, AT(parse), 0, 0, NULL, APPLY_LIVE,
      "What libclamav opens. What it does not open is still searched as it is, and nothing is told.", .sub = parse_rows },
    { "limits", CONF_OBJECT, AT(limits), 0, 0, NULL, APPLY_LIVE, "Its finer limits. Reaching one of these is told of only where it says so.", .sub = limits_rows },
    { "heuristics", CONF_OBJECT, AT(heuristics), 0, 0, NULL, APPLY_LIVE,
      "What becomes of mail that libclamav suspects without knowing a virus in it. Reject and defer hold for everybody; tag and score leave "
      "logins and trusted networks alone. A class set to pass is not looked for where libclamav can leave that out.",
      .sub = heuristics_rows },
    { NULL },
};
#undef AT
