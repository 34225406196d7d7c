/* settings_virus.c - rows of filter.virus.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_virus, f)

const struct conf_key virus_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "enforce", APPLY_LIVE, "Viruses are refused in global observe mode, too; here that can be changed.",
      .words = mode_words },
    { "database", CONF_PATH, AT(database), 0, 0, "/var/lib/clamav", APPLY_LIVE, "Folder with ClamAV's signatures." },
    { "trusted_databases", CONF_STRINGS, AT(trusted_databases), 0, 0, NULL, APPLY_LIVE,
      "File names in that folder whose hits count like signed ones: without .UNOFFICIAL behind the name." },
    { "min_signatures", CONF_INT, AT(min_signatures), 1, 100e6, "1", APPLY_LIVE, "A database with fewer is not taken." },
    { "max_scan", CONF_SIZE, AT(max_scan_bytes), KB(64), GB(1), "200M", APPLY_LIVE, "Bytes looked at in one message, unpacked." },
    { "max_file", CONF_SIZE, AT(max_file_bytes), KB(64), GB(1), "100M", APPLY_LIVE, "Bytes of one file in it." },
    { "max_files", CONF_INT, AT(max_files), 1, 100000, "2000", APPLY_LIVE, "Files in one message." },
    { "max_recursion", CONF_INT, AT(max_recursion), 1, 50, "12", APPLY_LIVE, "Archives within archives." },
    { "cache", CONF_INT, AT(cache_rows), 0, 16e6, "65536", APPLY_RESTART,
      "Parts known to be clean that are remembered, 64 bytes each; 0 for none." },
    { "alert_macros", CONF_BOOL, AT(alert_macros), 0, 0, "yes", APPLY_LIVE, "Look for documents with macros (see heuristics)." },
    { "alert_encrypted", CONF_BOOL, AT(alert_encrypted), 0, 0, "yes", APPLY_LIVE, "Look for encrypted archives and documents (see filter.unchecked)." },
    { "alert_phishing", CONF_BOOL, AT(alert_phishing), 0, 0, "yes", APPLY_LIVE, "Look for links that show another address than they lead to (see heuristics)." },
    { "alert_exceeds_max", CONF_BOOL, AT(alert_exceeds_max), 0, 0, "yes", APPLY_LIVE, "Report what is over one of these limits (see filter.unchecked.limit)." },
    { "heuristics", CONF_OBJECT, AT(heuristics), 0, 0, NULL, APPLY_LIVE,
      "What becomes of mail that libclamav suspects without knowing a virus in it. Reject and defer hold for everybody; tag and score leave "
      "logins and trusted networks alone. A class set to pass is not looked for where libclamav can leave that out.",
      .sub = heuristics_rows },
    { NULL },
};
#undef AT
