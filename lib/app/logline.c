/* logline.c - a decision's line, built of escaped key=value pieces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/app/log.h"
#include "lib/base/bytes8.h"
#include "lib/base/decimal.h"

/* VALUE_BYTES: no single value (a HELO name of 500 bytes) pushes the ones behind it off the line. */
enum { LOGLINE_BYTES = 2000, VALUE_BYTES = 320 };

/* Cuts at the limit and closes the line with "..."; false when nothing more goes in. */
static bool add(struct logline *l, const char *p, size_t n)
{
    if (l->cut)
        return false;
    if (l->n + n > LOGLINE_BYTES) {
        memcpy(l->text + l->n, "...", 4);
        l->n += 3;
        l->cut = true;
        return false;
    }
    memcpy(l->text + l->n, p, n);
    l->n += n;
    l->text[l->n] = '\0';
    return true;
}

static void addf(struct logline *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void addf(struct logline *l, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        add(l, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void add_key(struct logline *l, const char *key)
{
    add(l, " ", 1);
    add(l, key, strlen(key));
    add(l, "=", 1);
}

/* The next piece of a value: a run of plain bytes, or one byte escaped into `coded`. */
static span next_piece(span *value, const char *also, char coded[4])
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char c = (unsigned char)value->p[0];
    size_t n = bytes8_plain_run(*value, 0x20, also);
    span piece;

    if (n > 0) {
        piece = span_head(*value, n);
    } else if (c == '"' || c == '\\') {
        coded[0] = '\\';
        coded[1] = (char)c;
        piece = span_of(coded, 2);
    } else {
        memcpy(coded, "\\x", 2);
        coded[2] = hex[c >> 4];
        coded[3] = hex[c & 15];
        piece = span_of(coded, 4);
    }
    *value = span_from(*value, n > 0 ? n : 1);
    return piece;
}

/* `also`: the quotation mark, the backslash, and printable bytes that would end the value where it stands, written as \xNN. */
static void add_escaped(struct logline *l, span value, const char *also)
{
    size_t room = VALUE_BYTES;

    while (value.n > 0) {
        char coded[4];
        span piece = next_piece(&value, also, coded);
        bool cut = piece.n > room;

        if (cut)
            piece.n = piece.p == coded ? 0 : room;
        if (!add(l, piece.p, piece.n))
            return;
        if (cut) {
            add(l, "...", 3);
            return;
        }
        room -= piece.n;
    }
}

void logline_begin(struct logline *l, const char *id)
{
    l->n = 0;
    l->cut = false;
    add(l, id, strlen(id));
    add(l, ":", 1);
}

void logline_str(struct logline *l, const char *key, span value)
{
    bool quote = span_find(value, ' ') < value.n;

    add_key(l, key);
    if (quote)
        add(l, "\"", 1);
    add_escaped(l, value, "\"\\");
    if (quote)
        add(l, "\"", 1);
}

void logline_addr(struct logline *l, const char *key, span mailbox)
{
    add_key(l, key);
    add(l, "<", 1);
    add_escaped(l, mailbox, "\"\\ <>");
    add(l, ">", 1);
}

void logline_client(struct logline *l, const char *key, span name, const struct ipaddr *a)
{
    char text[IPADDR_TEXT_MAX];

    ipaddr_format(a, text);
    add_key(l, key);
    add_escaped(l, name.n > 0 ? name : SPAN("unknown"), "\"\\ []");
    add(l, "[", 1);
    add(l, text[0] != '\0' ? text : "unknown", text[0] != '\0' ? strlen(text) : 7);
    add(l, "]", 1);
}

static void add_int(struct logline *l, int64_t value)
{
    char text[DECIMAL_TEXT_MAX];
    span digits = decimal_i64(value, text);

    add(l, digits.p, digits.n);
}

void logline_int(struct logline *l, const char *key, int64_t value)
{
    add_key(l, key);
    add_int(l, value);
}

void logline_num(struct logline *l, const char *key, double value)
{
    double cents = round(value * 100) / 100;

    add_key(l, key);
    if (cents == (double)(int)cents)
        return add_int(l, (int)cents);
    addf(l, "%.6g", cents == 0 ? 0.0 : cents);      /* no "-0" */
}

void logline_ms(struct logline *l, const char *key, int64_t ms)
{
    add_key(l, key);
    add_int(l, ms);
    add(l, "ms", 2);
}
