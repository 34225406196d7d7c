/* test_unpack.c - every kind of archive that libarchive writes comes out byte by byte; what cannot is told, with what could be read before it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>

#include "cfilter/unpack.h"
#include "lib/base/alloc.h"

enum { ROOM = 4 * 1024 * 1024, LONG = 100000 };

/* ---- making one ---- */

struct kind {
    const char *name;
    int (*format)(struct archive *a);
    int (*filter)(struct archive *a);      /* NULL: none */
    const char *options;                   /* NULL: its default */
    bool one;                              /* holds one file, or short names alone */
};

static char first[LONG];
static const char last[] = "the last member, which must be seen as well";
static char *packed;

static void add_entry(struct archive *a, const char *name, const char *bytes, size_t n)
{
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)n);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, bytes, n), n);
    archive_entry_free(e);
}

static span pack(const struct kind *k, const char *password)
{
    struct archive *a = archive_write_new();
    size_t used = 0;

    assert_int_equal(k->format(a), ARCHIVE_OK);
    if (k->filter != NULL)
        assert_int_equal(k->filter(a), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(a, 1);
    if (k->options != NULL && archive_write_set_options(a, k->options) != ARCHIVE_OK)
        fail_msg("%s: %s", k->name, archive_error_string(a));
    if (password != NULL)
        assert_int_equal(archive_write_set_passphrase(a, password), ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(a, packed, ROOM, &used), ARCHIVE_OK);
    add_entry(a, "a.txt", first, sizeof(first));
    if (!k->one)
        add_entry(a, "b.txt", last, sizeof(last));
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    return span_of(packed, used);
}

static void fill_first(void)
{
    for (size_t i = 0; i < sizeof(first); i++)
        first[i] = (char)(i * i * i >> 7 ^ i * 2654435761 >> 11);    /* packs badly, so that halves of archives hold something */
}

static int setup(void **state)
{
    (void)state;
    packed = xmalloc(ROOM);
    fill_first();
    unpack_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(packed);
    return 0;
}

/* ---- what came out ---- */

struct got {
    size_t n, bytes, stop_after;
    bool first, last, opens;
};

static const struct unpack_budget plenty = { .bytes = 64 * 1024 * 1024, .members = 100, .max_member_bytes = 16 * 1024 * 1024 };

/* Opens what is in it, too: a .tar.gz holds a tar. */
static bool take(span member, void *arg)
{
    struct got *g = arg;
    struct unpack_budget within = plenty;
    struct errtext why;

    if (g->opens && unpack_looks_like(member))
        return unpack_members(member, &within, take, g, &why) == 0;
    g->n++;
    g->bytes += member.n;
    g->first = g->first || (member.n == sizeof(first) && memcmp(member.p, first, member.n) == 0);
    g->last = g->last || (member.n == sizeof(last) && memcmp(member.p, last, member.n) == 0);
    return g->n != g->stop_after;
}

static unsigned unpack(span bytes, struct unpack_budget budget, struct got *g, struct errtext *why)
{
    why->text[0] = '\0';
    return unpack_members(bytes, &budget, take, g, why);
}

static const struct kind kinds[] = {
    { "zip", archive_write_set_format_zip, NULL, "zip:compression=deflate", false },
    { "zip, stored", archive_write_set_format_zip, NULL, "zip:compression=store", false },
    { "7-Zip, LZMA", archive_write_set_format_7zip, NULL, "7zip:compression=lzma1", false },
    { "7-Zip, LZMA2", archive_write_set_format_7zip, NULL, "7zip:compression=lzma2", false },
    { "7-Zip, bzip2", archive_write_set_format_7zip, NULL, "7zip:compression=bzip2", false },
    { "7-Zip, deflate", archive_write_set_format_7zip, NULL, "7zip:compression=deflate", false },
    { "7-Zip, PPMd", archive_write_set_format_7zip, NULL, "7zip:compression=ppmd", false },
    { "7-Zip, stored", archive_write_set_format_7zip, NULL, "7zip:compression=store", false },
    { "tar", archive_write_set_format_ustar, NULL, NULL, false },
    { "pax", archive_write_set_format_pax, NULL, NULL, false },
    { "GNU tar", archive_write_set_format_gnutar, NULL, NULL, false },
    { "cpio", archive_write_set_format_cpio, NULL, NULL, false },
    { "newc", archive_write_set_format_cpio_newc, NULL, NULL, false },
    { "ar", archive_write_set_format_ar_svr4, NULL, NULL, false },
    { "ISO 9660", archive_write_set_format_iso9660, NULL, NULL, false },
    { "tar.gz", archive_write_set_format_ustar, archive_write_add_filter_gzip, NULL, false },
    { "tar.bz2", archive_write_set_format_ustar, archive_write_add_filter_bzip2, NULL, false },
    { "tar.xz", archive_write_set_format_ustar, archive_write_add_filter_xz, NULL, false },
    { "tar.lzma", archive_write_set_format_ustar, archive_write_add_filter_lzma, NULL, false },
    { "tar.lz", archive_write_set_format_ustar, archive_write_add_filter_lzip, NULL, false },
    { "tar.zst", archive_write_set_format_ustar, archive_write_add_filter_zstd, NULL, false },
    { "tar.lz4", archive_write_set_format_ustar, archive_write_add_filter_lz4, NULL, false },
    { "tar.Z", archive_write_set_format_ustar, archive_write_add_filter_compress, NULL, false },
    { "gz", archive_write_set_format_raw, archive_write_add_filter_gzip, NULL, true },
    { "bz2", archive_write_set_format_raw, archive_write_add_filter_bzip2, NULL, true },
    { "xz", archive_write_set_format_raw, archive_write_add_filter_xz, NULL, true },
    { "lzma", archive_write_set_format_raw, archive_write_add_filter_lzma, NULL, true },
    { "lz", archive_write_set_format_raw, archive_write_add_filter_lzip, NULL, true },
    { "zst", archive_write_set_format_raw, archive_write_add_filter_zstd, NULL, true },
    { "lz4", archive_write_set_format_raw, archive_write_add_filter_lz4, NULL, true },
    { "Z", archive_write_set_format_raw, archive_write_add_filter_compress, NULL, true },
};
enum { KIND_ZIP = 0, KIND_BZIP2 = 4, KIND_PPMD = 6, KIND_TAR_GZ = 15 };

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        span bytes = pack(&kinds[i], NULL);
        struct errtext why;
        struct got g = { .opens = true };

        if (!unpack_looks_like(bytes))
            fail_msg("%s does not look like an archive", kinds[i].name);
        if (unpack(bytes, plenty, &g, &why) != 0)
            fail_msg("%s: %s", kinds[i].name, why.text);
        if (!g.first || g.last == kinds[i].one)
            fail_msg("%s: %zu files, %zu bytes", kinds[i].name, g.n, g.bytes);
    }
}

/* What is packed as a whole is no archive before it is unpacked: zeros are an empty tar to libarchive. */
static void test_zeros_first(void **state)
{
    struct kind k = { "zst", archive_write_set_format_raw, archive_write_add_filter_zstd, NULL, true };
    struct errtext why;
    struct got g = { 0 };

    (void)state;
    memset(first, 0, 8192);
    assert_int_equal(unpack(pack(&k, NULL), plenty, &g, &why), 0);
    assert_true(g.n == 1 && g.first);
    fill_first();
}

static void test_encrypted(void **state)
{
    static const char *const ways[] = { "zip:encryption=traditional", "zip:encryption=aes256" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct kind k = { "zip", archive_write_set_format_zip, NULL, ways[i], false };
        struct errtext why;
        struct got g = { 0 };

        assert_int_equal(unpack(pack(&k, "secret"), plenty, &g, &why), UNPACK_ENCRYPTED);
        assert_int_equal(g.n, 0);
        assert_string_not_equal(why.text, "");
    }
}

/* What is there of it is given out. */
static void test_cut(void **state)
{
    span whole = pack(&kinds[KIND_TAR_GZ], NULL);
    struct errtext why;
    struct got g = { 0 };

    (void)state;
    assert_int_equal(unpack(span_head(whole, whole.n / 10 * 9), plenty, &g, &why), UNPACK_UNREADABLE);
    assert_true(g.n == 1 && g.bytes > 1000 && g.bytes < sizeof(first));
    assert_string_not_equal(why.text, "");
    g = (struct got){ 0 };
    whole = pack(&kinds[KIND_BZIP2], NULL);
    assert_int_equal(unpack(span_head(whole, whole.n - 4), plenty, &g, &why), UNPACK_UNREADABLE);
}

/* Any length, any byte: an answer, and within the budget. */
static void test_hostile(void **state)
{
    static const size_t which[] = { KIND_ZIP, KIND_BZIP2, KIND_PPMD, KIND_TAR_GZ };
    struct unpack_budget small = { .bytes = 300000, .members = 10, .max_member_bytes = 200000 };
    struct errtext why;

    (void)state;
    for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        span whole = pack(&kinds[which[i]], NULL);
        size_t step = whole.n / 60 + 1;

        for (size_t n = 0; n < whole.n; n += step) {
            struct got g = { 0 };
            char kept = packed[n];

            unpack(span_head(whole, n), small, &g, &why);
            packed[n] = (char)(kept ^ 0x55);
            unpack(whole, small, &g, &why);
            packed[n] = kept;
            assert_true(g.bytes <= 2 * small.bytes && g.n <= 2 * small.members);
        }
    }
}

static void test_budget(void **state)
{
    span whole = pack(&kinds[KIND_ZIP], NULL);
    struct unpack_budget b = plenty;
    struct errtext why;
    struct got g = { 0 };

    (void)state;
    b.max_member_bytes = 1000;                /* the first is cut, the next is whole */
    assert_int_equal(unpack(whole, b, &g, &why), UNPACK_LIMIT);
    assert_true(g.n == 2 && g.bytes == 1000 + sizeof(last) && g.last);
    b = plenty;
    b.bytes = sizeof(first);                  /* just enough for the first */
    g = (struct got){ 0 };
    assert_int_equal(unpack(whole, b, &g, &why), UNPACK_LIMIT);
    assert_true(g.n == 1 && g.first);
    b = plenty;
    b.members = 1;
    g = (struct got){ 0 };
    assert_int_equal(unpack(whole, b, &g, &why), UNPACK_LIMIT);
    assert_true(g.n == 1 && g.first);
    b.members = 2;
    g = (struct got){ 0 };
    assert_int_equal(unpack_members(whole, &b, take, &g, &why), 0);
    assert_int_equal(b.members, 0);           /* it is spent over all archives of a message */
    assert_int_equal(b.bytes, plenty.bytes - sizeof(first) - sizeof(last));
}

static void test_enough(void **state)
{
    struct got g = { .stop_after = 1 };
    struct errtext why;

    (void)state;
    assert_int_equal(unpack(pack(&kinds[KIND_ZIP], NULL), plenty, &g, &why), 0);
    assert_int_equal(g.n, 1);
}

/* Files named elsewhere are never opened; words that begin like an archive are none. */
static void test_none(void **state)
{
    static const struct { const char *text; bool like; unsigned troubles; } rows[] = {
        { "#mtree\n./x type=file contents=/etc/passwd\n", false, 0 },
        { "WARC/1.0\r\nWARC-Type: resource\r\n\r\n", false, 0 },
        { "]ust a line of text that begins with a bracket", false, 0 },
        { "Dear Bob, here is what we agreed on", false, 0 },
        { "", false, 0 },
        { "BZhou wrote to us yesterday, and it is no archive at all", true, 0 },
        { "ls -lh is how one lists files", false, 0 },
        { "a -lh and a few more words, as many as there must be for a header", true, 0 },
        { "070701 is a number, and nothing follows from it but some more of these words", true, 0 },
        { "LZIP is what this text is about, in a few more words", true, 0 },
        { "PK\3\4    and nothing that follows from it, in many more words than there are", true, UNPACK_UNREADABLE },
        { "7z\xbc\xaf\x27\x1c and then nothing that makes sense to anybody, anywhere at all", true, UNPACK_UNREADABLE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        span s = span_str(rows[i].text);
        struct errtext why;
        struct got g = { 0 };

        assert_int_equal(unpack_looks_like(s), rows[i].like);
        if (rows[i].like && unpack(s, plenty, &g, &why) != rows[i].troubles)
            fail_msg("%s: %s", rows[i].text, why.text);
        assert_int_equal(g.n, 0);
    }
}

static void test_closed(void **state)
{
    static const span rows[] = {
        { "1234567**ACE**0123456789", 24 }, { "vhdxfile, and more of it", 24 }, { "conectix, and more of it", 24 }, { "MSWIM\0\0\0 and more of it..", 24 },
        { "KDMV and more of it....", 23 }, { "StuffIt (c)1997, more", 21 }, { "ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd..", 26 },
    };
    char image[1024] = "a disk image of fixed size";
    struct errtext why;
    struct got g = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(unpack_looks_like(rows[i]));
        assert_int_equal(unpack(rows[i], plenty, &g, &why), UNPACK_UNREADABLE);
        assert_non_null(strstr(why.text, "not opened here"));
    }
    assert_false(unpack_looks_like(span_of(image, sizeof(image))));
    memcpy(image + 512, "conectix", 8);
    assert_int_equal(unpack(span_of(image, sizeof(image)), plenty, &g, &why), UNPACK_UNREADABLE);
    assert_int_equal(g.n, 0);
}

static void test_manifest(void **state)
{
    (void)state;
    assert_true(unpack_is_encrypted_manifest(SPAN("<?xml version=\"1.0\"?><manifest:manifest><manifest:file-entry><manifest:encryption-data/>")));
    assert_false(unpack_is_encrypted_manifest(SPAN("<?xml version=\"1.0\"?><manifest:manifest><manifest:file-entry/>")));
    assert_false(unpack_is_encrypted_manifest(SPAN("a text on manifest:encryption-data")));
    assert_false(unpack_is_encrypted_manifest(SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds), cmocka_unit_test(test_zeros_first), cmocka_unit_test(test_encrypted), cmocka_unit_test(test_cut), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_budget), cmocka_unit_test(test_enough), cmocka_unit_test(test_none),
        cmocka_unit_test(test_closed), cmocka_unit_test(test_manifest),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
