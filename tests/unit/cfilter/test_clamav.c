/* test_clamav.c - libclamav itself under our settings: every option does what its row says, and its traps do not read as clean.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <clamav.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfilter/clamav.h"
#include "cfilter/kept_maps.h"
#include "cfilter/loaded.h"
#include "cfilter/scratch.h"
#include "lib/base/alloc.h"
#include "lib/net/loop.h"
#include "tests/unit/cfilter/default_settings.h"

#define HEAD "From: <a@example.org>\r\nTo: <b@example.com>\r\nSubject: test\r\nMIME-Version: 1.0\r\n"

static char dir[] = "/tmp/gatepost-test-clamav.XXXXXX", database[64], extra[64];
static struct settings set;
static struct facts facts;

/* ---- libclamav's answer, as it comes or made up ---- */

static struct { bool on; cl_error_t result; const char *name; } canned;

/* Taken before the library's own by the program, as all that this program links against sees it. */
cl_error_t cl_scanmap_callback(cl_fmap_t *map, const char *filename, const char **virname, unsigned long int *scanned,
                               const struct cl_engine *engine, struct cl_scan_options *options, void *context)
{
    cl_error_t (*own)(cl_fmap_t *, const char *, const char **, unsigned long int *, const struct cl_engine *, struct cl_scan_options *, void *);

    if (canned.on) {
        *virname = canned.name;
        return canned.result;
    }
    *(void **)(&own) = dlsym(RTLD_NEXT, "cl_scanmap_callback");
    assert_non_null(own);
    return own(map, filename, virname, scanned, engine, options, context);
}

/* ---- databases ---- */

static void put_signature(const char *folder, const char *file, const char *name, const char *bytes)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s:0:*:", name);
    for (; *bytes != '\0'; bytes++)
        fprintf(f, "%02x", (unsigned char)*bytes);
    fprintf(f, "\n");
    fclose(f);
}

static int fresh(void **state)
{
    (void)state;
    set = (struct settings){ .refs = 1000 };
    default_of(&set, "filter");
    default_classes(&set);
    set.filter.virus.database = database;
    scratch_remove(database, true);
    scratch_remove(extra, true);
    put_signature(database, "local.ndb", "Test.Found", "the one that is found");
    put_signature(database, "unwanted.ndu", "PUA.Win.Tool.Test", "a tool that some do not want");
    canned.on = false;
    return 0;
}

static int start(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(database, sizeof database, "%s/db", dir);
    snprintf(extra, sizeof extra, "%s/extra", dir);
    return mkdir(database, 0755) < 0 || mkdir(extra, 0755) < 0;
}

static int stop(void **state)
{
    (void)state;
    scratch_remove(dir, false);
    default_end();
    return 0;
}

static struct clamav *load(struct errtext *err)
{
    struct errtext warning = { "" };

    *err = (struct errtext){ "" };
    return clamav_load(&set, dir, &warning, err);
}

static struct clamav *loaded(void)
{
    struct errtext err;
    struct clamav *c = load(&err);

    if (c == NULL)
        fail_msg("%s", err.text);
    return c;
}

static void scan_message(struct clamav *c, span text)
{
    char *bytes = xmalloc(LOADED_ROOM + text.n);

    memcpy(bytes + LOADED_ROOM, text.p, text.n);
    facts_init(&facts);
    clamav_begin_message(c);
    clamav_scan_message(c, span_of(bytes + LOADED_ROOM, text.n), "clamav", &facts);
    free(bytes);
}

static void scan_part(struct clamav *c, span bytes)
{
    facts_init(&facts);
    clamav_begin_message(c);
    clamav_scan_part(c, bytes, false, "clamav", &facts);
}

static const struct fact *of_class(enum fact_class klass)
{
    for (size_t i = 0; i < facts.n; i++)
        if (facts.v[i].klass == klass && facts.v[i].kind != FACT_VIRUS)
            return &facts.v[i];
    return NULL;
}

static bool found(const char *name)
{
    for (size_t i = 0; i < facts.n; i++)
        if (strncmp(facts.v[i].name, name, strlen(name)) == 0)
            return true;
    return false;
}

/* ---- files ---- */

static void put(struct buf *b, int width, uint64_t value)
{
    for (; width > 0; width--, value >>= 8)
        buf_append_char(b, (char)value);
}

static uint32_t crc_of(span s)
{
    uint32_t crc = ~0U;

    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int k = 0; k < 8; k++)
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
    }
    return ~crc;
}

/* `n` stored files, each with these bytes (APPNOTE.TXT 4.3).  flags: 1 is "encrypted". */
static void zip(struct buf *b, size_t n, span bytes, uint16_t flags)
{
    uint32_t crc = crc_of(bytes), size = (uint32_t)bytes.n;
    size_t begin = b->len, at[64];

    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++) {
        at[i] = b->len - begin;
        put(b, 4, 0x04034b50), put(b, 2, 10), put(b, 2, flags), put(b, 2, 0), put(b, 4, 0), put(b, 4, crc), put(b, 4, size), put(b, 4, size);
        put(b, 2, 3), put(b, 2, 0), buf_printf(b, "f%02zu", i), buf_append(b, bytes);
    }
    size_t directory = b->len - begin;
    for (size_t i = 0; i < n; i++) {
        put(b, 4, 0x02014b50), put(b, 2, 10), put(b, 2, 10), put(b, 2, flags), put(b, 2, 0), put(b, 4, 0), put(b, 4, crc), put(b, 4, size);
        put(b, 4, size), put(b, 2, 3), put(b, 2, 0), put(b, 2, 0), put(b, 2, 0), put(b, 2, 0), put(b, 4, 0), put(b, 4, at[i]);
        buf_printf(b, "f%02zu", i);
    }
    size_t length = b->len - begin - directory;
    put(b, 4, 0x06054b50), put(b, 2, 0), put(b, 2, 0), put(b, 2, n), put(b, 2, n), put(b, 4, length), put(b, 4, directory), put(b, 2, 0);
}

static void pdf(struct buf *b, bool encrypted)
{
    buf_append_str(b, "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
                      "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n");
    if (encrypted)
        buf_append_str(b, "4 0 obj<</Filter/Standard/V 1/R 2/O<4141414141414141414141414141414141414141414141414141414141414141>"
                          "/U<4242424242424242424242424242424242424242424242424242424242424242>/P -4>>endobj\n");
    buf_printf(b, "trailer<</Size 5/Root 1 0 R%s>>\nstartxref\n0\n%%%%EOF\n", encrypted ? "/Encrypt 4 0 R/ID[<00><00>]" : "");
}

/* An OLE2 file (MS-CFB) of streams that each fill eight sectors, in storages: no small streams, one sector of FAT. */
struct ole_entry { const char *name; int kind, parent; span data; };   /* kind: 5 root, 1 storage, 2 stream; parent before child */

static void ole2(struct buf *b, const struct ole_entry *v, size_t n)
{
    enum { SECTOR = 512, STREAM = 8 };
    static const char magic[] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
    uint32_t sectors = 0, start[16], fat[128], none = 0xffffffff, last = 0xfffffffe;
    size_t begin = b->len, directory_sectors = (n + 3) / 4;

    for (size_t i = 0; i < 128; i++)
        fat[i] = none;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; v[i].kind == 2 && k < STREAM; k++) {
            start[i] = k == 0 ? sectors : start[i];
            fat[sectors] = k + 1 < STREAM ? sectors + 1 : last;
            sectors++;
        }
    uint32_t directory = sectors;
    for (size_t k = 0; k < directory_sectors; k++, sectors++)
        fat[sectors] = k + 1 < directory_sectors ? sectors + 1 : last;
    fat[sectors] = 0xfffffffd;
    buf_append(b, span_of(magic, 8)), put(b, 8, 0), put(b, 8, 0), put(b, 2, 0x3e), put(b, 2, 3), put(b, 2, 0xfffe), put(b, 2, 9), put(b, 2, 6);
    put(b, 6, 0), put(b, 4, 0), put(b, 4, 1), put(b, 4, directory), put(b, 4, 0), put(b, 4, 4096), put(b, 4, last), put(b, 4, 0);
    put(b, 4, last), put(b, 4, 0), put(b, 4, sectors);
    for (int i = 0; i < 108; i++)
        put(b, 4, none);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; v[i].kind == 2 && k < STREAM * SECTOR; k++)
            buf_append_char(b, k < v[i].data.n ? v[i].data.p[k] : '\0');
    for (size_t i = 0; i < directory_sectors * 4; i++) {
        uint32_t right = none, child = none;
        size_t length = i < n ? strlen(v[i].name) : 0;

        for (size_t k = n; i < n && k-- > i + 1;) {
            right = v[k].parent == v[i].parent ? (uint32_t)k : right;
            child = v[k].parent == (int)i ? (uint32_t)k : child;
        }
        for (size_t k = 0; k < 32; k++)
            put(b, 2, k < length ? (unsigned char)v[i].name[k] : 0);
        put(b, 2, i < n ? 2 * length + 2 : 0), put(b, 1, i < n ? (uint64_t)v[i].kind : 0), put(b, 1, 1);
        put(b, 4, none), put(b, 4, i < n ? right : none), put(b, 4, i < n ? child : none);
        for (int k = 0; k < 36; k++)
            put(b, 1, 0);
        put(b, 4, i < n && v[i].kind == 2 ? start[i] : last), put(b, 8, i < n && v[i].kind == 2 ? STREAM * SECTOR : 0);
    }
    for (size_t i = 0; i < 128; i++)
        put(b, 4, fat[i]);
    assert_int_equal((b->len - begin) % SECTOR, 0);
}

/* MS-OVBA 2.4.1, one chunk, nothing but literals. */
static void vba_pack(struct buf *b, span s)
{
    put(b, 1, 1), put(b, 2, 0xb000 | (s.n + (s.n + 7) / 8 + 2 - 3));
    for (size_t i = 0; i < s.n; i++) {
        if (i % 8 == 0)
            put(b, 1, 0);
        buf_append_char(b, s.p[i]);
    }
}

static void record(struct buf *b, int id, span s)
{
    put(b, 2, (uint64_t)id), put(b, 4, s.n), buf_append(b, s);
}

/* MS-OVBA 2.3.4.2: a project with one module. */
static void vba_directory(struct buf *b)
{
    static const char wide[] = "M\0o\0d\0u\0l\0e\0" "1\0";
    struct buf d;

    buf_init(&d, 4096);
    record(&d, 0x01, SPAN("\1\0\0\0")), record(&d, 0x02, SPAN("\x09\4\0\0")), record(&d, 0x14, SPAN("\x09\4\0\0")), record(&d, 0x03, SPAN("\xe4\4"));
    record(&d, 0x04, SPAN("VBAProject")), record(&d, 0x05, SPAN("")), record(&d, 0x40, SPAN("")), record(&d, 0x06, SPAN("")), record(&d, 0x3d, SPAN(""));
    record(&d, 0x07, SPAN("\0\0\0\0")), record(&d, 0x08, SPAN("\0\0\0\0")), put(&d, 2, 9), put(&d, 4, 4), put(&d, 4, 1), put(&d, 2, 1);
    record(&d, 0x0c, SPAN("")), record(&d, 0x3c, SPAN("")), record(&d, 0x0f, SPAN("\1\0")), record(&d, 0x13, SPAN("\xff\xff"));
    record(&d, 0x19, SPAN("Module1")), record(&d, 0x47, span_of(wide, 14)), record(&d, 0x1a, SPAN("Module1")), record(&d, 0x32, span_of(wide, 14));
    record(&d, 0x1c, SPAN("")), record(&d, 0x48, SPAN("")), record(&d, 0x31, SPAN("\0\0\0\0")), record(&d, 0x1e, SPAN("\0\0\0\0"));
    record(&d, 0x2c, SPAN("\xff\xff")), record(&d, 0x21, SPAN("")), record(&d, 0x2b, SPAN("")), record(&d, 0x10, SPAN(""));
    vba_pack(b, buf_span(&d));
    buf_free(&d);
}

/* ---- what cannot be looked into ---- */

static void test_documents(void **state)
{
    struct buf directory, module, macro, locked;

    (void)state;
    buf_init(&directory, 8192), buf_init(&module, 8192), buf_init(&macro, 65536), buf_init(&locked, 65536);
    vba_directory(&directory);
    vba_pack(&module, SPAN("Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\n  MsgBox \"hello\"\r\nEnd Sub\r\n"));
    const struct ole_entry with_macro[] = {
        { "Root Entry", 5, -1, SPAN("") }, { "WordDocument", 2, 0, SPAN("\xec\xa5\xc1\0") }, { "Macros", 1, 0, SPAN("") }, { "VBA", 1, 2, SPAN("") },
        { "dir", 2, 3, buf_span(&directory) }, { "_VBA_PROJECT", 2, 3, SPAN("\xcc\x61\xff\xff\0\0\0") }, { "Module1", 2, 3, buf_span(&module) },
    };
    const struct ole_entry with_password[] = {
        { "Root Entry", 5, -1, SPAN("") }, { "EncryptionInfo", 2, 0, SPAN("\4\0\4\0") }, { "EncryptedPackage", 2, 0, SPAN("noise") },
    };
    ole2(&macro, with_macro, 7);
    ole2(&locked, with_password, 3);
    struct clamav *c = loaded();
    scan_part(c, buf_span(&macro));
    assert_int_equal(facts.n, 1);
    assert_non_null(of_class(FACT_CLASS_MACRO));
    assert_true(found("Heuristics.OLE2.ContainsMacros.VBA"));
    scan_part(c, buf_span(&locked));
    assert_int_equal(facts.n, 1);
    assert_non_null(of_class(FACT_CLASS_ENCRYPTED_DOCUMENT));
    scan_part(c, buf_span(&locked));                 /* and whenever it comes again */
    assert_int_equal(facts.n, 1);
    clamav_free(&c);
    set.filter.virus.heuristics.macro.action = set.filter.unchecked.encrypted_document.action = CLASS_PASS;
    c = loaded();
    scan_part(c, buf_span(&macro));
    assert_int_equal(facts.n, 0);
    scan_part(c, buf_span(&locked));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);
    buf_free(&directory), buf_free(&module), buf_free(&macro), buf_free(&locked);
}

/* Sound, by the first bytes, or HTML: libclamav does not look at it as it is.  A script may begin so as well. */
static void test_passed_over(void **state)
{
    static const char *const begins[] = { "ID3=1;", "OggS ", "\xff\xfb\x90 ", "@echo off\r\nrem <html>\r\n", "<!-- <html>\r\n" };
    struct clamav *c = loaded();
    struct buf b;

    (void)state;
    buf_init(&b, 1024 * 1024);
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        buf_reset(&b);
        buf_append_str(&b, begins[i]);
        buf_append_str(&b, begins[i]);             /* without its first bytes it is the same again */
        scan_part(c, buf_span(&b));
        assert_int_equal(facts.n, 0);
        assert_true(facts.complete);
        assert_int_equal(facts.engine_calls, 2);
        buf_append_str(&b, " ... the one that is found ...");
        scan_part(c, buf_span(&b));
        assert_true(found("Test.Found"));
        buf_reset(&b);
        buf_append_str(&b, HEAD "Content-Type: audio/mpeg\r\n\r\n");
        buf_append_str(&b, begins[i]);
        buf_append_str(&b, " ... the one that is found ...");
        scan_message(c, buf_span(&b));
        assert_true(found("Test.Found"));
    }
    buf_free(&b);
    clamav_free(&c);
}

/* Whoever makes libclamav suspect everything does not hide a virus behind it. */
static void test_many_alerts(void **state)
{
    char path[100];

    (void)state;
    snprintf(path, sizeof path, "%s/many.ndu", database);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 60; i++)
        fprintf(f, "PUA.Win.Tool.Number%d:0:*:776f7264206f6620%02x%02x\n", i, '0' + i / 10, '0' + i % 10);
    fclose(f);
    put_signature(database, "zz.ndb", "Test.Last", "the very last");
    set.filter.virus.detect_pua = true;
    struct clamav *c = loaded();
    struct buf b;
    buf_init(&b, 65536);
    buf_append_str(&b, HEAD "\r\n");
    for (int i = 0; i < 60; i++)
        buf_printf(&b, "word of %02d\r\n", i);
    scan_message(c, buf_span(&b));
    assert_false(facts.complete);
    assert_int_equal(facts.n, 32);
    buf_append_str(&b, "the very last\r\n");
    scan_message(c, buf_span(&b));
    assert_true(found("Test.Last"));
    clamav_free(&c);
    buf_free(&b);
}

static void test_encrypted(void **state)
{
    struct buf archive, document;

    (void)state;
    buf_init(&archive, 4096);
    buf_init(&document, 4096);
    zip(&archive, 1, SPAN("noise"), 1);
    pdf(&document, true);
    struct clamav *c = loaded();
    scan_part(c, buf_span(&archive));
    assert_non_null(of_class(FACT_CLASS_ENCRYPTED_ARCHIVE));
    assert_string_equal(of_class(FACT_CLASS_ENCRYPTED_ARCHIVE)->detail, "Heuristics.Encrypted.Zip");
    scan_part(c, buf_span(&document));
    assert_non_null(of_class(FACT_CLASS_ENCRYPTED_DOCUMENT));
    assert_null(of_class(FACT_CLASS_ENCRYPTED_ARCHIVE));
    buf_reset(&document);
    pdf(&document, false);
    scan_part(c, buf_span(&document));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);

    /* One class passes: it is not looked for; the other is. */
    buf_reset(&document);
    pdf(&document, true);
    set.filter.unchecked.encrypted_document.action = CLASS_PASS;
    c = loaded();
    scan_part(c, buf_span(&document));
    assert_int_equal(facts.n, 0);
    scan_part(c, buf_span(&archive));
    assert_non_null(of_class(FACT_CLASS_ENCRYPTED_ARCHIVE));
    clamav_free(&c);
    set.filter.virus.alert_encrypted = false;
    c = loaded();
    scan_part(c, buf_span(&archive));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);
    buf_free(&archive);
    buf_free(&document);
}

/* ---- limits: libclamav calls each of these clean unless it is told not to ---- */

static void nested(struct buf *b, int depth)
{
    struct buf inner;

    buf_init(&inner, 64 * 1024);
    buf_append_str(&inner, "the innermost");
    for (; depth > 0; depth--) {
        buf_reset(b);
        zip(b, 1, buf_span(&inner), 0);
        buf_reset(&inner);
        buf_append(&inner, buf_span(b));
    }
    buf_free(&inner);
}

static void test_limits(void **state)
{
    struct buf b, large;
    struct clamav *c;

    (void)state;
    buf_init(&b, 16 * 1024 * 1024);
    buf_init(&large, 16 * 1024 * 1024);
    for (size_t i = 0; i < 300000; i++)
        buf_append_char(&large, (char)('a' + i % 23));
    set.filter.max_message_bytes = set.filter.virus.max_file_bytes = 200000;
    set.filter.virus.max_scan_bytes = 500000;
    set.filter.virus.max_files = 20;
    set.filter.virus.max_recursion = 6;
    c = loaded();

    scan_part(c, buf_span(&large));                  /* a file larger than max_file: not read at all */
    assert_non_null(of_class(FACT_CLASS_LIMIT));
    assert_string_equal(of_class(FACT_CLASS_LIMIT)->detail, "Heuristics.Limits.Exceeded.MaxFileSize");
    zip(&b, 1, buf_span(&large), 0);                 /* and within an archive */
    scan_part(c, buf_span(&b));
    assert_non_null(of_class(FACT_CLASS_LIMIT));
    buf_reset(&b);
    zip(&b, 40, SPAN("small"), 0);
    scan_part(c, buf_span(&b));
    assert_non_null(of_class(FACT_CLASS_LIMIT));
    nested(&b, 9);
    scan_part(c, buf_span(&b));
    assert_non_null(of_class(FACT_CLASS_LIMIT));
    nested(&b, 3);
    scan_part(c, buf_span(&b));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);

    set.filter.virus.alert_exceeds_max = false;      /* who wants it untold */
    c = loaded();
    nested(&b, 9);
    scan_part(c, buf_span(&b));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);
    buf_free(&b);
    buf_free(&large);
}

/* The largest message that is taken is read whole, whatever max_file says. */
static void test_a_message_of_the_largest_size(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1024 * 1024);
    set.filter.max_message_bytes = 300000;
    set.filter.virus.max_file_bytes = set.filter.virus.max_scan_bytes = 65536;
    buf_append_str(&b, HEAD "\r\n");
    while (b.len < 299970)
        buf_append_str(&b, "x\r\n");
    buf_append_str(&b, "the one that is found\r\n");
    struct clamav *c = loaded();
    scan_message(c, buf_span(&b));
    assert_true(found("Test.Found"));
    clamav_free(&c);
    buf_free(&b);
}

static void test_scan_time(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 32 * 1024 * 1024);
    set.filter.virus.limits.scan_time_ms = 1;
    buf_append_str(&b, HEAD "\r\n");
    while (b.len < 16 * 1024 * 1024)
        buf_append_str(&b, "a line of text as there are many, and none of them is any of the others \r\n");
    struct clamav *c = loaded();
    scan_message(c, buf_span(&b));
    assert_non_null(of_class(FACT_CLASS_TIMEOUT));
    clamav_free(&c);
    buf_free(&b);
}

/* Answers that nothing here can bring libclamav to, but that it has. */
static void test_answers(void **state)
{
    static const struct {
        const char *what;
        cl_error_t result;
        const char *name;
        bool complete;
        enum fact_kind kind;            /* 0: no fact */
        enum fact_class klass;
    } rows[] = {
        { "clean", CL_CLEAN, NULL, true, 0, FACT_CLASS_NONE },
        { "a virus", CL_VIRUS, "Test.Canned", true, FACT_VIRUS, FACT_CLASS_NONE },
        { "a virus without a name", CL_VIRUS, NULL, false, 0, FACT_CLASS_NONE },
        { "a virus with an empty name", CL_VIRUS, "", false, 0, FACT_CLASS_NONE },
        { "out of time", CL_ETIMEOUT, NULL, true, FACT_UNCHECKED, FACT_CLASS_TIMEOUT },
        { "out of memory", CL_EMEM, NULL, false, 0, FACT_CLASS_NONE },
        { "no temporary file", CL_ETMPFILE, NULL, false, 0, FACT_CLASS_NONE },
        { "cannot read", CL_EREAD, NULL, false, 0, FACT_CLASS_NONE },
    };
    struct clamav *c = loaded();

    (void)state;
    canned.on = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        canned.result = rows[i].result;
        canned.name = rows[i].name;
        scan_message(c, SPAN(HEAD "\r\ntext\r\n"));
        if (rows[i].what == NULL || facts.complete != rows[i].complete || facts.n != (rows[i].kind != 0) ||
            (facts.n > 0 && (facts.v[0].kind != rows[i].kind || facts.v[0].klass != rows[i].klass)))
            fail_msg("%s: %zu facts, %s (%s)", rows[i].what, facts.n, facts.complete ? "complete" : "incomplete", facts.incomplete_why);
    }
    canned.on = false;
    clamav_free(&c);
}

/* ---- databases ---- */

static void test_more_databases(void **state)
{
    char file[100];
    const char *paths[] = { extra, file, NULL };
    struct errtext err;
    struct clamav *c;

    (void)state;
    snprintf(file, sizeof file, "%s/one.ndb", dir);
    put_signature(dir, "one.ndb", "Test.File", "found by a file of its own");
    set.filter.virus.databases_extra = (struct conf_strings){ paths, 2 };
    c = loaded();                                    /* the folder is still empty */
    assert_int_equal(clamav_signatures(c), 2);
    clamav_free(&c);
    put_signature(extra, "two.ndb", "Test.Extra", "found by a second folder");
    const char *trust[] = { "two.ndb", "one.ndb" };
    set.filter.virus.trusted_databases = (struct conf_strings){ trust, 2 };
    c = loaded();
    assert_int_equal(clamav_signatures(c), 3);
    scan_message(c, SPAN(HEAD "\r\nfound by a second folder, found by a file of its own\r\n"));
    assert_int_equal(facts.n, 2);
    assert_true(found("Test.Extra") && found("Test.File"));
    for (size_t i = 0; i < facts.n; i++)
        assert_null(strstr(facts.v[i].name, "UNOFFICIAL"));
    clamav_free(&c);
    snprintf(file, sizeof file, "%s/missing.ndb", dir);
    assert_null(load(&err));
    assert_non_null(strstr(err.text, "missing.ndb"));
}

static void test_ignored_signatures(void **state)
{
    const char *names[] = { "Test.Found.UNOFFICIAL" };

    (void)state;
    put_signature(database, "second.ndb", "Test.Second", "another one");
    set.filter.virus.ignored_signatures = (struct conf_strings){ names, 1 };
    struct clamav *c = loaded();
    scan_message(c, SPAN(HEAD "\r\nthe one that is found, and another one\r\n"));
    assert_int_equal(facts.n, 1);
    assert_true(found("Test.Second"));
    clamav_free(&c);
}

static void test_official_only(void **state)
{
    struct errtext err;

    (void)state;
    set.filter.virus.official_only = true;
    assert_null(load(&err));                         /* nothing but local ones are there */
    assert_true(err.text[0] != '\0');
}

/* A container that says all the right things and is signed by nobody. */
static void test_unsigned_container(void **state)
{
    char path[100], head[513];
    struct errtext err;

    (void)state;
    snprintf(path, sizeof path, "%s/daily.cvd", database);
    memset(head, ' ', 512);
    snprintf(head, sizeof head, "ClamAV-VDB:23 Nov 2026 09-00 +0000:27000:1:90:%032d:%0170d:builder:1795424400", 0, 0);
    head[strlen(head)] = ' ';
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(head, 1, 512, f);
    fwrite("not a tar archive, but nobody should come so far", 1, 48, f);
    fclose(f);
    assert_null(load(&err));
    assert_non_null(strstr(err.text, "does not load"));
}

static void test_pua(void **state)
{
    static const struct { const char *what, *include, *exclude; bool detect, pass, finds; } rows[] = {
        { "not asked for", NULL, NULL, false, false, false },
        { "asked for", NULL, NULL, true, false, true },
        { "the class passes", NULL, NULL, true, true, false },
        { "its category", "Tool", NULL, true, false, true },
        { "another category", "Packed", NULL, true, false, false },
        { "not its category", NULL, "Tool", true, false, false },
        { "not another category", NULL, "Packed", true, false, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set.filter.virus.detect_pua = rows[i].detect;
        set.filter.virus.heuristics.pua.action = rows[i].pass ? CLASS_PASS : CLASS_SCORE;
        set.filter.virus.include_pua = (struct conf_strings){ &rows[i].include, rows[i].include != NULL };
        set.filter.virus.exclude_pua = (struct conf_strings){ &rows[i].exclude, rows[i].exclude != NULL };
        struct clamav *c = loaded();
        scan_message(c, SPAN(HEAD "\r\na tool that some do not want\r\n"));
        if ((of_class(FACT_CLASS_PUA) != NULL) != rows[i].finds || facts.n != rows[i].finds)
            fail_msg("%s: %zu facts", rows[i].what, facts.n);
        clamav_free(&c);
    }
}

/* ---- options ---- */

static void test_parsers(void **state)
{
    static const char mail[] = HEAD "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\ndGhlIG9uZSB0aGF0IGlzIGZvdW5k\r\n";
    struct clamav *c = loaded();

    (void)state;
    scan_message(c, span_str(mail));
    assert_true(found("Test.Found"));
    clamav_free(&c);
    set.filter.virus.parse.mail = false;             /* the engine still passes its self-test */
    c = loaded();
    scan_message(c, span_str(mail));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);
}

static void test_heuristics(void **state)
{
    static const char cards[] = HEAD "\r\n4111111111111111 4012888888881881 5555555555554444 5105105105105100\r\n";
    static const char cloaked[] = HEAD "Content-Type: text/html\r\n\r\n<html><body>"
                                       "<a href=\"http://www.bank.example%01@203.0.113.9/\">http://www.bank.example/</a></body></html>\r\n";
    static const char gif[] = "GIF89a\x10\x00\x10\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00";
    struct set_virus *v = &set.filter.virus;
    struct clamav *c = loaded();

    (void)state;
    scan_message(c, span_str(cards));
    assert_int_equal(facts.n, 0);
    scan_part(c, span_of(gif, sizeof gif - 1));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);
    v->structured_cards = 3;
    v->alert_broken_media = v->alert_phishing_cloak = v->alert_phishing_ssl = v->alert_broken = v->alert_partition_intersection = true;
    c = loaded();
    scan_message(c, span_str(cards));
    assert_non_null(of_class(FACT_CLASS_OTHER));
    assert_true(found("Heuristics.Structured.CreditCardNumber"));
    scan_part(c, span_of(gif, sizeof gif - 1));
    assert_non_null(of_class(FACT_CLASS_OTHER));
    assert_true(found("Heuristics.Broken.Media.GIF"));
    scan_message(c, span_str(cloaked));
    assert_non_null(of_class(FACT_CLASS_PHISHING));
    clamav_free(&c);
    v->heuristics.other.action = v->heuristics.phishing.action = CLASS_PASS;
    c = loaded();
    scan_message(c, span_str(cards));
    assert_int_equal(facts.n, 0);
    scan_part(c, span_of(gif, sizeof gif - 1));
    assert_int_equal(facts.n, 0);
    scan_message(c, span_str(cloaked));
    assert_int_equal(facts.n, 0);
    clamav_free(&c);
}

static void test_bytecode_modes(void **state)
{
    (void)state;
    for (int mode = VIRUS_BYTECODE_AUTO; mode <= VIRUS_BYTECODE_OFF; mode++) {
        set.filter.virus.bytecode = mode;
        struct clamav *c = loaded();
        scan_message(c, SPAN(HEAD "\r\nthe one that is found\r\n"));
        assert_true(found("Test.Found"));
        clamav_free(&c);
    }
}

/* libclamav's own mappings come to kept_maps.c, and all of them go back. */
static void test_memory_of_files_is_kept(void **state)
{
    static const char text[] = HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
                               "text\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                               "dGhlIG9uZSB0aGF0IGlzIGZvdW5k\r\n--b--\r\n";
    struct clamav *c = loaded();
    size_t kept = 0;

    (void)state;
    kept_maps_begin();
    for (int i = 0; i < 3; i++) {
        scan_message(c, span_str(text));
        assert_true(found("Test.Found"));
        assert_true(kept_maps_bytes() > 0 && (i == 0 || kept_maps_bytes() == kept));
        kept = kept_maps_bytes();
    }
    kept_maps_trim();
    assert_int_equal(kept_maps_bytes(), 0);
    clamav_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_encrypted, fresh),
        cmocka_unit_test_setup(test_documents, fresh),
        cmocka_unit_test_setup(test_passed_over, fresh),
        cmocka_unit_test_setup(test_many_alerts, fresh),
        cmocka_unit_test_setup(test_limits, fresh),
        cmocka_unit_test_setup(test_a_message_of_the_largest_size, fresh),
        cmocka_unit_test_setup(test_scan_time, fresh),
        cmocka_unit_test_setup(test_answers, fresh),
        cmocka_unit_test_setup(test_more_databases, fresh),
        cmocka_unit_test_setup(test_ignored_signatures, fresh),
        cmocka_unit_test_setup(test_official_only, fresh),
        cmocka_unit_test_setup(test_unsigned_container, fresh),
        cmocka_unit_test_setup(test_pua, fresh),
        cmocka_unit_test_setup(test_parsers, fresh),
        cmocka_unit_test_setup(test_heuristics, fresh),
        cmocka_unit_test_setup(test_bytecode_modes, fresh),
        cmocka_unit_test_setup(test_memory_of_files_is_kept, fresh),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
