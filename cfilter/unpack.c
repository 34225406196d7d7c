/* unpack.c - what is in an archive, by libarchive.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include "lib/base/buf.h"

/* ---- what it may be ---- */

struct magic { size_t at; span bytes; };

static const struct magic archives[] = {
    { 0, { "PK\3\4", 4 } }, { 0, { "PK\5\6", 4 } }, { 0, { "PK00PK\3\4", 8 } },                  /* zip, empty, of several pieces */
    { 0, { "7z\xbc\xaf\x27\x1c", 6 } }, { 0, { "Rar!\x1a\x07", 6 } }, { 0, { "MSCF", 4 } }, { 0, { "!<arch>\n", 8 } },
    { 0, { "070701", 6 } }, { 0, { "070702", 6 } }, { 0, { "070707", 6 } }, { 0, { "\xc7\x71", 2 } },           /* cpio, the last as binary */
    { 2, { "-lh", 3 } }, { 2, { "-lz", 3 } }, { 257, { "ustar", 5 } }, { 32769, { "CD001", 5 } },
};
static const struct magic streams[] = {
    { 0, { "\x1f\x8b", 2 } }, { 0, { "BZh", 3 } }, { 0, { "\xfd" "7zXZ", 5 } }, { 0, { "\x28\xb5\x2f\xfd", 4 } },
    { 0, { "\x04\x22\x4d\x18", 4 } }, { 0, { "\x02\x21\x4c\x18", 4 } }, { 0, { "LZIP", 4 } }, { 0, { "\x1f\x9d", 2 } },
};

/* Neither libclamav nor libarchive sees files in these; Windows opens the disk images, others have tools. */
static const struct { struct magic magic; const char *name; } closed[] = {
    { { 7, { "**ACE**", 7 } }, "ACE" }, { { 0, { "vhdxfile", 8 } }, "VHDX" }, { { 0, { "conectix", 8 } }, "VHD" }, { { 0, { "MSWIM\0\0\0", 8 } }, "WIM" },
    { { 0, { "KDMV", 4 } }, "VMDK" }, { { 0, { "QFI\xfb", 4 } }, "QCOW" }, { { 0, { "StuffIt ", 8 } }, "StuffIt" }, { { 0, { "SIT!", 4 } }, "StuffIt" },
    { { 20, { "\xdc\xa7\xc4\xfd", 4 } }, "ZOO" },
};
enum { VHD_FOOTER = 512 };

/* NULL: none of them. */
static const char *closed_kind(span bytes)
{
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
        if (bytes.n > closed[i].magic.at && span_starts(span_from(bytes, closed[i].magic.at), closed[i].magic.bytes))
            return closed[i].name;
    return bytes.n > VHD_FOOTER && span_starts(span_from(bytes, bytes.n - VHD_FOOTER), SPAN("conectix")) ? "VHD" : NULL;
}

/* .lzma has no magic number: the usual properties, a dictionary of 2^n or 2^n + 2^(n-1), a length that is unknown or below 256 GB (the
 * heuristics of xz(1) for its own input). */
static bool looks_like_lzma(span s)
{
    if (s.n < 14 || s.p[0] != 0x5d)
        return false;
    uint32_t dictionary = (uint32_t)bytes_le(s.p + 1, 4), d = dictionary - 1;
    uint64_t length = bytes_le(s.p + 5, 8);

    d |= d >> 2 | d >> 3;
    d |= d >> 4;
    d |= d >> 8;
    d |= d >> 16;
    return dictionary != 0 && d + 1 == dictionary && (length == UINT64_MAX || length < UINT64_C(1) << 38);
}

static bool has_one_of(span bytes, const struct magic *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes.n > table[i].at && span_starts(span_from(bytes, table[i].at), table[i].bytes))
            return true;
    return false;
}

/* Something packed as a whole: whether what comes out is an archive is looked at then, or else a file that begins with zeros, say, would be taken
 * for an empty tar. */
static bool is_stream(span bytes)
{
    return has_one_of(bytes, streams, sizeof(streams) / sizeof(streams[0])) || looks_like_lzma(bytes);
}

bool unpack_looks_like(span bytes)
{
    return has_one_of(bytes, archives, sizeof(archives) / sizeof(archives[0])) || is_stream(bytes) || closed_kind(bytes) != NULL;
}

bool unpack_is_encrypted_manifest(span member)
{
    return span_starts(member, SPAN("<")) && span_find_span(member, SPAN("manifest:encryption-data")) < member.n;
}

/* ---- libarchive ---- */

typedef int support_fn(struct archive *a);

/* Without mtree, which names files elsewhere, WARC, and xar, whose second file and those after it come out wrong (libarchive 3.6); libclamav
 * reads that. */
static support_fn *const formats[] = {
    archive_read_support_format_zip, archive_read_support_format_7zip, archive_read_support_format_rar, archive_read_support_format_rar5,
    archive_read_support_format_cab, archive_read_support_format_lha, archive_read_support_format_iso9660, archive_read_support_format_tar,
    archive_read_support_format_cpio, archive_read_support_format_ar,
};
static struct { support_fn *support; bool absent; } filters[] = {
    { archive_read_support_filter_gzip, false }, { archive_read_support_filter_bzip2, false }, { archive_read_support_filter_xz, false },
    { archive_read_support_filter_lzma, false }, { archive_read_support_filter_lzip, false }, { archive_read_support_filter_zstd, false },
    { archive_read_support_filter_lz4, false }, { archive_read_support_filter_compress, false },
};

/* ARCHIVE_WARN: it would run a program for it. */
void unpack_start(void)
{
    struct archive *a = archive_read_new();

    for (size_t i = 0; a != NULL && i < sizeof(filters) / sizeof(filters[0]); i++)
        filters[i].absent = filters[i].support(a) != ARCHIVE_OK;
    archive_read_free(a);
}

struct reading {
    struct archive *a;
    struct unpack_budget *budget;
    unpack_member_fn *fn;
    void *arg;
    struct errtext *why;
    unsigned troubles;
    bool enough;
};

static void trouble(struct reading *r, enum unpack_trouble kind, const char *words)
{
    if (r->troubles == 0)
        errtext_set(r->why, "%s", words != NULL ? words : "cannot be read");
    r->troubles |= kind;
}

static bool open_archive(struct reading *r, span bytes)
{
    if (is_stream(bytes)) {
        archive_read_support_format_raw(r->a);
        for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
            if (!filters[i].absent)
                filters[i].support(r->a);
    } else {
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
            formats[i](r->a);
    }
    return archive_read_open_memory(r->a, bytes.p, bytes.n) == ARCHIVE_OK;
}

/* Its first bytes looked like one, and it is none. */
static bool is_none(struct archive *a)
{
    return archive_format(a) == 0 || (archive_format(a) == ARCHIVE_FORMAT_RAW && archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE);
}

/* How far this member may be read. */
static uint64_t room_for_member(const struct unpack_budget *b)
{
    return b->bytes < b->max_member_bytes ? b->bytes : b->max_member_bytes;
}

/* The zeros of a hole, before a block. */
static void fill(struct buf *member, uint64_t up_to)
{
    static const char zeros[4096];

    while (member->len < up_to) {
        uint64_t gap = up_to - member->len;

        if (!buf_append(member, span_of(zeros, gap < sizeof(zeros) ? (size_t)gap : sizeof(zeros))))
            break;
    }
}

/* Block by block, so that what was read before an error is there.  false: nothing after this can be read. */
static bool read_member(struct reading *r, struct buf *member)
{
    uint64_t room = member->limit;
    const void *block;
    size_t n;
    la_int64_t at;
    int status;

    while ((status = archive_read_data_block(r->a, &block, &n, &at)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
        if (n == 0)
            continue;
        fill(member, (uint64_t)at < room ? (uint64_t)at : room);
        size_t left = (size_t)(room - member->len);

        buf_append(member, span_of(block, n < left ? n : left));
        if (n > left) {
            trouble(r, UNPACK_LIMIT, "larger than the scan may unpack");
            break;
        }
    }
    if (status != ARCHIVE_EOF && status != ARCHIVE_OK && status != ARCHIVE_WARN)
        trouble(r, UNPACK_UNREADABLE, archive_error_string(r->a));
    r->budget->bytes -= member->len;
    return status != ARCHIVE_FATAL;
}

/* false: nothing after this can be read, or is wanted. */
static bool take_entry(struct reading *r, struct archive_entry *entry)
{
    struct buf member;
    bool goes_on;

    if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != 0)
        return true;
    if (archive_entry_is_data_encrypted(entry) > 0) {
        trouble(r, UNPACK_ENCRYPTED, "encrypted");
        return true;
    }
    if (r->budget->members == 0 || r->budget->bytes == 0) {
        trouble(r, UNPACK_LIMIT, "more than the scan may unpack");
        return false;
    }
    r->budget->members--;
    buf_init(&member, (size_t)room_for_member(r->budget));
    goes_on = read_member(r, &member);
    if (member.len > 0 && !r->fn(buf_span(&member), r->arg)) {
        r->enough = true;
        goes_on = false;
    }
    buf_free(&member);
    return goes_on;
}

static void read_entries(struct reading *r)
{
    struct archive_entry *entry;
    int status;

    while ((status = archive_read_next_header(r->a, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN)
        if (is_none(r->a) || !take_entry(r, entry))
            return;
    if (status != ARCHIVE_EOF && !is_none(r->a))
        trouble(r, archive_read_has_encrypted_entries(r->a) > 0 ? UNPACK_ENCRYPTED : UNPACK_UNREADABLE, archive_error_string(r->a));
}

unsigned unpack_members(span bytes, struct unpack_budget *budget, unpack_member_fn *fn, void *arg, struct errtext *why)
{
    const char *kind = closed_kind(bytes);

    if (kind != NULL) {
        errtext_set(why, "a kind of archive or disk image that is not opened here: %s", kind);
        return UNPACK_UNREADABLE;
    }
    struct reading r = { .a = archive_read_new(), .budget = budget, .fn = fn, .arg = arg, .why = why };

    if (r.a == NULL) {
        trouble(&r, UNPACK_LIMIT, "no memory");
        return r.troubles;
    }
    if (open_archive(&r, bytes))
        read_entries(&r);
    else if (!is_none(r.a))
        trouble(&r, UNPACK_UNREADABLE, archive_error_string(r.a));
    archive_read_free(r.a);
    return r.enough ? 0 : r.troubles;
}
