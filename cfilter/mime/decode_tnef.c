/* decode_tnef.c - TNEF streams: attributes, and the MAPI properties within some of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_tnef.h"

#include "cfilter/mime/charset.h"

enum {                         /* attribute ids with their types (MS-OXTNEF 2.1.3.2) */
    ATT_ATTACH_TITLE = 0x00018010, ATT_BODY = 0x0002800c, ATT_ATTACH_DATA = 0x0006800f, ATT_ATTACHMENT = 0x00069005,
    ATT_MAPI_PROPS = 0x00069003, ATT_RENDER_DATA = 0x00069002,
};

enum {                         /* property ids (MS-OXPROPS) */
    PR_BODY = 0x1000, PR_RTF_COMPRESSED = 0x1009, PR_HTML = 0x1013, PR_DISPLAY_NAME = 0x3001, PR_ATTACH_DATA = 0x3701,
    PR_ATTACH_FILENAME = 0x3704, PR_ATTACH_LONG_FILENAME = 0x3707, PR_ATTACH_TRANSPORT_NAME = 0x370c,
};

enum { PT_SHORT = 2, PT_LONG = 3, PT_FLOAT = 4, PT_DOUBLE = 5, PT_CURRENCY = 6, PT_APPTIME = 7, PT_ERROR = 10, PT_BOOLEAN = 11, PT_OBJECT = 13, PT_I8 = 20,
       PT_STRING8 = 0x1e, PT_UNICODE = 0x1f, PT_TIME = 0x40, PT_CLSID = 0x48, PT_BINARY = 0x102, PT_SEVERAL = 0x1000 };

enum { HEAD_BYTES = 6, ATTRIBUTE_HEAD = 9, CHECKSUM = 2, NAMED_FROM = 0x8000, GUID_BYTES = 16 };

#define SIGNATURE SPAN("\x78\x9f\x3e\x22")
/* IID_IMessage, little-endian: the object is an embedded message. */
#define IID_MESSAGE SPAN("\x07\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46")

static uint32_t le32(const char *p)
{
    return (uint32_t)bytes_le(p, 4);
}

static bool take32(span *s, uint32_t *out)
{
    if (s->n < 4)
        return false;
    *out = le32(s->p);
    *s = span_from(*s, 4);
    return true;
}

/* A run of `bytes` and its padding to four; less when less is there, and then *cut_out. */
static span take_padded(span *s, size_t bytes, bool *cut_out)
{
    span got = span_head(*s, bytes);

    *cut_out = bytes > s->n;
    *s = span_from(*s, got.n + (4 - got.n % 4) % 4);
    return got;
}

bool tnef_is(span in)
{
    return span_starts(in, SIGNATURE);
}

bool tnef_start(struct tnef_reader *r, span in)
{
    size_t at = span_find_span(in, SIGNATURE);

    *r = (struct tnef_reader){ .in = in };
    if (at >= in.n)
        return false;
    r->at = at + HEAD_BYTES;
    return true;
}

/* ---- names ---- */

/* A better name replaces one of lower rank. */
static void set_name(struct tnef_reader *r, span text, unsigned rank)
{
    size_t n = 0;

    if (rank < r->name_rank || text.n == 0)
        return;
    for (; n < text.n && n < sizeof r->name - 1 && text.p[n] != '\0'; n++)
        r->name[n] = text.p[n];
    r->name[n] = '\0';
    r->name_rank = rank;
}

static void set_name_of(struct tnef_reader *r, span text, unsigned type, unsigned rank)
{
    struct buf utf8;

    if (type != PT_UNICODE) {
        set_name(r, text, rank);
        return;
    }
    buf_init(&utf8, sizeof r->name * 3);
    charset_to_utf8(CHARSET_UTF16LE, span_head(text, sizeof r->name * 2), &utf8);
    set_name(r, buf_span(&utf8), rank);
    buf_free(&utf8);
}

/* ---- items ---- */

static bool give(struct tnef_reader *r, enum tnef_kind kind, span bytes, bool cut, struct tnef_item *out)
{
    *out = (struct tnef_item){ .kind = kind, .bytes = bytes, .cut = cut };
    memcpy(out->name, r->name, sizeof out->name);
    return true;
}

static bool give_object(struct tnef_reader *r, span bytes, bool cut, struct tnef_item *out)
{
    if (!span_starts(bytes, IID_MESSAGE) && bytes.n >= GUID_BYTES)
        return give(r, tnef_is(span_from(bytes, GUID_BYTES)) ? TNEF_MESSAGE : TNEF_OBJECT, span_from(bytes, GUID_BYTES), cut, out);
    return give(r, TNEF_MESSAGE, span_from(bytes, GUID_BYTES), cut, out);
}

static bool give_converted(struct tnef_reader *r, enum tnef_kind kind, struct decode_result d, bool cut, struct buf *to, struct tnef_item *out)
{
    span made = span_from(buf_span(to), to->len - d.made_bytes);

    r->full |= d.full;
    return give(r, kind, made, cut || d.full, out);
}

/* One value of a property; true when it is an item. */
static bool value(struct tnef_reader *r, unsigned id, unsigned type, span bytes, bool cut, struct tnef_item *out, struct buf *to)
{
    bool text = type == PT_STRING8 || type == PT_UNICODE;

    switch (id) {
    case PR_ATTACH_LONG_FILENAME:
        set_name_of(r, bytes, type, 4);
        return false;
    case PR_ATTACH_TRANSPORT_NAME:
    case PR_ATTACH_FILENAME:
        set_name_of(r, bytes, type, 3);
        return false;
    case PR_DISPLAY_NAME:
        if (r->in_attachment)
            set_name_of(r, bytes, type, 1);
        return false;
    case PR_ATTACH_DATA:
        return type == PT_OBJECT ? give_object(r, bytes, cut, out) : give(r, TNEF_FILE, bytes, cut, out);
    case PR_RTF_COMPRESSED:
        return give_converted(r, TNEF_RTF, rtf_decompress(bytes, to), cut, to, out);
    case PR_BODY:
    case PR_HTML:
        if (type == PT_UNICODE)
            return give_converted(r, id == PR_BODY ? TNEF_TEXT : TNEF_HTML, charset_to_utf8(CHARSET_UTF16LE, bytes, to), cut, to, out);
        return (text || type == PT_BINARY) && give(r, id == PR_BODY ? TNEF_TEXT : TNEF_HTML, bytes, cut, out);
    default:
        return false;
    }
}

/* ---- properties ---- */

static size_t fixed_bytes(unsigned type)
{
    switch (type) {
    case PT_SHORT:
    case PT_LONG:
    case PT_FLOAT:
    case PT_ERROR:
    case PT_BOOLEAN:
        return 4;
    case PT_DOUBLE:
    case PT_CURRENCY:
    case PT_APPTIME:
    case PT_I8:
    case PT_TIME:
        return 8;
    case PT_CLSID:
        return 16;
    default:
        return 0;
    }
}

static bool skip_property_name(span *s)
{
    uint32_t kind, n;
    bool cut;

    *s = span_from(*s, GUID_BYTES);
    if (!take32(s, &kind) || !take32(s, &n))
        return false;
    if (kind != 0)
        take_padded(s, n, &cut);
    return true;
}

/* Begins the next property: sets values_tag, values_left; false at the end, or where lengths no longer make sense. */
static bool next_property(struct tnef_reader *r)
{
    uint32_t tag, count = 1;
    unsigned type;

    if (r->props_left == 0 || !take32(&r->props, &tag))
        return false;
    r->props_left--;
    type = tag & 0xffff;
    if (tag >> 16 >= NAMED_FROM && !skip_property_name(&r->props))
        return false;
    if (((type & PT_SEVERAL) != 0 || fixed_bytes(type) == 0) && !take32(&r->props, &count))
        return false;
    r->values_tag = tag;
    r->values_left = count;
    return true;
}

static bool next_value(struct tnef_reader *r, struct tnef_item *out, struct buf *to)
{
    unsigned type = r->values_tag & 0xffff & ~(unsigned)PT_SEVERAL;
    uint32_t bytes;
    bool cut;

    r->values_left--;
    if (fixed_bytes(type) != 0) {
        take_padded(&r->props, fixed_bytes(type), &cut);
        return false;
    }
    if (!take32(&r->props, &bytes)) {
        r->props = (span){ NULL, 0 };
        r->props_left = r->values_left = 0;
        return false;
    }
    span got = take_padded(&r->props, bytes, &cut);
    if (cut)
        r->values_left = 0;
    return value(r, r->values_tag >> 16, type, got, cut, out, to);
}

static bool walk_properties(struct tnef_reader *r, struct tnef_item *out, struct buf *to)
{
    for (;;) {
        if (r->values_left > 0) {
            if (r->props.n == 0)
                r->values_left = 0;
            else if (next_value(r, out, to))
                return true;
            continue;
        }
        if (!next_property(r)) {
            r->props = (span){ NULL, 0 };
            r->props_left = 0;
            return false;
        }
    }
}

static void start_properties(struct tnef_reader *r, span bytes)
{
    uint32_t count;

    if (!take32(&bytes, &count))
        return;
    r->props = bytes;
    r->props_left = count;
    r->values_left = 0;
}

static void names_of_properties(struct tnef_reader *r, span bytes)
{
    struct tnef_reader names = *r;
    struct tnef_item item;
    struct buf nothing;

    buf_init(&nothing, 0);
    start_properties(&names, bytes);
    while (walk_properties(&names, &item, &nothing))
        ;
    buf_free(&nothing);
    memcpy(r->name, names.name, sizeof r->name);
    r->name_rank = names.name_rank;
}

/* ---- attributes ---- */

/* The attribute at *at, which moves behind it and its checksum. */
static bool attribute_read(span in, size_t *at, uint32_t *id_out, span *bytes_out, bool *cut_out)
{
    span rest;
    uint32_t length;

    if (*at >= in.n || in.n - *at < ATTRIBUTE_HEAD)
        return false;
    rest = span_from(in, *at);
    *id_out = le32(rest.p + 1);
    length = le32(rest.p + 5);
    rest = span_from(rest, ATTRIBUTE_HEAD);
    *bytes_out = span_head(rest, length);
    *cut_out = bytes_out->n < length;
    *at += ATTRIBUTE_HEAD + bytes_out->n + CHECKSUM;
    return true;
}

/* Names stand behind the data they belong to: those of the attachment that begins are looked for first. */
static void names_ahead(struct tnef_reader *r)
{
    size_t at = r->at;
    uint32_t id;
    span bytes;
    bool cut;

    r->name[0] = '\0';
    r->name_rank = 0;
    while (attribute_read(r->in, &at, &id, &bytes, &cut) && id != ATT_RENDER_DATA) {
        if (id == ATT_ATTACH_TITLE)
            set_name(r, bytes, 2);
        else if (id == ATT_ATTACHMENT)
            names_of_properties(r, bytes);
    }
}

/* true: *out is an item. */
static bool attribute(struct tnef_reader *r, uint32_t id, span bytes, bool cut, struct tnef_item *out)
{
    switch (id) {
    case ATT_RENDER_DATA:      /* begins each attachment */
        r->in_attachment = true;
        names_ahead(r);
        return false;
    case ATT_ATTACH_DATA:
        return give(r, TNEF_FILE, bytes, cut, out);
    case ATT_BODY:
        return give(r, TNEF_TEXT, bytes, cut, out);
    case ATT_ATTACHMENT:
        r->in_attachment = true;
        start_properties(r, bytes);
        return false;
    case ATT_MAPI_PROPS:
        start_properties(r, bytes);
        return false;
    default:
        return false;
    }
}

bool tnef_next(struct tnef_reader *r, struct tnef_item *out, struct buf *to)
{
    uint32_t id;
    span bytes;
    bool cut;

    for (;;) {
        if ((r->props_left > 0 || r->values_left > 0) && walk_properties(r, out, to))
            return true;
        if (!attribute_read(r->in, &r->at, &id, &bytes, &cut))
            return false;
        if (attribute(r, id, bytes, cut, out))
            return true;
    }
}
