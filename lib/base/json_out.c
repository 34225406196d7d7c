/* json_out.c - writes one JSON object (RFC 8259) into a buf, in one line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/json_out.h"

#include <math.h>

#include "lib/base/bytes8.h"
#include "lib/base/decimal.h"

/* Length of the UTF-8 character at the head of s (RFC 3629: shortest form, no surrogates), or 0. */
static size_t utf8_length(span s)
{
    unsigned char c = (unsigned char)s.p[0];
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf) {
        n = 2;
    } else if (c >= 0xe0 && c <= 0xef) {
        n = 3;
        low = c == 0xe0 ? 0xa0 : 0x80;
        high = c == 0xed ? 0x9f : 0xbf;
    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 4;
        low = c == 0xf0 ? 0x90 : 0x80;
        high = c == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (s.n < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        unsigned char t = (unsigned char)s.p[i];

        if (t < low || t > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return n;
}

static void put_escaped(struct buf *to, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
    const char *at = c != '\0' ? strchr(from, c) : NULL;

    if (at != NULL) {
        char two[2] = { '\\', into[at - from] };

        buf_append(to, (span){ two, 2 });
    } else {
        buf_printf(to, "\\u%04x", (unsigned char)c);
    }
}

static void put_string(struct buf *to, span s)
{
    buf_append_char(to, '"');
    while (s.n > 0) {
        size_t run = bytes8_plain_run(s, 0x20, "\"\\");

        if (run == 0 && (unsigned char)s.p[0] < 0x80) {
            put_escaped(to, s.p[0]);
            run = 1;
        } else if (run > 0) {
            buf_append(to, span_head(s, run));
        } else if ((run = utf8_length(s)) > 0) {
            buf_append(to, span_head(s, run));
        } else {
            buf_append(to, SPAN("\xef\xbf\xbd"));   /* U+FFFD for each byte that is not UTF-8 */
            run = 1;
        }
        s = span_from(s, run);
    }
    buf_append_char(to, '"');
}

/* The comma and the key before a value. */
static void lead(struct json_out *j, const char *key)
{
    if (j->need_comma)
        buf_append_char(j->to, ',');
    j->need_comma = true;
    if (key != NULL) {
        put_string(j->to, span_str(key));
        buf_append_char(j->to, ':');
    }
}

static void open_with(struct json_out *j, char c)
{
    buf_append_char(j->to, c);
    j->need_comma = false;
}

static void close_with(struct json_out *j, char c)
{
    buf_append_char(j->to, c);
    j->need_comma = true;
}

void json_begin(struct json_out *j, struct buf *to)
{
    j->to = to;
    open_with(j, '{');
}

void json_end(struct json_out *j)
{
    close_with(j, '}');
}

void json_object_begin(struct json_out *j, const char *key)
{
    lead(j, key);
    open_with(j, '{');
}

void json_object_end(struct json_out *j)
{
    close_with(j, '}');
}

void json_array_begin(struct json_out *j, const char *key)
{
    lead(j, key);
    open_with(j, '[');
}

void json_array_end(struct json_out *j)
{
    close_with(j, ']');
}

void json_str(struct json_out *j, const char *key, span value)
{
    lead(j, key);
    put_string(j->to, value);
}

void json_cstr(struct json_out *j, const char *key, const char *value)
{
    lead(j, key);
    if (value != NULL)
        put_string(j->to, span_str(value));
    else
        buf_append(j->to, SPAN("null"));
}

void json_int(struct json_out *j, const char *key, int64_t value)
{
    char text[DECIMAL_TEXT_MAX];

    lead(j, key);
    buf_append(j->to, decimal_i64(value, text));
}

/* Three decimals at most, without zeros at the end.  By hand, because printf writes the decimal point of the locale. */
static void put_thousandths(struct buf *to, int64_t value)
{
    int64_t rest = value < 0 ? -value : value;
    char text[DECIMAL_TEXT_MAX], point[4] = { '.', (char)('0' + rest % 1000 / 100), (char)('0' + rest % 100 / 10), (char)('0' + rest % 10) };
    size_t n = 4;

    while (n > 1 && point[n - 1] == '0')
        n--;
    if (value < 0)
        buf_append_char(to, '-');
    buf_append(to, decimal_i64(rest / 1000, text));
    if (n > 1)
        buf_append(to, span_of(point, n));
}

void json_num(struct json_out *j, const char *key, double value)
{
    lead(j, key);
    if (!isfinite(value))     /* RFC 8259 section 6 has no words for these */
        buf_append(j->to, SPAN("null"));
    else if (fabs(value) >= 1e15)
        buf_printf(j->to, "%.0f", value);
    else
        put_thousandths(j->to, llround(value * 1000));
}

void json_bool(struct json_out *j, const char *key, bool value)
{
    lead(j, key);
    buf_append_str(j->to, value ? "true" : "false");
}
