/* scan_mime.c - what the MIME readers find, given to the virus engine where it differs from what libclamav found itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "cfilter/gather.h"
#include "cfilter/mime/parts.h"
#include "cfilter/mime/union.h"
#include "cfilter/scanner.h"

#define GMIME "gmime"
#define OWN "own"
/* Bytes read per byte of the message: ordinary mail 10, hard HTML 60; INNER_BYTES: of mail in an archive, beside that. */
enum { BASE_BYTES = 16 * 1024 * 1024, PER_BYTE = 64, INNER_BYTES = 1024 * 1024 };

static bool parser_wanted(const struct settings *set, const char *name)
{
    for (size_t i = 0; i < set->filter.mime.parsers.n; i++)
        if (strcmp(set->filter.mime.parsers.v[i], name) == 0)
            return true;
    return false;
}

static void unchecked(struct facts *f, const char *scanner, const char *what)
{
    char detail[FACT_DETAIL_MAX];

    snprintf(detail, sizeof detail, "limit of %s", what);
    facts_add(f, scanner, FACT_UNCHECKED, FACT_CLASS_BUDGET, 0, "budget", detail);
}

static void read_gmime(struct view *v, struct gather *g, struct facts *f)
{
    const struct mime_parts *parts = view_parts(v);

    gather_from(g, GMIME);
    for (size_t i = 0; i < parts->n; i++)
        if (!gather_add(g, parts->v[i].bytes, parts->v[i].text ? GATHER_PART : GATHER_FILE, parts->v[i].text))
            return;
    if (parts->limit != NULL)
        unchecked(f, GMIME, parts->limit);
}

static bool take_output(const struct union_output *o, void *arg)
{
    return gather_add(arg, o->bytes, o->exact ? (o->declared ? GATHER_FILE : GATHER_FOUND) : o->declared ? GATHER_PART : GATHER_REST, o->text);
}

static void tell_bits(struct facts *f, enum fact_kind kind, enum fact_class klass, unsigned bits, const char *(*name)(unsigned), const char *detail)
{
    for (unsigned bit = 1; bit != 0 && bit <= bits; bit <<= 1)
        if ((bits & bit) != 0)
            facts_add(f, OWN, kind, klass, 0, name(bit), detail);
}

/* What decoders may make of so many bytes, and the most in any case. */
static size_t most_decoded(const struct set_mime *m, size_t bytes)
{
    size_t by_size = BASE_BYTES + PER_BYTE * bytes, most = (size_t)m->max_decoded_bytes;

    return by_size < most ? by_size : most;
}

static struct union_limits limits_of(const struct set_mime *m, size_t max_decoded_bytes)
{
    return (struct union_limits){
        .max_parts = (size_t)m->max_parts, .max_depth = (size_t)m->max_depth, .max_decoded_bytes = max_decoded_bytes, .key = *rand_process_key(),
    };
}

static void read_own(struct view *v, struct gather *g, struct facts *f)
{
    const struct set_mime *m = &v->set->filter.mime;
    struct union_limits limits = limits_of(m, most_decoded(m, v->bytes.n));
    static const char differ[] = "readers of mail differ";
    struct union_report report;

    gather_from(g, OWN);
    union_read(v->bytes, &limits, take_output, g, &report);
    gather_flush(g);
    if (gather_found(g))
        return;
    if (report.limit != NULL)
        unchecked(f, OWN, report.limit);
    if (report.encrypted)
        facts_add(f, OWN, FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_MAIL, 0, fact_class_name(FACT_CLASS_ENCRYPTED_MAIL), "S/MIME or OpenPGP");
    tell_bits(f, FACT_UNCHECKED, FACT_CLASS_SHAPE, report.shapes, union_shape_name, "a shape that hides things");
    tell_bits(f, FACT_UNCHECKED, FACT_CLASS_AMBIGUOUS, report.disagreements & ~(unsigned)DISAGREE_USUAL, union_disagreement_name, differ);
    tell_bits(f, FACT_NOTE, FACT_CLASS_NONE, report.disagreements & DISAGREE_USUAL, union_disagreement_name, differ);
}

/* ---- archives ---- */

/* Mail, or what is encoded as in mail, among the files of archives: a saved message is opened by the same programs. */
struct inner {
    struct gather *gather;
    const struct set_mime *set;
    size_t left;                       /* bytes that may still be made of all of them */
    const char *limit;
};

static bool read_member(span member, void *arg)
{
    struct inner *in = arg;
    size_t by_size = INNER_BYTES + PER_BYTE * member.n;
    struct union_limits limits = limits_of(in->set, by_size < in->left ? by_size : in->left);
    struct union_report report;

    union_read_file(member, &limits, take_output, in->gather, &report);
    size_t spent = report.decoded_bytes + report.work_bytes;

    in->left -= spent < in->left ? spent : in->left;
    if (report.limit != NULL)
        in->limit = report.limit;
    return !in->gather->spent && !gather_found(in->gather);
}

static void open_archives(struct gather *g, const struct settings *set, size_t message_bytes, struct inner *in)
{
    const struct set_virus *virus = &set->filter.virus;
    /* The worker ends when it has no memory; what is unpacked stays in it while archives within are opened. */
    int64_t whole = set->filter.worker_memory_bytes / 2, one = set->filter.worker_memory_bytes / 4;
    struct unpack_budget budget = {
        .bytes = (uint64_t)(virus->max_scan_bytes < whole ? virus->max_scan_bytes : whole), .members = (size_t)virus->max_files,
        .max_member_bytes = (uint64_t)(virus->max_file_bytes < one ? virus->max_file_bytes : one),
    };

    *in = (struct inner){ .gather = g, .set = &set->filter.mime, .left = most_decoded(&set->filter.mime, message_bytes) };
    if (virus->second_unpacker && virus->parse.archive)
        gather_unpack(g, &budget, (unsigned)virus->max_recursion, parser_wanted(set, OWN) ? read_member : NULL, in);
}

/* libclamav has told it already. */
static bool is_told(const struct facts *f, enum fact_class klass)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind == FACT_UNCHECKED && f->v[i].klass == klass)
            return true;
    return false;
}

static void tell_archives(const struct gather *g, const struct set_virus *virus, struct facts *f)
{
    const struct { enum fact_class klass; bool wanted; } rows[UNPACK_TROUBLES] = {   /* by bit */
        { FACT_CLASS_ENCRYPTED_ARCHIVE, virus->alert_encrypted }, { FACT_CLASS_UNREADABLE_ARCHIVE, true }, { FACT_CLASS_LIMIT, virus->alert_exceeds_max },
        { FACT_CLASS_ENCRYPTED_DOCUMENT, virus->alert_encrypted },
    };

    for (unsigned i = 0; i < UNPACK_TROUBLES; i++)
        if ((g->troubles & 1U << i) != 0 && rows[i].wanted && !is_told(f, rows[i].klass))
            facts_add(f, "libarchive", FACT_UNCHECKED, rows[i].klass, 0, fact_class_name(rows[i].klass), g->trouble_why[i].text);
}

static void extract(struct view *v, struct facts *f)
{
    struct gather g;
    struct inner in;

    if (v->engine == NULL)
        return;
    gather_init(&g, v->engine, f, (size_t)v->set->filter.mime.max_calls);
    g.large_left = (uint64_t)v->set->filter.virus.max_scan_bytes;
    open_archives(&g, v->set, v->bytes.n, &in);
    if (!gather_found(&g) && parser_wanted(v->set, GMIME))
        read_gmime(v, &g, f);
    if (!gather_found(&g) && parser_wanted(v->set, OWN))
        read_own(v, &g, f);
    gather_flush(&g);
    if (g.spent && !gather_found(&g))
        unchecked(f, OWN, "engine calls");
    if (!gather_found(&g))
        tell_archives(&g, &v->set->filter.virus, f);
    if (in.limit != NULL && !gather_found(&g))
        unchecked(f, OWN, in.limit);
    gather_free(&g);
}

static int start(const struct settings *set, struct errtext *err)
{
    (void)set;
    (void)err;
    gmime_start();
    unpack_start();
    return 0;
}

const struct scanner scanner_mime = { .name = "mime", .is_virus = true, .holder_init = start, .extract = extract };
