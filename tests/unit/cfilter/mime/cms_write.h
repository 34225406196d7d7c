/* cms_write.h - writes CMS (RFC 5652) by hand: DER and BER, with lengths known and not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_CMS_WRITE_H
#define GATEPOST_TESTS_CMS_WRITE_H

#include <zlib.h>

#include "lib/base/buf.h"

#define OID_DATA SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_SIGNED SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
#define OID_ENVELOPED SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")
#define OID_COMPRESSED SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09")

/* An element; `indefinite`: without a length, ended by two zeros. */
static inline void cms_write(unsigned char tag, bool indefinite, span content, struct buf *to)
{
    size_t n = content.n;

    buf_append_char(to, (char)tag);
    if (indefinite) {
        buf_append_char(to, (char)0x80);
    } else if (n < 0x80) {
        buf_append_char(to, (char)n);
    } else {
        buf_append_char(to, (char)0x84);
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_append_char(to, (char)(n >> shift));
    }
    buf_append(to, content);
    if (indefinite)
        buf_append(to, SPAN("\0\0"));
}

/* Wraps all that is in b. */
static inline void cms_wrap(unsigned char tag, bool indefinite, span before, struct buf *b)
{
    struct buf inner;

    buf_init(&inner, SIZE_MAX / 4);
    buf_append(&inner, before);
    buf_append(&inner, buf_span(b));
    buf_reset(b);
    cms_write(tag, indefinite, buf_span(&inner), b);
    buf_free(&inner);
}

/* The content as one OCTET STRING, or in pieces of `piece` bytes. */
static inline void cms_write_octets(span content, size_t piece, bool indefinite, struct buf *to)
{
    struct buf inner;

    if (piece == 0) {
        cms_write(0x04, false, content, to);
        return;
    }
    buf_init(&inner, SIZE_MAX / 4);
    for (size_t at = 0; at < content.n; at += piece)
        cms_write(0x04, false, span_head(span_from(content, at), piece), &inner);
    cms_write(0x24, indefinite, buf_span(&inner), to);
    buf_free(&inner);
}

static inline void cms_write_oid(span oid, struct buf *to)
{
    cms_write(0x06, false, oid, to);
}

/* ContentInfo of signed-data or compressed-data about `content`, without certificates and signers. */
static inline void cms_write_message(bool compressed, span content, size_t piece, bool indefinite, struct buf *to)
{
    struct buf b, oid, head;

    buf_init(&b, SIZE_MAX / 4);
    buf_init(&oid, 100);
    buf_init(&head, 100);
    cms_write_octets(content, piece, indefinite, &b);
    cms_wrap(0xa0, indefinite, SPAN(""), &b);
    cms_write_oid(OID_DATA, &oid);
    cms_wrap(0x30, indefinite, buf_span(&oid), &b);
    cms_write(0x02, false, compressed ? SPAN("\0") : SPAN("\1"), &head);
    if (compressed)
        cms_write(0x30, false, SPAN("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08"), &head);
    else
        cms_write(0x31, false, SPAN(""), &head);
    if (!compressed)
        buf_append(&b, SPAN("\x31\0"));
    cms_wrap(0x30, indefinite, buf_span(&head), &b);
    cms_wrap(0xa0, indefinite, SPAN(""), &b);
    buf_reset(&oid);
    cms_write_oid(compressed ? OID_COMPRESSED : OID_SIGNED, &oid);
    cms_wrap(0x30, indefinite, buf_span(&oid), &b);
    buf_append(to, buf_span(&b));
    buf_free(&b);
    buf_free(&oid);
    buf_free(&head);
}

static inline void cms_deflate(span content, struct buf *to)
{
    uLongf n = compressBound(content.n);
    char *p = buf_reserve(to, n);

    compress((unsigned char *)p, &n, (const unsigned char *)content.p, content.n);
    buf_commit(to, n);
}

#endif
