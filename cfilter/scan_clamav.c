/* scan_clamav.c - the virus engine: loading it, trying it, asking it.  The only file that knows clamav.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <clamav.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfilter/clamav.h"
#include "cfilter/layers.h"
#include "cfilter/scanner.h"
#include "cfilter/virus_name.h"
#include "cfilter/warmup.h"
#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "lib/base/rand.h"

#define SELFTEST_NAME "Gatepost.SelfTest"
enum { SELFTEST_BYTES = 32, ALERTS_MAX = 32, HEADER_ROOM = 64 };

struct clamav {
    struct cl_engine *engine;
    struct cl_scan_options options;
    uint64_t signatures;
    struct map *trusted;            /* names of signatures out of databases that count as ours */
    bool alert_limits;
    char marker[SELFTEST_BYTES];
    struct layers *layers;
};

/* One call of the engine. */
struct call {
    struct clamav *c;
    struct facts *facts;
    const char *scanner;
    size_t alerts;
    bool named;                     /* a name came with the alert */
    bool selftest_found;
};

/* ---- libclamav's own words: the last error explains a failed load ---- */

static char last_words[200];

static void on_clamav_message(enum cl_msg severity, const char *full, const char *msg, void *context)
{
    (void)full;
    (void)context;
    if (severity < CL_MSG_ERROR)
        return;
    snprintf(last_words, sizeof last_words, "%s", msg);
    last_words[strcspn(last_words, "\r\n")] = '\0';
}

static bool clamav_start(struct errtext *err)
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

/* libclamav does not tell which file a hit is from, so it reads each trusted file once by itself and tells the names in it. */
static struct map *trusted_names(const struct set_virus *set, struct errtext *warning)
{
    struct map *names = map_new();

    for (size_t i = 0; i < set->trusted_databases.n; i++) {
        const char *file = set->trusted_databases.v[i];
        char path[4096];
        struct cl_engine *e;
        unsigned n = 0;

        snprintf(path, sizeof path, "%s/%s", set->database, file);
        if (strchr(file, '/') != NULL || access(path, R_OK) != 0) {
            errtext_set(warning, "trusted database %s is not in %s", file, set->database);
            continue;
        }
        if ((e = cl_engine_new()) == NULL)
            continue;
        cl_engine_set_clcb_sigload(e, note_name, names);
        cl_error_t r = cl_load(path, e, &n, CL_DB_STDOPT);
        if (r != CL_SUCCESS)
            errtext_set(warning, "trusted database %s: %s", file, cl_strerror(r));
        cl_engine_free(e);
    }
    return names;
}

/* ---- what an alert means ---- */

static span plain_name(const struct clamav *c, const char *name)
{
    span whole = span_str(name), bare = whole;

    if (span_ends_nocase(whole, SPAN(VIRUS_NAME_UNOFFICIAL)))
        bare.n -= sizeof VIRUS_NAME_UNOFFICIAL - 1;
    return bare.n < whole.n && (map_get(c->trusted, bare) != NULL || span_eq(bare, SPAN(SELFTEST_NAME))) ? bare : whole;
}

static bool wanted(const struct clamav *c, struct virus_meaning m)
{
    return m.klass != FACT_CLASS_LIMIT || c->alert_limits;
}

static bool known(const struct facts *f, enum fact_kind kind, const char *name, const char *detail)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind == kind && strcmp(f->v[i].name, name) == 0 && (kind != FACT_UNCHECKED || strcmp(f->v[i].detail, detail) == 0))
            return true;
    return false;
}

static void on_alert(int fd, const char *raw_name, void *context)
{
    struct call *call = context;
    char name[FACT_NAME_MAX];

    (void)fd;
    if (call == NULL || raw_name == NULL || raw_name[0] == '\0')
        return;
    call->named = true;
    layers_alert(call->c->layers);
    span s = span_head(plain_name(call->c, raw_name), sizeof name - 1);
    memcpy(name, s.p, s.n);
    name[s.n] = '\0';
    if (span_eq(s, SPAN(SELFTEST_NAME))) {   /* nobody else knows the marker; outside the test it means nothing */
        call->selftest_found = true;
        return;
    }
    struct virus_meaning m = virus_name_meaning(s);
    const char *what = m.what != NULL ? m.what : name, *detail = m.what != NULL ? name : call->scanner;
    if (!wanted(call->c, m) || known(call->facts, m.kind, what, detail) || call->alerts++ >= ALERTS_MAX)
        return;
    facts_add(call->facts, call->scanner, m.kind, m.klass, 0, what, detail);
}

static cl_error_t on_layer(int fd, const char *type, const char **ancestors, size_t parent_size, const char *name, size_t size,
                           const char *bytes, uint32_t level, uint32_t attributes, void *context)
{
    struct call *call = context;

    (void)fd, (void)ancestors, (void)parent_size, (void)name;
    return call != NULL && layers_enter(call->c->layers, level, type, attributes, span_of(bytes, bytes != NULL ? size : 0)) ? CL_BREAK : CL_CLEAN;
}

static cl_error_t on_layer_done(int fd, int result, const char *name, void *context)
{
    struct call *call = context;

    (void)fd, (void)name;
    if (call != NULL)
        layers_leave(call->c->layers, result == CL_CLEAN);
    return CL_CLEAN;               /* its own result stands */
}

/* After layers_begin_call. */
static void scan_map(struct call *call, span bytes)
{
    struct facts *f = call->facts;
    cl_fmap_t *map = cl_fmap_open_memory(bytes.p, bytes.n);
    const char *name = NULL;        /* stays so for some alerts */
    unsigned long scanned = 0;
    char why[120];

    f->engine_calls++;
    f->scanned_bytes += bytes.n;
    if (map == NULL) {
        facts_incomplete(f, "libclamav: cannot map the message");
        return;
    }
    cl_error_t r = cl_scanmap_callback(map, NULL, &name, &scanned, call->c->engine, &call->c->options, call);
    cl_fmap_close(map);
    bool whole = layers_end_call(call->c->layers);
    if (r != CL_CLEAN)
        layers_alert(call->c->layers);
    if (r == CL_VIRUS && !call->named)
        on_alert(-1, name, call);
    if (r == CL_VIRUS && !call->named) {
        facts_incomplete(f, "libclamav: alert without a name");
    } else if (r == CL_ETIMEOUT) {
        facts_add(f, call->scanner, FACT_UNCHECKED, FACT_CLASS_TIMEOUT, 0, "timeout", "libclamav");
    } else if (r != CL_CLEAN && r != CL_VIRUS) {
        snprintf(why, sizeof why, "libclamav: %s", cl_strerror(r));
        facts_incomplete(f, why);
    } else if (r == CL_CLEAN && !whole) {
        facts_incomplete(f, "libclamav: no memory for one of the layers");
    }
}

/* ---- scanning ---- */

void clamav_begin_message(struct clamav *c)
{
    layers_begin_message(c->layers);
}

void clamav_end_message(struct clamav *c, struct facts *f)
{
    const struct digest *keys;
    size_t n = layers_clean(c->layers, &keys);

    f->cache_hits = (uint32_t)layers_hits(c->layers);
    facts_add_clean(f, keys, n);
}

void clamav_use_cache(struct clamav *c, const struct clean_view *known, uint32_t generation, uint32_t serial)
{
    layers_use_cache(c->layers, known, generation, serial);
}

static const char mail_mark[] = "Received: from localhost by localhost; Thu, 1 Jan 1970 00:00:00 +0000\r\n";

/* libclamav decides by the first bytes whether something is mail: a message that begins with PK or MZ would be read as an archive or a
 * program, and what is attached to it not at all.  So a header field goes before it: into the end of a page, the message mapped behind it. */
static void scan_as_mail(struct call *call, int fd, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), mark = sizeof mail_mark - 1;
    size_t length = page + (size + page - 1) / page * page;
    char *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED) {
        facts_incomplete(call->facts, "no memory to map the message");
        return;
    }
    layers_begin_call(call->c->layers, LAYERS_MESSAGE, SPAN(""), NULL);
    memcpy(base + page - mark, mail_mark, mark);
    if (size > 0 && mmap(base + page, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
        facts_incomplete(call->facts, "cannot map the message");
    else
        scan_map(call, span_of(base + page - mark, mark + size));
    munmap(base, length);
}

void clamav_scan_message(struct clamav *c, int fd, size_t size, const char *scanner, struct facts *f)
{
    struct call call = { .c = c, .facts = f, .scanner = scanner };

    scan_as_mail(&call, fd, size);
}

bool clamav_scan_part(struct clamav *c, span bytes, bool text, const char *scanner, struct facts *f)
{
    struct call call = { .c = c, .facts = f, .scanner = scanner };
    struct digest digest;

    if (bytes.n == 0 || layers_seen(c->layers, bytes, text, &digest))
        return false;
    layers_begin_call(c->layers, LAYERS_PART, bytes, &digest);
    scan_map(&call, bytes);
    return true;
}

bool clamav_knows(struct clamav *c, span bytes, bool text)
{
    struct digest digest;

    if (bytes.n == 0 || layers_seen(c->layers, bytes, text, &digest))
        return true;
    layers_remember(c->layers, bytes, &digest);
    return false;
}

void clamav_scan_bundle(struct clamav *c, span archive, const char *scanner, struct facts *f)
{
    struct call call = { .c = c, .facts = f, .scanner = scanner };

    layers_begin_call(c->layers, LAYERS_BUNDLE, SPAN(""), NULL);
    scan_map(&call, archive);
}

/* ---- loading ---- */

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool set_limits(struct cl_engine *e, const struct settings *set, const char *scratch)
{
    const struct set_virus *v = &set->filter.virus;
    /* The message itself must always be read: libclamav passes over a file that is larger than the limit. */
    int64_t file = at_least(v->max_file_bytes, set->filter.max_message_bytes + HEADER_ROOM + (int64_t)sizeof mail_mark);
    const struct { enum cl_engine_field field; int64_t value; } limits[] = {
        { CL_ENGINE_DISABLE_CACHE, 1 },      /* its clean cache is keyed by MD5: a twin could be made (must be set before cl_load) */
        { CL_ENGINE_MAX_FILESIZE, file },
        { CL_ENGINE_MAX_SCANSIZE, at_least(v->max_scan_bytes, file) },
        { CL_ENGINE_MAX_FILES, v->max_files },
        { CL_ENGINE_MAX_RECURSION, v->max_recursion },
        { CL_ENGINE_PCRE_MAX_FILESIZE, file },
    };

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value > 0 && cl_engine_set_num(e, limits[i].field, limits[i].value) != CL_SUCCESS)
            return false;
    return cl_engine_set_str(e, CL_ENGINE_TMPDIR, scratch) == CL_SUCCESS;
}

/* What passes whatever is found of it is not looked for. */
static struct cl_scan_options scan_options(const struct settings *set)
{
    const struct set_virus *v = &set->filter.virus;
    const struct set_unchecked *u = &set->filter.unchecked;
    struct cl_scan_options o = {
        /* All alerts, not the first: a suspicion must not hide that a limit was hit. */
        .general = CL_SCAN_GENERAL_HEURISTICS | CL_SCAN_GENERAL_ALLMATCHES,
        .parse = ~0U,
        /* Without this one, a scan that hit a limit, even that of time, is called clean. */
        .heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX,
    };

    if (v->alert_macros && v->heuristics.macro.action != CLASS_PASS)
        o.heuristic |= CL_SCAN_HEURISTIC_MACROS;
    if (v->alert_encrypted && u->encrypted_archive.action != CLASS_PASS)
        o.heuristic |= CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE;
    if (v->alert_encrypted && u->encrypted_document.action != CLASS_PASS)
        o.heuristic |= CL_SCAN_HEURISTIC_ENCRYPTED_DOC;
    return o;
}

/* A signature of our own for random bytes, so that an engine can be tried whatever its database holds. */
static bool load_marker(struct clamav *c, const char *scratch, struct errtext *err)
{
    char path[4096], line[64 + 2 * SELFTEST_BYTES];
    unsigned n = 0;
    int fd, used = snprintf(line, sizeof line, SELFTEST_NAME ":0:*:");

    rand_bytes(c->marker, sizeof c->marker);
    for (size_t i = 0; i < sizeof c->marker; i++)
        used += snprintf(line + used, sizeof line - (size_t)used, "%02x", (uint8_t)c->marker[i]);
    line[used++] = '\n';
    snprintf(path, sizeof path, "%s/selftest.ndb", scratch);
    if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) {
        errtext_errno(err, "cannot write %s", path);
        return false;
    }
    bool written = write(fd, line, (size_t)used) == used;
    close(fd);
    cl_error_t r = written ? cl_load(path, c->engine, &n, CL_DB_STDOPT) : CL_EWRITE;
    unlink(path);
    if (r != CL_SUCCESS || n != 1)
        errtext_set(err, "the self-test's signature does not load: %s", cl_strerror(r));
    return r == CL_SUCCESS && n == 1;
}

static bool load_database(struct clamav *c, const struct settings *set, struct errtext *err)
{
    const struct set_virus *v = &set->filter.virus;
    unsigned n = 0;
    bool phishing = v->alert_phishing && v->heuristics.phishing.action != CLASS_PASS;
    unsigned options = CL_DB_PHISHING | CL_DB_BYTECODE | (phishing ? CL_DB_PHISHING_URLS : 0U);
    struct stat st;

    if (stat(v->database, &st) < 0) {
        errtext_errno(err, "database %s", v->database);
        return false;
    }
    last_words[0] = '\0';
    cl_error_t r = cl_load(v->database, c->engine, &n, options);
    if (r != CL_SUCCESS) {
        errtext_set(err, "database %s does not load: %s%s%s", v->database, cl_strerror(r), last_words[0] != '\0' ? ": " : "", last_words);
        return false;
    }
    c->signatures = n;
    if ((int64_t)n < at_least(v->min_signatures, 1)) {
        errtext_set(err, "database %s has %u signatures, fewer than filter.virus.min_signatures (%lld)", v->database, n,
                    (long long)v->min_signatures);
        return false;
    }
    return true;
}

/* ---- trying ---- */

static int memory_file(span bytes)
{
    int fd = memfd_create("warm-up", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool try_one(struct clamav *c, span marker, struct facts *f, bool *found_out)
{
    struct call call = { .c = c, .facts = f, .scanner = "self-test" };
    struct buf message;

    buf_init(&message, 64 * 1024);
    warmup_message(marker, &message);
    int fd = memory_file(buf_span(&message));
    facts_init(f);
    if (fd >= 0)
        scan_as_mail(&call, fd, message.len);
    close(fd);
    buf_free(&message);
    *found_out = call.selftest_found;
    return fd >= 0;
}

/* Limits that the administrator has set low may well be hit. */
static const struct fact *first_find(const struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind != FACT_UNCHECKED)
            return &f->v[i];
    return NULL;
}

/* A harmless message must be clean, and the marker must be found where a mail carries it.  This also makes libclamav set up what it sets up on
 * its first scan, before anything is forked. */
static bool try_engine(struct clamav *c, struct errtext *err)
{
    struct facts *f = xmalloc(sizeof *f);
    bool found, ok = false;

    if (!try_one(c, SPAN(""), f, &found))
        errtext_set(err, "self-test: no memory file");
    else if (!f->complete)
        errtext_set(err, "self-test: %s", f->incomplete_why);
    else if (first_find(f) != NULL)
        errtext_set(err, "self-test: %s is found in a harmless message", first_find(f)->name);
    else if (!try_one(c, span_of(c->marker, sizeof c->marker), f, &found) || !found)
        errtext_set(err, "self-test: the engine does not find what it must find (limits in filter.virus too low?)");
    else
        ok = true;
    free(f);
    clamav_begin_message(c);
    return ok;
}

struct clamav *clamav_load(const struct settings *set, const char *scratch, struct errtext *warning, struct errtext *err)
{
    struct clamav *c;
    cl_error_t r;

    if (!clamav_start(err))
        return NULL;
    c = xcalloc(1, sizeof *c);
    c->options = scan_options(set);
    c->alert_limits = set->filter.virus.alert_exceeds_max;
    c->trusted = trusted_names(&set->filter.virus, warning);
    c->layers = layers_new();
    c->engine = cl_engine_new();
    if (c->engine == NULL || c->layers == NULL || !set_limits(c->engine, set, scratch)) {
        errtext_set(err, "libclamav does not take its limits");
        goto fail;
    }
    if (!load_database(c, set, err) || !load_marker(c, scratch, err))
        goto fail;
    if ((r = cl_engine_compile(c->engine)) != CL_SUCCESS) {
        errtext_set(err, "database %s: %s", set->filter.virus.database, cl_strerror(r));
        goto fail;
    }
    cl_engine_set_clcb_virus_found(c->engine, on_alert);
    cl_engine_set_clcb_file_inspection(c->engine, on_layer);
    cl_engine_set_clcb_post_scan(c->engine, on_layer_done);
    if (!try_engine(c, err))
        goto fail;
    /* Its own limit first, the kill after; and not for the self-test, which a busy machine at start must not fail. */
    cl_engine_set_num(c->engine, CL_ENGINE_MAX_SCANTIME, at_least(set->filter.scan_timeout_ms * 8 / 10, 1));
    return c;
fail:
    clamav_free(&c);
    return NULL;
}

void clamav_free(struct clamav **cp)
{
    struct clamav *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    if (c->engine != NULL)
        cl_engine_free(c->engine);
    map_free(&c->trusted, NULL);
    layers_free(&c->layers);
    free(c);
}

uint64_t clamav_signatures(const struct clamav *c)
{
    return c->signatures;
}

void clamav_use_scratch(struct clamav *c, const char *dir)
{
    cl_engine_set_str(c->engine, CL_ENGINE_TMPDIR, dir);
}

uint64_t clamav_database_stamp(const char *dir)
{
    DIR *d = opendir(dir);
    uint64_t stamp = d != NULL ? 1 : 0;
    const struct hash_key *key = rand_process_key();

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        struct stat st;
        char text[400];
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
            continue;
        int n = snprintf(text, sizeof text, "%s %lld %lld.%09ld", e->d_name, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                         st.st_mtim.tv_nsec);
        stamp += siphash(span_of(text, (size_t)n), key) | 1;    /* a sum: readdir has no order */
    }
    if (d != NULL)
        closedir(d);
    return stamp;
}

static void extract(struct view *v, struct facts *f)
{
    if (v->engine == NULL) {
        facts_incomplete(f, "no virus engine");
        return;
    }
    clamav_begin_message(v->engine);
    clamav_scan_message(v->engine, v->fd, v->bytes.n, "clamav", f);
    f->signatures = clamav_signatures(v->engine);
}

const struct scanner scanner_clamav = { .name = "clamav", .is_virus = true, .extract = extract };
