/* scan_wire.c - what front, holder and workers say to each other, as flat records.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/scan_wire.h"

#include <stdlib.h>

#include "cfilter/wire.h"
#include "lib/base/alloc.h"
#include "lib/base/arena.h"

enum { STRING_MAX = 4096, STRINGS_MAX = 256, ENVELOPE_STRING_MAX = 1000 };

/* The settings that cross, each kind one table: writer and reader cannot differ. */
#define AT(field) offsetof(struct settings, field)
static const size_t numbers[] = {
    AT(filter.max_message_bytes), AT(filter.scan_timeout_ms), AT(filter.worker_memory_bytes), AT(filter.worker_tmpfs_bytes),
    AT(filter.virus.min_signatures), AT(filter.virus.max_scan_bytes), AT(filter.virus.max_file_bytes),
    AT(filter.virus.max_files), AT(filter.virus.max_recursion), AT(filter.spam.max_bytes),
    AT(filter.mime.max_calls), AT(filter.mime.max_decoded_bytes), AT(filter.mime.max_parts), AT(filter.mime.max_depth),
    AT(filter.virus.limits.max_embedded_pe), AT(filter.virus.limits.max_html_normalize), AT(filter.virus.limits.max_html_no_tags),
    AT(filter.virus.limits.max_script_normalize), AT(filter.virus.limits.max_zip_type_rcg), AT(filter.virus.limits.max_partitions),
    AT(filter.virus.limits.max_icons_pe), AT(filter.virus.limits.max_rec_hwp3), AT(filter.virus.limits.pcre_match),
    AT(filter.virus.limits.pcre_rec_match), AT(filter.virus.limits.pcre_max_file_bytes), AT(filter.virus.limits.scan_time_ms),
    AT(filter.virus.limits.bytecode_timeout_ms), AT(filter.virus.structured_cards), AT(filter.virus.structured_ssn),
};
static const size_t words[] = {
    AT(process.sandbox), AT(filter.virus.mode), AT(filter.virus.bytecode), AT(filter.spam.mode), AT(filter.virus.heuristics.macro.action),
    AT(filter.virus.heuristics.phishing.action), AT(filter.unchecked.encrypted_archive.action), AT(filter.unchecked.encrypted_document.action),
};
static const size_t flags[] = {
    AT(filter.virus.official_only), AT(filter.virus.detect_pua), AT(filter.virus.alert_broken), AT(filter.virus.alert_broken_media),
    AT(filter.virus.alert_phishing_ssl), AT(filter.virus.alert_phishing_cloak), AT(filter.virus.alert_partition_intersection),
    AT(filter.virus.parse.archive), AT(filter.virus.parse.elf), AT(filter.virus.parse.pdf), AT(filter.virus.parse.swf),
    AT(filter.virus.parse.hwp3), AT(filter.virus.parse.xmldocs), AT(filter.virus.parse.mail), AT(filter.virus.parse.ole2),
    AT(filter.virus.parse.html), AT(filter.virus.parse.pe), AT(filter.virus.parse.onenote), AT(filter.virus.parse.image),
    AT(filter.virus.parse.image_fuzzy_hash),
    AT(filter.virus.alert_macros), AT(filter.virus.alert_encrypted), AT(filter.virus.alert_phishing),
    AT(filter.virus.alert_exceeds_max), AT(filter.virus.second_unpacker), AT(filter.spam.gtube),
};
static const size_t strings[] = {
    AT(process.user), AT(process.group), AT(process.run_directory), AT(process.state_directory), AT(filter.virus.database),
};
static const size_t lists[] = { AT(filter.virus.trusted_databases), AT(filter.virus.databases_extra), AT(filter.virus.ignored_signatures),
                                AT(filter.virus.include_pua), AT(filter.virus.exclude_pua), AT(filter.mime.parsers) };

#define EACH(i, table) (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++)
#define FIELD(type, set, offset) (*(type *)(void *)((char *)(uintptr_t)(set) + (offset)))

void scan_wire_put_config(const struct settings *set, uint32_t generation, struct buf *to)
{
    wire_put_u8(to, HOLDER_CONFIG);
    wire_put_u32(to, generation);
    for EACH(i, numbers)
        wire_put_u64(to, (uint64_t)FIELD(int64_t, set, numbers[i]));
    for EACH(i, words)
        wire_put_u8(to, (uint8_t)FIELD(int, set, words[i]));
    for EACH(i, flags)
        wire_put_u8(to, FIELD(bool, set, flags[i]));
    for EACH(i, strings)
        wire_put_str(to, span_str(FIELD(const char *, set, strings[i])));
    for EACH(i, lists) {
        const struct conf_strings *l = &FIELD(struct conf_strings, set, lists[i]);
        wire_put_u16(to, (uint16_t)l->n);
        for (size_t k = 0; k < l->n; k++)
            wire_put_str(to, span_str(l->v[k]));
    }
}

static void get_list(struct wire_in *in, struct arena *a, struct conf_strings *out)
{
    size_t n = wire_get_u16(in);

    if (n > STRINGS_MAX)
        in->bad = true;
    if (in->bad)
        return;
    const char **v = arena_alloc(a, (n + 1) * sizeof *v);
    for (size_t k = 0; k < n; k++)
        v[k] = arena_str(a, wire_get_str(in, STRING_MAX));
    out->v = v;
    out->n = n;
}

struct settings *scan_wire_get_config(span record, uint32_t *generation_out)
{
    struct wire_in in = { .rest = record };
    struct settings *set = xcalloc(1, sizeof *set);
    struct arena *a = set->arena = arena_new(4096);

    in.bad = wire_get_u8(&in) != HOLDER_CONFIG;
    uint32_t generation = wire_get_u32(&in);
    for EACH(i, numbers)
        FIELD(int64_t, set, numbers[i]) = (int64_t)wire_get_u64(&in);
    for EACH(i, words)
        FIELD(int, set, words[i]) = wire_get_u8(&in);
    for EACH(i, flags)
        FIELD(bool, set, flags[i]) = wire_get_u8(&in) != 0;
    for EACH(i, strings)
        FIELD(const char *, set, strings[i]) = arena_str(a, wire_get_str(&in, STRING_MAX));
    for EACH(i, lists)
        get_list(&in, a, &FIELD(struct conf_strings, set, lists[i]));
    if (in.bad || in.rest.n > 0) {
        scan_wire_free_config(&set);
        return NULL;
    }
    *generation_out = generation;
    return set;
}

void scan_wire_free_config(struct settings **set)
{
    if (*set == NULL)
        return;
    arena_free(&(*set)->arena);
    free(*set);
    *set = NULL;
}

/* ---- jobs ---- */

enum { WANT_VIRUS = 1, WANT_SPAM = 2, ALONG = 4 };

static void put_envelope(struct buf *to, const char *s)
{
    wire_put_str(to, span_head(span_str(s), ENVELOPE_STRING_MAX));
}

void scan_wire_put_job(const struct scan_message *m, struct buf *to)
{
    wire_put_u64(to, m->size);
    wire_put_u8(to, (uint8_t)((m->want_virus ? WANT_VIRUS : 0) | (m->want_spam ? WANT_SPAM : 0) | (m->fd < 0 ? ALONG : 0)));
    wire_put_u32(to, (uint32_t)m->n_rcpt);
    put_envelope(to, m->id);
    put_envelope(to, m->client_address);
    put_envelope(to, m->helo);
    put_envelope(to, m->reverse_path);
    if (m->fd < 0)
        buf_append(to, m->bytes);
}

/* NULL and "" cross as the same thing: "". */
static const char *get_envelope(struct wire_in *in, char **room)
{
    span s = wire_get_str(in, ENVELOPE_STRING_MAX);
    char *to = *room;

    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    *room += s.n + 1;
    return to;
}

bool scan_wire_get_job(span record, int fd, struct scan_wire_job *out)
{
    struct wire_in in = { .rest = record };
    char *room = out->text;

    _Static_assert(sizeof out->text >= 4 * (ENVELOPE_STRING_MAX + 1), "room for the envelope");
    out->m.fd = fd;
    out->m.size = wire_get_u64(&in);
    uint8_t want = wire_get_u8(&in);
    out->m.want_virus = (want & WANT_VIRUS) != 0;
    out->m.want_spam = (want & WANT_SPAM) != 0;
    out->m.n_rcpt = wire_get_u32(&in);
    out->m.id = get_envelope(&in, &room);
    out->m.client_address = get_envelope(&in, &room);
    out->m.helo = get_envelope(&in, &room);
    out->m.reverse_path = get_envelope(&in, &room);
    bool along = (want & ALONG) != 0;
    out->m.bytes = along ? in.rest : span_of(NULL, 0);
    return !in.bad && along == (fd < 0) && in.rest.n == (along ? out->m.size : 0);
}
