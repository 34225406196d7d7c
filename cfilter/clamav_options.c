/* clamav_options.c - from our settings to libclamav's options and limits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/clamav_options.h"

#include <stdio.h>

/* ---- limits ---- */

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ".NetTool.PWTool.", as libclamav searches it. */
static bool set_categories(struct cl_engine *e, const struct set_virus *v)
{
    const struct conf_strings *l = v->include_pua.n > 0 ? &v->include_pua : &v->exclude_pua;
    struct buf text;
    bool ok = true;

    if (l->n == 0)
        return true;
    buf_init(&text, 64 * 1024);
    for (size_t i = 0; i < l->n; i++)
        buf_printf(&text, ".%s", l->v[i]);
    buf_append_char(&text, '.');
    ok = !text.overflow && cl_engine_set_str(e, CL_ENGINE_PUA_CATEGORIES, buf_cstr(&text)) == CL_SUCCESS;
    buf_free(&text);
    return ok;
}

/* The message itself must always be read: libclamav passes over a file that is larger than the limit. */
static int64_t file_bytes(const struct settings *set)
{
    return at_least(set->filter.virus.max_file_bytes, set->filter.max_message_bytes + CLAMAV_HEADER_ROOM);
}

int64_t clamav_scan_bytes(const struct settings *set)
{
    return at_least(set->filter.virus.max_scan_bytes, file_bytes(set));
}

bool clamav_set_limits(struct cl_engine *e, const struct settings *set, struct errtext *err)
{
    const struct set_virus *v = &set->filter.virus;
    const struct set_virus_limits *l = &v->limits;
    int64_t file = file_bytes(set);
    const struct { const char *name; enum cl_engine_field field; int64_t value; } limits[] = {
        /* Its clean cache is keyed by MD5, so that a twin could be made; must be said before anything is loaded. */
        { "cache", CL_ENGINE_DISABLE_CACHE, 1 },
        { "max_file", CL_ENGINE_MAX_FILESIZE, file },
        { "max_scan", CL_ENGINE_MAX_SCANSIZE, clamav_scan_bytes(set) + file },   /* overrun.h counts, and is there first */
        { "max_files", CL_ENGINE_MAX_FILES, v->max_files },
        { "max_recursion", CL_ENGINE_MAX_RECURSION, v->max_recursion },
        { "max_embedded_pe", CL_ENGINE_MAX_EMBEDDEDPE, l->max_embedded_pe },
        { "max_html_normalize", CL_ENGINE_MAX_HTMLNORMALIZE, l->max_html_normalize },
        { "max_html_no_tags", CL_ENGINE_MAX_HTMLNOTAGS, l->max_html_no_tags },
        { "max_script_normalize", CL_ENGINE_MAX_SCRIPTNORMALIZE, l->max_script_normalize },
        { "max_zip_type_rcg", CL_ENGINE_MAX_ZIPTYPERCG, l->max_zip_type_rcg },
        { "max_partitions", CL_ENGINE_MAX_PARTITIONS, l->max_partitions },
        { "max_icons_pe", CL_ENGINE_MAX_ICONSPE, l->max_icons_pe },
        { "max_rec_hwp3", CL_ENGINE_MAX_RECHWP3, l->max_rec_hwp3 },
        { "pcre_match_limit", CL_ENGINE_PCRE_MATCH_LIMIT, l->pcre_match },
        { "pcre_rec_match_limit", CL_ENGINE_PCRE_RECMATCH_LIMIT, l->pcre_rec_match },
        { "pcre_max_file", CL_ENGINE_PCRE_MAX_FILESIZE, l->pcre_max_file_bytes },
        { "structured_cards", CL_ENGINE_MIN_CC_COUNT, v->structured_cards },
        { "structured_ssn", CL_ENGINE_MIN_SSN_COUNT, v->structured_ssn },
        { "bytecode_timeout", CL_ENGINE_BYTECODE_TIMEOUT, l->bytecode_timeout_ms },
        { "bytecode", CL_ENGINE_BYTECODE_SECURITY, CL_BYTECODE_TRUST_SIGNED },
        { "bytecode", CL_ENGINE_BYTECODE_MODE, v->bytecode == VIRUS_BYTECODE_INTERPRETER ? CL_BYTECODE_MODE_INTERPRETER : 0 },
    };

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value > 0 && cl_engine_set_num(e, limits[i].field, limits[i].value) != CL_SUCCESS) {
            errtext_set(err, "libclamav does not take its limit %s", limits[i].name);
            return false;
        }
    if (!set_categories(e, v)) {
        errtext_set(err, "libclamav does not take the categories of PUA");
        return false;
    }
    return true;
}

int64_t clamav_scan_time_ms(const struct settings *set)
{
    int64_t ms = set->filter.virus.limits.scan_time_ms, most = at_least(set->filter.scan_timeout_ms * 8 / 10, 1);

    return ms > 0 && ms < most ? ms : most;
}

bool clamav_set_scan_time(struct cl_engine *e, const struct settings *set)
{
    return cl_engine_set_num(e, CL_ENGINE_MAX_SCANTIME, clamav_scan_time_ms(set)) == CL_SUCCESS;
}

/* ---- options ---- */

unsigned clamav_load_options(const struct set_virus *v)
{
    unsigned options = CL_DB_PHISHING;

    if (v->alert_phishing && v->heuristics.phishing.action != CLASS_PASS)
        options |= CL_DB_PHISHING_URLS;
    if (v->bytecode != VIRUS_BYTECODE_OFF)
        options |= CL_DB_BYTECODE;
    if (v->official_only)
        options |= CL_DB_OFFICIAL_ONLY;
    /* CL_DB_PUA_MODE is not for us to set: libclamav sets it for files of such signatures; elsewhere it would drop every name without PUA. */
    if (v->detect_pua && v->heuristics.pua.action != CLASS_PASS)
        options |= CL_DB_PUA | (v->include_pua.n > 0 ? CL_DB_PUA_INCLUDE : v->exclude_pua.n > 0 ? CL_DB_PUA_EXCLUDE : 0U);
    return options;
}

static uint32_t parse_options(const struct set_virus_parse *p)
{
    const struct { bool on; uint32_t bit; } bits[] = {
        { p->archive, CL_SCAN_PARSE_ARCHIVE }, { p->elf, CL_SCAN_PARSE_ELF }, { p->pdf, CL_SCAN_PARSE_PDF }, { p->swf, CL_SCAN_PARSE_SWF },
        { p->hwp3, CL_SCAN_PARSE_HWP3 }, { p->xmldocs, CL_SCAN_PARSE_XMLDOCS }, { p->mail, CL_SCAN_PARSE_MAIL }, { p->ole2, CL_SCAN_PARSE_OLE2 },
        { p->html, CL_SCAN_PARSE_HTML }, { p->pe, CL_SCAN_PARSE_PE }, { p->onenote, CL_SCAN_PARSE_ONENOTE }, { p->image, CL_SCAN_PARSE_IMAGE },
        { p->image_fuzzy_hash, CL_SCAN_PARSE_IMAGE_FUZZY_HASH },
    };
    uint32_t all = 0, mask = ~0U;

    /* A parser that this libclamav has and that we do not know is on, as in its own default. */
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        mask &= ~bits[i].bit;
        all |= bits[i].on ? bits[i].bit : 0;
    }
    return mask | all;
}

static uint32_t heuristic_options(const struct settings *set)
{
    const struct set_virus *v = &set->filter.virus;
    const struct set_unchecked *u = &set->filter.unchecked;
    bool phishing = v->heuristics.phishing.action != CLASS_PASS, other = v->heuristics.other.action != CLASS_PASS;
    bool cards = other && v->structured_cards > 0, ssn = other && v->structured_ssn > 0;
    const struct { bool on; uint32_t bits; } rows[] = {
        /* Without this one, a scan that hit a limit, even that of time, is called clean. */
        { true, CL_SCAN_HEURISTIC_EXCEEDS_MAX },
        { v->alert_macros && v->heuristics.macro.action != CLASS_PASS, CL_SCAN_HEURISTIC_MACROS },
        { v->alert_encrypted && u->encrypted_archive.action != CLASS_PASS, CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE },
        { v->alert_encrypted && u->encrypted_document.action != CLASS_PASS, CL_SCAN_HEURISTIC_ENCRYPTED_DOC },
        { v->alert_phishing_ssl && phishing, CL_SCAN_HEURISTIC_PHISHING_SSL_MISMATCH },
        { v->alert_phishing_cloak && phishing, CL_SCAN_HEURISTIC_PHISHING_CLOAK },
        { v->alert_broken && other, CL_SCAN_HEURISTIC_BROKEN },
        { v->alert_broken_media && other, CL_SCAN_HEURISTIC_BROKEN_MEDIA },
        { v->alert_partition_intersection && other, CL_SCAN_HEURISTIC_PARTITION_INTXN },
        { cards || ssn, CL_SCAN_HEURISTIC_STRUCTURED },
        { cards, CL_SCAN_HEURISTIC_STRUCTURED_CC },
        { ssn, CL_SCAN_HEURISTIC_STRUCTURED_SSN_NORMAL | CL_SCAN_HEURISTIC_STRUCTURED_SSN_STRIPPED },
    };
    uint32_t all = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        all |= rows[i].on ? rows[i].bits : 0;
    return all;
}

struct cl_scan_options clamav_scan_options(const struct settings *set)
{
    return (struct cl_scan_options){
        /* All alerts, not the first: a suspicion must not hide that a limit was hit. */
        .general = CL_SCAN_GENERAL_HEURISTICS | CL_SCAN_GENERAL_ALLMATCHES,
        .parse = parse_options(&set->filter.virus.parse),
        .heuristic = heuristic_options(set),
    };
}
