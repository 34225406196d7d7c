/* view.c - what several scanners want of one message is made once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/parts.h"
#include "cfilter/scanner.h"

enum { PARTS_MAX = 1000, DEPTH_MAX = 30, DECODED_BYTES_MAX = 256 * 1024 * 1024 };

const struct mime_parts *view_parts(struct view *v)
{
    static const struct mime_limits limits = {
        .max_parts = PARTS_MAX, .max_depth = DEPTH_MAX, .max_decoded_bytes = DECODED_BYTES_MAX,
    };

    if (v->parts == NULL)
        v->parts = gmime_parts(v->bytes, &limits);
    return v->parts;
}

void view_release(struct view *v)
{
    mime_parts_free(&v->parts);
}
