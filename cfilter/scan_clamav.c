/* scan_clamav.c - the virus engine: loading it, trying it, asking it.
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
#include <time.h>
#include <unistd.h>

#include "cfilter/clamav.h"
#include "cfilter/clamav_database.h"
#include "cfilter/clamav_options.h"
#include "cfilter/layers.h"
#include "cfilter/ole2_encrypted.h"
#include "cfilter/loaded.h"
#include "cfilter/overrun.h"
#include "cfilter/passed_over.h"
#include "cfilter/scanner.h"
#include "cfilter/virus_name.h"
#include "cfilter/warmup.h"
#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "lib/base/rand.h"

#define SELFTEST_NAME "Gatepost.SelfTest"
enum { SELFTEST_BYTES = 32, ALERTS_MAX = 32 };

struct clamav {
    struct cl_engine *engine;
    struct cl_scan_options options;
    uint64_t signatures;
    struct map *trusted;            /* names of signatures out of databases that count as ours */
    bool alert_limits, mail;
    char marker[SELFTEST_BYTES];
    struct layers *layers;
    struct overrun overrun;
    struct passed_over passed_over;
    int64_t scantime_us;
    uint64_t memory_bytes;          /* of a worker, beside the engine */
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

static int64_t time_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void add_fact(struct call *call, const char *name)
{
    struct virus_meaning m = virus_name_meaning(span_str(name));
    const char *what = m.what != NULL ? m.what : name, *detail = m.what != NULL ? name : call->scanner;

    if (!wanted(call->c, m) || known(call->facts, m.kind, what, detail))
        return;
    if (m.kind != FACT_VIRUS && call->alerts++ >= ALERTS_MAX)      /* a virus that comes last still counts */
        facts_incomplete(call->facts, "libclamav: too many alerts");
    else
        facts_add(call->facts, call->scanner, m.kind, m.klass, 0, what, detail);
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
    overrun_alert(&call->c->overrun, span_str(raw_name), time_us(CLOCK_PROCESS_CPUTIME_ID));
    span s = span_head(plain_name(call->c, raw_name), sizeof name - 1);
    memcpy(name, s.p, s.n);
    name[s.n] = '\0';
    if (span_eq(s, SPAN(SELFTEST_NAME))) {   /* nobody else knows the marker; outside the test it means nothing */
        call->selftest_found = true;
        return;
    }
    add_fact(call, name);
}

/* What libclamav 1.4 opens without telling that there is nothing to be seen. */
static void look_at_document(struct call *call, const char *type, span bytes)
{
    if ((call->c->options.heuristic & CL_SCAN_HEURISTIC_ENCRYPTED_DOC) == 0 || type == NULL || strcmp(type, "CL_TYPE_MSOLE2") != 0 ||
        !ole2_is_encrypted(bytes))
        return;
    layers_alert(call->c->layers);
    add_fact(call, "Heuristics.Encrypted.OLE2");
}

static cl_error_t on_layer(int fd, const char *type, const char **ancestors, size_t parent_size, const char *name, size_t size,
                           const char *bytes, uint32_t level, uint32_t attributes, void *context)
{
    struct call *call = context;

    (void)fd, (void)ancestors, (void)parent_size, (void)name;
    if (call == NULL)
        return CL_CLEAN;
    if (layers_enter(call->c->layers, level, type, attributes, span_of(bytes, bytes != NULL ? size : 0)))
        return CL_BREAK;
    look_at_document(call, type, span_of(bytes, bytes != NULL ? size : 0));
    if (bytes != NULL && passed_over_is(type, span_of(bytes, size)))
        passed_over_add(&call->c->passed_over, span_of(bytes, size));
    if (!overrun_leaves_out(&call->c->overrun, size, time_us(CLOCK_PROCESS_CPUTIME_ID)))
        return CL_CLEAN;
    layers_alert(call->c->layers);           /* left out is not clean */
    return CL_BREAK;
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
    clamav_lacked_memory();
    overrun_begin_call(&call->c->overrun, time_us(CLOCK_PROCESS_CPUTIME_ID));
    int64_t begun_us = time_us(CLOCK_MONOTONIC);
    cl_error_t r = cl_scanmap_callback(map, NULL, &name, &scanned, call->c->engine, &call->c->options, call);
    cl_fmap_close(map);
    /* After another limit it does not tell that its time has run out as well. */
    bool timed_out = r == CL_ETIMEOUT || call->c->overrun.timed_out || time_us(CLOCK_MONOTONIC) - begun_us >= call->c->scantime_us;
    bool whole = layers_end_call(call->c->layers);
    if (r != CL_CLEAN || timed_out)
        layers_alert(call->c->layers);
    if (r == CL_VIRUS && !call->named)
        on_alert(-1, name, call);
    if (r == CL_VIRUS && !call->named) {
        facts_incomplete(f, "libclamav: alert without a name");
    } else if (timed_out) {
        facts_add(f, call->scanner, FACT_UNCHECKED, FACT_CLASS_TIMEOUT, 0, "timeout", "libclamav");
    } else if (r != CL_CLEAN && r != CL_VIRUS) {
        snprintf(why, sizeof why, "libclamav: %s", cl_strerror(r));
        facts_incomplete(f, why);
    }
    uint64_t lacked = clamav_lacked_memory();

    /* What asks for so much, by a damaged length mostly, would get it nowhere. */
    if (lacked > call->c->memory_bytes / 4)
        on_alert(-1, "Heuristics.Limits.Exceeded.MaxFileSize", call);
    else if ((r == CL_CLEAN && !whole) || lacked > 0)
        facts_incomplete(f, "libclamav: no memory for one of the layers");
    if (call->c->overrun.used_up)
        on_alert(-1, "Heuristics.Limits.Exceeded.MaxScanSize", call);
}

/* What was passed over in a call. */
static void scan_passed_over(struct call *call)
{
    struct passed_over *p = &call->c->passed_over;
    span files;

    while (!facts_have_virus(call->facts) && passed_over_take(p, &files)) {
        layers_alert(call->c->layers);       /* the cache is told only of what was looked at as it stands */
        layers_begin_call(call->c->layers, LAYERS_BUNDLE, SPAN(""), NULL);
        scan_map(call, files);
    }
    if (p->full)
        on_alert(-1, "Heuristics.Limits.Exceeded.MaxScanSize", call);
    passed_over_reset(p);
}

static void scan_whole(struct call *call, span bytes)
{
    scan_map(call, bytes);
    scan_passed_over(call);
}

/* ---- scanning ---- */

void clamav_begin_message(struct clamav *c)
{
    layers_begin_message(c->layers);
    overrun_begin_message(&c->overrun);
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
_Static_assert(sizeof mail_mark <= CLAMAV_HEADER_ROOM, "a message of the largest size, and this, are read whole");

_Static_assert(sizeof mail_mark <= LOADED_ROOM, "room before the message");

/* libclamav decides by the first bytes whether something is mail: a message that begins with PK or MZ would be read as an archive or a
 * program, and what is attached to it not at all.  So a header field goes before it, into the room that is there. */
static void scan_as_mail(struct call *call, span message)
{
    size_t mark = sizeof mail_mark - 1;
    char *begin = (char *)(uintptr_t)message.p - mark;

    layers_begin_call(call->c->layers, LAYERS_MESSAGE, SPAN(""), NULL);
    memcpy(begin, mail_mark, mark);
    scan_whole(call, span_of(begin, mark + message.n));
}

void clamav_scan_message(struct clamav *c, span message, const char *scanner, struct facts *f)
{
    struct call call = { .c = c, .facts = f, .scanner = scanner };

    scan_as_mail(&call, message);
}

bool clamav_scan_part(struct clamav *c, span bytes, bool text, const char *scanner, struct facts *f)
{
    struct call call = { .c = c, .facts = f, .scanner = scanner };
    struct digest digest;

    if (bytes.n == 0 || layers_seen(c->layers, bytes, text, &digest))
        return false;
    layers_begin_call(c->layers, LAYERS_PART, bytes, &digest);
    scan_whole(&call, bytes);
    return true;
}

bool clamav_knows(struct clamav *c, span bytes, bool text, bool remember)
{
    struct digest digest;

    if (bytes.n == 0 || layers_seen(c->layers, bytes, text, &digest))
        return true;
    if (remember)
        layers_remember(c->layers, bytes, &digest);
    return false;
}

bool clamav_passed_over(struct clamav *c, span bytes)
{
    return layers_passed_over(c->layers, bytes);
}

void clamav_not_whole(struct clamav *c)
{
    layers_alert(c->layers);
}

void clamav_scan_bundle(struct clamav *c, span archive, const char *scanner, struct facts *f)
{
    struct call call = { .c = c, .facts = f, .scanner = scanner };

    layers_begin_call(c->layers, LAYERS_BUNDLE, SPAN(""), NULL);
    scan_whole(&call, archive);
}

/* ---- loading ---- */

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

/* ---- trying ---- */

static void try_one(struct clamav *c, span marker, struct facts *f, bool *found_out)
{
    static const char room[LOADED_ROOM];
    struct call call = { .c = c, .facts = f, .scanner = "self-test" };
    struct buf message;

    buf_init(&message, 64 * 1024);
    buf_append(&message, span_of(room, sizeof room));
    warmup_message(marker, &message);
    if (!c->mail)                   /* then nothing takes it out of the message */
        buf_append(&message, marker);
    facts_init(f);
    scan_as_mail(&call, span_from(buf_span(&message), sizeof room));
    buf_free(&message);
    *found_out = call.selftest_found;
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

    try_one(c, SPAN(""), f, &found);
    if (!f->complete)
        errtext_set(err, "self-test: %s", f->incomplete_why);
    else if (first_find(f) != NULL)
        errtext_set(err, "self-test: %s is found in a harmless message", first_find(f)->name);
    else
        try_one(c, span_of(c->marker, sizeof c->marker), f, &ok);
    if (err->text[0] == '\0' && !ok)
        errtext_set(err, "self-test: the engine does not find what it must find (limits in filter.virus too low?)");
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
    c->options = clamav_scan_options(set);
    c->mail = set->filter.virus.parse.mail;
    c->alert_limits = set->filter.virus.alert_exceeds_max;
    c->trusted = clamav_trusted_names(&set->filter.virus, warning);
    c->scantime_us = clamav_scan_time_ms(set) * 1000;
    c->overrun = (struct overrun){ .max_bytes = (uint64_t)clamav_scan_bytes(set), .grace_us = set->filter.scan_timeout_ms * 1000 / 10 };
    c->memory_bytes = (uint64_t)set->filter.worker_memory_bytes;
    passed_over_init(&c->passed_over, (size_t)set->filter.worker_memory_bytes / 8);
    c->layers = layers_new();
    c->engine = cl_engine_new();
    if (c->engine == NULL || c->layers == NULL || cl_engine_set_str(c->engine, CL_ENGINE_TMPDIR, scratch) != CL_SUCCESS) {
        errtext_set(err, "libclamav does not make an engine");
        goto fail;
    }
    if (!clamav_set_limits(c->engine, set, err) || !clamav_load_databases(c->engine, &set->filter.virus, &c->signatures, err) ||
        !load_marker(c, scratch, err))
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
    if (!clamav_set_scan_time(c->engine, set)) {
        errtext_set(err, "libclamav does not take the time of a scan");
        goto fail;
    }
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
    passed_over_free(&c->passed_over);
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

static void extract(struct view *v, struct facts *f)
{
    if (v->engine == NULL) {
        facts_incomplete(f, "no virus engine");
        return;
    }
    clamav_begin_message(v->engine);
    clamav_scan_message(v->engine, v->bytes, "clamav", f);
    f->signatures = clamav_signatures(v->engine);
}

const struct scanner scanner_clamav = { .name = "clamav", .is_virus = true, .extract = extract };
