/* clamav_database.c - the folders and files of signatures: reading them into an engine, and noticing that they change.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/clamav_database.h"

#include <clamav.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfilter/clamav_options.h"
#include "cfilter/virus_name.h"
#include "lib/base/rand.h"



/* ---- libclamav's own words: the last error explains a failed load ---- */

static char last_words[200];
static uint64_t lacked_bytes;

/* "cli_max_malloc(): Can't allocate memory (67108864 bytes).": from where memory is asked for; who goes without says so in other words, also where more
 * was wanted than libclamav ever asks for. */
static void note_memory(void)
{
    const char *words = strncmp(last_words, "cli_max_", 8) == 0 ? strstr(last_words, "allocate memory") : NULL;

    if (words == NULL)
        return;
    words += strcspn(words, "0123456789");
    uint64_t wanted = strtoull(words, NULL, 10);

    if (lacked_bytes == 0 || wanted < lacked_bytes)
        lacked_bytes = wanted > 0 ? wanted : 1;
}

static void on_clamav_message(enum cl_msg severity, const char *full, const char *msg, void *context)
{
    (void)full;
    (void)context;
    if (severity < CL_MSG_ERROR)
        return;
    snprintf(last_words, sizeof last_words, "%s", msg);
    last_words[strcspn(last_words, "\r\n")] = '\0';
    note_memory();
}

uint64_t clamav_lacked_memory(void)
{
    uint64_t lacked = lacked_bytes;

    lacked_bytes = 0;
    return lacked;
}

bool clamav_start(struct errtext *err)
{
    static bool started;

    if (started)
        return true;
    cl_set_clcb_msg(on_clamav_message);
    cl_error_t r = cl_init(CL_INIT_DEFAULT);
    if (r != CL_SUCCESS) {
        errtext_set(err, "libclamav does not start: %s", cl_strerror(r));
        return false;
    }
    return started = true;
}

/* ---- places ---- */

/* The first is filter.virus.database. */
static const char *place(const struct set_virus *set, size_t i)
{
    return i == 0 ? set->database : i <= set->databases_extra.n ? set->databases_extra.v[i - 1] : NULL;
}

static bool is_empty_folder(const char *path)
{
    DIR *d = opendir(path);
    bool empty = d != NULL;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        empty = empty && e->d_name[0] == '.';
    if (d != NULL)
        closedir(d);
    return empty;
}

/* ---- which local databases are trusted ---- */

/* Called for each signature of a trusted file: its name is noted, the signature itself is left out of this engine. */
static int note_name(const char *type, const char *name, unsigned custom, void *context)
{
    struct map *names = context;

    (void)type;
    (void)custom;
    map_put(names, span_str(name), names);
    return 1;
}

static bool find_trusted(const struct set_virus *set, const char *file, char *path, size_t size)
{
    const char *at, *base;
    struct stat st;

    for (size_t i = 0; strchr(file, '/') == NULL && (at = place(set, i)) != NULL; i++) {
        base = strrchr(at, '/');
        if (stat(at, &st) == 0 && !S_ISDIR(st.st_mode) && base != NULL && strcmp(base + 1, file) == 0)
            snprintf(path, size, "%s", at);
        else
            snprintf(path, size, "%s/%s", at, file);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* Each trusted file is read once by itself, only for the names in it. */
struct map *clamav_trusted_names(const struct set_virus *set, struct errtext *warning)
{
    struct map *names = map_new();

    for (size_t i = 0; i < set->trusted_databases.n; i++) {
        const char *file = set->trusted_databases.v[i];
        char path[4096];
        struct cl_engine *e;
        unsigned n = 0;

        if (!find_trusted(set, file, path, sizeof path)) {
            errtext_set(warning, "trusted database %s is not in %s", file, set->database);
            continue;
        }
        if ((e = cl_engine_new()) == NULL)
            continue;
        cl_engine_set_clcb_sigload(e, note_name, names);
        cl_error_t r = cl_load(path, e, &n, CL_DB_STDOPT | CL_DB_PUA);
        if (r != CL_SUCCESS)
            errtext_set(warning, "trusted database %s: %s", file, cl_strerror(r));
        cl_engine_free(e);
    }
    return names;
}

/* ---- loading ---- */

static int leave_out(const char *type, const char *name, unsigned custom, void *context)
{
    (void)type;
    (void)custom;
    return map_get(context, span_str(name)) != NULL;
}

static struct map *ignored_names(const struct conf_strings *l)
{
    struct map *names = map_new();

    for (size_t i = 0; i < l->n; i++) {
        span name = span_str(l->v[i]);

        if (span_ends_nocase(name, SPAN(VIRUS_NAME_UNOFFICIAL)))
            name.n -= sizeof VIRUS_NAME_UNOFFICIAL - 1;
        map_put(names, name, names);
    }
    return names;
}

static bool load_place(struct cl_engine *e, const char *path, unsigned options, unsigned *n, struct errtext *err)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        errtext_errno(err, "database %s", path);
        return false;
    }
    last_words[0] = '\0';
    cl_error_t r = cl_load(path, e, n, options);
    if (r != CL_SUCCESS)
        errtext_set(err, "database %s does not load: %s%s%s", path, cl_strerror(r), last_words[0] != '\0' ? ": " : "", last_words);
    return r == CL_SUCCESS;
}

bool clamav_load_databases(struct cl_engine *e, const struct set_virus *set, uint64_t *n_out, struct errtext *err)
{
    /* The signature check of CVD and CLD files is libclamav's default, and there is no option of ours that takes it off. */
    unsigned options = clamav_load_options(set);
    struct map *ignored = ignored_names(&set->ignored_signatures);
    const char *path;
    bool ok = true;

    *n_out = 0;
    if (set->ignored_signatures.n > 0)
        cl_engine_set_clcb_sigload(e, leave_out, ignored);
    for (size_t i = 0; ok && (path = place(set, i)) != NULL; i++) {
        unsigned n = 0;

        if (i > 0 && is_empty_folder(path))      /* for signatures that are still to be written */
            continue;
        ok = load_place(e, path, options, &n, err);
        *n_out += n;
    }
    cl_engine_set_clcb_sigload(e, NULL, NULL);
    map_free(&ignored, NULL);
    if (ok && ((int64_t)*n_out < set->min_signatures || *n_out == 0)) {
        errtext_set(err, "database %s has %llu signatures, fewer than filter.virus.min_signatures (%lld)", set->database,
                    (unsigned long long)*n_out, (long long)set->min_signatures);
        ok = false;
    }
    return ok;
}

static bool same_list(const struct conf_strings *a, const struct conf_strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

bool clamav_same_databases(const struct set_virus *a, const struct set_virus *b)
{
    return a->mode == b->mode && strcmp(a->database, b->database) == 0 && clamav_load_options(a) == clamav_load_options(b) &&
           same_list(&a->databases_extra, &b->databases_extra) && same_list(&a->ignored_signatures, &b->ignored_signatures) &&
           same_list(&a->include_pua, &b->include_pua) && same_list(&a->exclude_pua, &b->exclude_pua);
}

/* ---- changes ---- */

static uint64_t stamp_of(const char *name, const struct stat *st)
{
    char text[400];
    int n = snprintf(text, sizeof text, "%s %lld %lld.%09ld", name, (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);

    return siphash(span_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1), rand_process_key()) | 1;
}

static uint64_t place_stamp(const char *path)
{
    DIR *d = opendir(path);
    uint64_t stamp = d != NULL ? 1 : 0;
    struct stat st;

    if (d == NULL && stat(path, &st) == 0)
        stamp = stamp_of(path, &st);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
            stamp += stamp_of(e->d_name, &st);      /* a sum: readdir has no order */
    if (d != NULL)
        closedir(d);
    return stamp;
}

uint64_t clamav_database_stamp(const struct set_virus *set)
{
    uint64_t stamp = place_stamp(set->database);
    const char *path;

    for (size_t i = 1; (path = place(set, i)) != NULL; i++)
        stamp += place_stamp(path) * (2 * i + 1);
    return stamp;
}
