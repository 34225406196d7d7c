/* decode_cms.h - the content of an opaque S/MIME entity (RFC 8551, RFC 5652, RFC 3274).
 *
 * See decode.h.  A reader of BER of its own: it takes cut streams, indefinite lengths and broken signatures, which a library that builds the whole
 * structure refuses, and it allocates nothing.  Nothing is verified.  Several layers are the caller's loop.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_CMS_H
#define GATEPOST_CFILTER_MIME_DECODE_CMS_H

#include "cfilter/mime/decode.h"

enum cms_kind {
    CMS_NONE,                  /* not CMS */
    CMS_DATA, CMS_SIGNED, CMS_DIGESTED, CMS_AUTHENTICATED,     /* the content is appended; none: detached or certificates only */
    CMS_COMPRESSED,            /* the content is appended, inflated */
    CMS_ENCRYPTED,             /* enveloped, authEnveloped or encrypted: cannot be looked into */
};

enum cms_seen { CMS_SAW_CUT = 1, CMS_SAW_BAD = 2 };            /* the stream ends early; the structure or the compression is broken */

/* Begins as one of these does; cheap. */
bool cms_is(span in);
/* DER or BER; leading line ends and blanks are skipped. */
enum cms_kind cms_open(span in, struct buf *to, struct decode_result *r_out);
/* The first that opens behind a PEM armour ("-----BEGIN PKCS7-----", CMS, SMIME) or the whole as bare base64; `scratch` gets the binary
 * forms, three quarters of the input at most. */
enum cms_kind cms_open_text(span in, struct buf *scratch, struct buf *to, struct decode_result *r_out);

#endif
