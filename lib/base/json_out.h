/* json_out.h - writes one JSON object (RFC 8259) into a buf, in one line.
 *
 * For the hot path (events); reading JSON is libjansson's.  Bytes that are not UTF-8 come out as U+FFFD.
 * The writer keeps the commas; begin and end must pair.  A key of NULL writes an array element.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_JSON_OUT_H
#define GATEPOST_BASE_JSON_OUT_H

#include "lib/base/buf.h"

struct json_out {
    struct buf *to;
    bool need_comma;
};

void json_begin(struct json_out *j, struct buf *to);                 /* { */
void json_end(struct json_out *j);                                   /* } */
void json_object_begin(struct json_out *j, const char *key);         /* "key":{   (libjansson owns the name json_object) */
void json_object_end(struct json_out *j);
void json_array_begin(struct json_out *j, const char *key);
void json_array_end(struct json_out *j);
void json_str(struct json_out *j, const char *key, span value);
void json_cstr(struct json_out *j, const char *key, const char *value);   /* NULL writes null */
void json_int(struct json_out *j, const char *key, int64_t value);
void json_num(struct json_out *j, const char *key, double value);    /* up to 3 decimals */
void json_bool(struct json_out *j, const char *key, bool value);

#endif
