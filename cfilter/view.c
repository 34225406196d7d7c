/* view.c - what several scanners want of one message is made once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/parts.h"
#include "cfilter/scanner.h"

enum { DECODED_BYTES_MAX = 256 * 1024 * 1024 };

const struct mime_parts *view_parts(struct view *v)
{
    const struct mime_limits limits = {
        .max_parts = (size_t)v->set->filter.mime.max_parts, .max_depth = (size_t)v->set->filter.mime.max_depth,
        .max_decoded_bytes = DECODED_BYTES_MAX,
    };

    if (v->parts == NULL)
        v->parts = gmime_parts(v->bytes, &limits);
    return v->parts;
}

void view_release(struct view *v)
{
    mime_parts_free(&v->parts);
}
