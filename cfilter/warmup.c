/* warmup.c - the harmless message that an engine must read before it is used.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/warmup.h"

#include <openssl/evp.h>

#define BOUNDARY "=_warm-up"
#define PART(type) "\r\n--" BOUNDARY "\r\nContent-Type: " type "\r\n"
#define BASE64 "Content-Transfer-Encoding: base64\r\n\r\n"

static const char head[] =
    "Received: from localhost by localhost; Wed, 1 Jan 2020 00:00:00 +0000\r\n"
    "From: =?iso-8859-1?q?Warm_=FCp?= <warmup@localhost>\r\n"
    "To: warmup@localhost\r\nSubject: warm-up\r\nDate: Wed, 1 Jan 2020 00:00:00 +0000\r\n"
    "Message-ID: <warmup@localhost>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\n\r\n"
    PART("text/plain; charset=iso-2022-jp") "Content-Transfer-Encoding: quoted-printable\r\n\r\n=1B$B$3=1B(B warm-up\r\n"
    PART("text/html; charset=utf-8") "\r\n<html><body><p>warm-up <a href=\"http://localhost/\">here</a></body></html>\r\n"
    PART("message/rfc822") "\r\nFrom: a@localhost\r\nSubject: inner\r\n\r\ninner text\r\n";

/* An archive with one text file, a picture of one pixel, a document with one empty page. */
static const char files[] =
    PART("application/zip; name=a.zip") BASE64
    "UEsDBBQAAAAIAAAAIVAFaY2DGQAAADwAAAAFAAAAYS50eHTLyy/JyMxLVyjJVyhOTVXISC1K5coj\r\n"
    "UgwAUEsBAhQDFAAAAAgAAAAhUAVpjYMZAAAAPAAAAAUAAAAAAAAAAAAAAIABAAAAAGEudHh0UEsF\r\n"
    "BgAAAAABAAEAMwAAADwAAAAAAA==\r\n"
    PART("image/png; name=a.png") BASE64
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAA\r\n"
    "AABJRU5ErkJggg==\r\n"
    PART("application/pdf; name=a.pdf") BASE64
    "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZy9QYWdlcyAyIDAgUj4+ZW5kb2JqCjIgMCBv\r\n"
    "Ymo8PC9UeXBlL1BhZ2VzL0tpZHNbMyAwIFJdL0NvdW50IDE+PmVuZG9iagozIDAgb2JqPDwvVHlw\r\n"
    "ZS9QYWdlL1BhcmVudCAyIDAgUi9NZWRpYUJveFswIDAgOSA5XT4+ZW5kb2JqCnhyZWYKMCA0CjAw\r\n"
    "MDAwMDAwMDAgNjU1MzUgZiAKMDAwMDAwMDAwOSAwMDAwMCBuIAowMDAwMDAwMDUyIDAwMDAwIG4g\r\n"
    "CjAwMDAwMDAxMDEgMDAwMDAgbiAKdHJhaWxlcjw8L1NpemUgNC9Sb290IDEgMCBSPj4Kc3RhcnR4\r\n"
    "cmVmCjE2MAolJUVPRgo=\r\n";

enum { MARKER_MAX = 57 };    /* one line of base64 */

void warmup_message(span marker, struct buf *to)
{
    char encoded[4 * (MARKER_MAX / 3) + 5];

    buf_append(to, span_of(head, sizeof head - 1));
    buf_append(to, span_of(files, sizeof files - 1));
    marker = span_head(marker, MARKER_MAX);
    if (marker.n > 0) {
        int n = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)marker.p, (int)marker.n);
        buf_append(to, SPAN(PART("application/octet-stream; name=a.bin") BASE64));
        buf_append(to, span_of(encoded, (size_t)n));
    }
    buf_append(to, SPAN("\r\n--" BOUNDARY "--\r\n"));
}
