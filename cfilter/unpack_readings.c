/* unpack_readings.c - the ways in which one file may be read as an archive.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/unpack_readings.h"

#include <stdlib.h>

#include "cfilter/unpack.h"
#include "lib/base/alloc.h"

/* Sizes of zip's fixed parts, and places in them (APPNOTE 4.3.7, 4.3.12, 4.3.16). */
enum { LOCAL = 30, ENTRY = 46, END = 22, COMMENT_MAX = 65535 };
enum { LOCAL_FLAGS = 6, LOCAL_SHARED_BYTES = 20, ENTRY_FLAGS = 8, ENTRY_NAME_BYTES = 28, ENTRY_EXTRA_BYTES = 30, ENTRY_COMMENT_BYTES = 32,
       ENTRY_LOCAL_AT = 42, END_ENTRIES = 10, END_BYTES = 12, END_AT = 16, END_COMMENT_BYTES = 20 };
#define LOCAL_SIGNATURE "PK\3\4"
#define ENTRY_SIGNATURE "PK\1\2"
#define END_SIGNATURE   "PK\5\6"

static bool has_at(span s, size_t at, const char *four)
{
    return at <= s.n && s.n - at >= 4 && memcmp(s.p + at, four, 4) == 0;
}

/* ---- where one ends ---- */

/* The place of the next end record from `from` on whose comment ends within the file; file.n: none. */
static size_t next_end(span file, size_t from, size_t *after_out)
{
    for (size_t at; (at = from + span_find_span(span_from(file, from), SPAN(END_SIGNATURE))) < file.n; from = at + 4) {
        if (file.n - at < END)
            break;
        size_t comment = bytes_le(file.p + at + END_COMMENT_BYTES, 2);

        if (file.n - at - END >= comment) {
            *after_out = at + END + comment;
            return at;
        }
    }
    return file.n;
}

/* Has a directory at its end, whatever stands before. */
static bool ends_as_zip(span file)
{
    size_t tail = file.n > END + COMMENT_MAX ? file.n - END - COMMENT_MAX : 0, after;

    return next_end(file, tail, &after) < file.n;
}

/* ---- the directory against the headers ---- */

struct directory {
    size_t at, bytes, entries;
    size_t before;                 /* what stands before the archive, which its own offsets do not count */
};

static bool find_directory(span zip, struct directory *d)
{
    size_t end = zip.n, after = 0;

    for (size_t at = next_end(zip, zip.n > END + COMMENT_MAX ? zip.n - END - COMMENT_MAX : 0, &after); at < zip.n; at = next_end(zip, at + 4, &after))
        end = at;
    if (end == zip.n)
        return false;
    const char *p = zip.p + end;

    *d = (struct directory){ .bytes = bytes_le(p + END_BYTES, 4), .entries = bytes_le(p + END_ENTRIES, 2) };
    if (d->bytes > end || bytes_le(p + END_AT, 4) > end - d->bytes)
        return false;              /* Zip64, or nonsense */
    d->at = end - d->bytes;
    d->before = d->at - bytes_le(p + END_AT, 4);
    return true;
}

/* Version, flags, method, time, checksum and sizes stand in both, in the same order. */
static bool header_differs(span zip, size_t local, const char *entry)
{
    const char *p = zip.p + local;

    if (memcmp(p, LOCAL_SIGNATURE, 4) != 0)
        return true;
    return ((bytes_le(p + LOCAL_FLAGS, 2) ^ bytes_le(entry + ENTRY_FLAGS, 2)) & 1) != 0 || bytes_le(p + LOCAL_FLAGS + 2, 2) != bytes_le(entry + ENTRY_FLAGS + 2, 2);
}

/* Every header as the directory has it; NULL: they do not differ.  The caller frees it. */
static char *by_directory(span zip)
{
    struct directory d;
    char *copy = NULL;

    if (!find_directory(zip, &d))
        return NULL;
    for (size_t i = 0, at = d.at; i < d.entries && at + ENTRY <= d.at + d.bytes && has_at(zip, at, ENTRY_SIGNATURE); i++) {
        const char *entry = zip.p + at;
        size_t local = d.before + bytes_le(entry + ENTRY_LOCAL_AT, 4);

        at += ENTRY + bytes_le(entry + ENTRY_NAME_BYTES, 2) + bytes_le(entry + ENTRY_EXTRA_BYTES, 2) + bytes_le(entry + ENTRY_COMMENT_BYTES, 2);
        if (local > d.at || d.at - local < LOCAL || !header_differs(zip, local, entry))
            continue;
        if (copy == NULL) {
            copy = xmalloc(zip.n);
            memcpy(copy, zip.p, zip.n);
        }
        memcpy(copy + local, LOCAL_SIGNATURE, 4);
        memcpy(copy + local + LOCAL_FLAGS, entry + ENTRY_FLAGS, LOCAL_SHARED_BYTES);
    }
    return copy;
}

/* ---- all of them ---- */

struct telling {
    unpack_reading_fn *fn;
    void *arg;
};

/* false: no more is wanted. */
static bool tell_zip(span zip, bool first, const struct telling *t)
{
    char *copy;
    bool more = t->fn(zip, first, t->arg);

    if (!more || (copy = by_directory(zip)) == NULL)
        return more;
    more = t->fn(span_of(copy, zip.n), false, t->arg);
    free(copy);
    return more;
}

/* Each end is that of one more archive. */
static bool tell_zips(span file, bool first, const struct telling *t)
{
    size_t after = 0, at = next_end(file, 0, &after);

    if (!tell_zip(file, first, t))
        return false;
    for (int i = 0; at < file.n && i < UNPACK_READINGS_MAX; i++, at = next_end(file, after, &after))
        if (after < file.n && !tell_zip(span_head(file, after), false, t))
            return false;
    return true;
}

static bool tell_within(span file, span magic, const struct telling *t)
{
    size_t from = 1;

    for (int i = 0; i < UNPACK_READINGS_MAX; i++) {
        size_t at = from + span_find_span(span_from(file, from), magic);

        if (at >= file.n)
            break;
        if (!t->fn(span_from(file, at), false, t->arg))
            return false;
        from = at + 1;
    }
    return true;
}

static const span within[] = { { "7z\xbc\xaf\x27\x1c", 6 }, { "Rar!\x1a\x07", 6 } };

static bool has_within(span file)
{
    for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
        if (span_find_span(file, within[i]) < file.n)
            return true;
    return false;
}

bool unpack_has_readings(span file)
{
    return file.n > 0 && (unpack_looks_like(file) || ends_as_zip(file) || has_within(file));
}

void unpack_readings(span file, unpack_reading_fn *fn, void *arg)
{
    struct telling t = { fn, arg };
    bool first = unpack_looks_like(file), more = true;

    if ((first && span_starts(file, SPAN("PK"))) || ends_as_zip(file))
        more = tell_zips(file, first, &t);
    else if (first)
        more = fn(file, true, arg);
    for (size_t i = 0; i < sizeof(within) / sizeof(within[0]) && more; i++)
        more = tell_within(file, within[i], &t);
}
