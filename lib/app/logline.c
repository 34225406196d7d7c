/* logline.c - a decision's line, built of escaped key=value pieces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/app/log.h"

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

/* `also`: printable bytes that would end the value where it stands, written as \xNN. */
static void add_escaped(struct logline *l, span value, const char *also)
{
    size_t used = 0;

    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        char piece[8];
        int n;

        if (c == '"' || c == '\\')
            n = snprintf(piece, sizeof piece, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f || strchr(also, c) != NULL)
            n = snprintf(piece, sizeof piece, "\\x%02X", c);
        else
            n = snprintf(piece, sizeof piece, "%c", c);
        used += (size_t)n;
        if (used > VALUE_BYTES) {
            add(l, "...", 3);
            return;
        }
        if (!add(l, piece, (size_t)n))
            return;
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
    add_escaped(l, value, "");
    if (quote)
        add(l, "\"", 1);
}

void logline_addr(struct logline *l, const char *key, span mailbox)
{
    add_key(l, key);
    add(l, "<", 1);
    add_escaped(l, mailbox, " <>");
    add(l, ">", 1);
}

void logline_client(struct logline *l, const char *key, span name, const struct ipaddr *a)
{
    char text[IPADDR_TEXT_MAX];

    ipaddr_format(a, text);
    add_key(l, key);
    add_escaped(l, name.n > 0 ? name : SPAN("unknown"), " []");
    addf(l, "[%s]", text[0] != '\0' ? text : "unknown");
}

void logline_int(struct logline *l, const char *key, int64_t value)
{
    add_key(l, key);
    addf(l, "%" PRId64, value);
}

void logline_num(struct logline *l, const char *key, double value)
{
    double cents = round(value * 100) / 100;

    add_key(l, key);
    addf(l, "%.6g", cents == 0 ? 0.0 : cents);      /* no "-0" */
}

void logline_ms(struct logline *l, const char *key, int64_t ms)
{
    add_key(l, key);
    addf(l, "%" PRId64 "ms", ms);
}
