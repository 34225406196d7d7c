/* xforward.c - XFORWARD: what the front server knows of the client.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/xforward.h"

#include <stdio.h>

#include "lib/proto/smtp_cmd.h"

#define UNAVAILABLE "[UNAVAILABLE]"

static const char *const names[XFORWARD_ATTRS] = {
    [XFORWARD_NAME] = "NAME",   [XFORWARD_ADDR] = "ADDR",   [XFORWARD_PORT] = "PORT",     [XFORWARD_HELO] = "HELO",
    [XFORWARD_IDENT] = "IDENT", [XFORWARD_PROTO] = "PROTO", [XFORWARD_SOURCE] = "SOURCE",
};

const char *xforward_attr_name(enum xforward_attr a)
{
    return (unsigned)a < XFORWARD_ATTRS ? names[a] : "?";
}

const char *xforward_status_text(enum xforward_status s)
{
    switch (s) {
    case XFORWARD_OK:
        return "Ok";
    case XFORWARD_E_SYNTAX:
        return "attribute=value expected";
    case XFORWARD_E_NAME:
        return "unknown attribute";
    case XFORWARD_E_VALUE:
        return "bad attribute value";
    case XFORWARD_E_LONG:
        return "attribute value too long";
    }
    return "?";
}

void xforward_init(struct xforward *x)
{
    for (size_t a = 0; a < XFORWARD_ATTRS; a++) {
        x->v[a].given = false;
        x->v[a].n = 0;
    }
}

static enum xforward_attr find_attr(span name)
{
    size_t a = 0;

    while (a < XFORWARD_ATTRS && !span_eq_nocase(name, span_str(names[a])))
        a++;
    return (enum xforward_attr)a;
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* RFC 3461 4: "+" and two hexadecimal digits.  "=" stands for itself: Postfix does not encode it. */
static enum xforward_status decode_xtext(span in, char out[XFORWARD_VALUE_MAX], size_t *n_out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        int c = (unsigned char)in.p[i], high, low;

        if (c == '+') {
            if (in.n - i < 3 || (high = hex_value(in.p[i + 1])) < 0 || (low = hex_value(in.p[i + 2])) < 0)
                return XFORWARD_E_VALUE;
            c = high << 4 | low;
            i += 2;
        }
        if (n == XFORWARD_VALUE_MAX)
            return XFORWARD_E_LONG;
        out[n++] = (char)c;
    }
    *n_out = n;
    return XFORWARD_OK;
}

static enum xforward_status store(struct xforward_value *v, span value)
{
    if (value.n > XFORWARD_VALUE_MAX)
        return XFORWARD_E_LONG;
    for (size_t i = 0; i < value.n; i++)
        if (is_control(value.p[i]))
            return XFORWARD_E_VALUE;
    v->given = true;
    v->n = (uint16_t)value.n;
    if (value.n > 0)
        memmove(v->text, value.p, value.n);
    return XFORWARD_OK;
}

static enum xforward_status store_address(struct xforward_value *v, span value)
{
    char text[IPADDR_TEXT_MAX];
    struct ipaddr a;

    if (!ipaddr_parse(value, &a))
        return XFORWARD_E_VALUE;
    ipaddr_format(&a, text);
    return store(v, span_str(text));
}

static enum xforward_status store_source(struct xforward_value *v, span value)
{
    if (span_eq_nocase(value, SPAN("LOCAL")))
        return store(v, SPAN("LOCAL"));
    return span_eq_nocase(value, SPAN("REMOTE")) ? store(v, SPAN("REMOTE")) : XFORWARD_E_VALUE;
}

static enum xforward_status set_value(struct xforward *x, enum xforward_attr a, span value)
{
    struct xforward_value *v = &x->v[a];
    uint64_t port;

    if (value.n == 0 || span_eq_nocase(value, SPAN(UNAVAILABLE)))
        return store(v, SPAN(""));
    if (a == XFORWARD_ADDR)
        return store_address(v, value);
    if (a == XFORWARD_SOURCE)
        return store_source(v, value);
    if (a == XFORWARD_PORT && (value.n > 5 || !span_to_u64(value, &port) || port > 65535))
        return XFORWARD_E_VALUE;
    return store(v, value);
}

bool xforward_set(struct xforward *x, enum xforward_attr a, span value)
{
    return (unsigned)a < XFORWARD_ATTRS && set_value(x, a, value) == XFORWARD_OK;
}

static enum xforward_status take_attribute(struct xforward *x, const struct smtp_param *p)
{
    enum xforward_attr a = find_attr(p->name);
    enum xforward_status status;
    char value[XFORWARD_VALUE_MAX];
    size_t n;

    if (p->value.n == 0)
        return XFORWARD_E_SYNTAX;
    if (a == XFORWARD_ATTRS)
        return XFORWARD_E_NAME;
    status = decode_xtext(p->value, value, &n);
    return status == XFORWARD_OK ? set_value(x, a, span_of(value, n)) : status;
}

enum xforward_status xforward_parse(span args, struct xforward *x)
{
    struct xforward fresh = *x;
    struct smtp_param p;
    enum xforward_status status = XFORWARD_E_SYNTAX;

    while (smtp_param_next(&args, &p)) {
        status = take_attribute(&fresh, &p);
        if (status != XFORWARD_OK)
            return status;
    }
    if (status == XFORWARD_OK)
        *x = fresh;
    return status;
}

span xforward_get(const struct xforward *x, enum xforward_attr a)
{
    return span_of(x->v[a].text, x->v[a].given ? x->v[a].n : 0);
}

bool xforward_client(const struct xforward *x, struct ipaddr *out)
{
    return ipaddr_parse(xforward_get(x, XFORWARD_ADDR), out);
}

bool xforward_is_local(const struct xforward *x)
{
    return span_eq(xforward_get(x, XFORWARD_SOURCE), SPAN("LOCAL"));
}

unsigned xforward_offered(span ehlo_text)
{
    struct smtp_param p;
    unsigned offered = 0;

    if (!smtp_param_next(&ehlo_text, &p) || !span_eq_nocase(p.name, SPAN("XFORWARD")))
        return 0;
    while (smtp_param_next(&ehlo_text, &p)) {
        enum xforward_attr a = find_attr(p.name);

        if (a != XFORWARD_ATTRS && p.value.p == NULL)
            offered |= 1u << a;
    }
    return offered;
}

/* " NAME=value" in xtext; its length, or 0 when it is over max. */
static size_t encode(enum xforward_attr a, span value, char *out, size_t max)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = (size_t)snprintf(out, max, " %s=%s", names[a], a == XFORWARD_ADDR && span_find(value, ':') < value.n ? "IPV6:" : "");

    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (max - n < 3)
            return 0;
        if (c == '+' || c <= 32 || c >= 127) {
            out[n++] = '+';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    return n;
}

static size_t encode_or_unavailable(const struct xforward *x, enum xforward_attr a, char *out, size_t max)
{
    span value = xforward_get(x, a);
    size_t n = value.n > 0 ? encode(a, value, out, max) : 0;

    return n > 0 ? n : encode(a, SPAN(UNAVAILABLE), out, max);   /* unknown, or it fits into no command */
}

int xforward_append(struct buf *to, const struct xforward *x, unsigned offered)
{
    static const span verb = SPAN("XFORWARD"), end = SPAN("\r\n");
    char line[XFORWARD_COMMAND_MAX], piece[XFORWARD_COMMAND_MAX];
    size_t start = to->len, n = 0, piece_max = sizeof(line) - verb.n - end.n;
    bool ok = true;
    int commands = 0;

    for (size_t a = 0; a <= XFORWARD_ATTRS && ok; a++) {
        bool more = a < XFORWARD_ATTRS;
        size_t len = 0;

        if (more && (!x->v[a].given || (offered & 1u << a) == 0))
            continue;
        if (more)
            len = encode_or_unavailable(x, (enum xforward_attr)a, piece, piece_max);
        if (n > 0 && (!more || verb.n + n + len + end.n > sizeof(line))) {
            ok = buf_append(to, verb) && buf_append(to, span_of(line, n)) && buf_append(to, end);
            commands++;
            n = 0;
        }
        memcpy(line + n, piece, len);
        n += len;
    }
    if (!ok)
        buf_truncate(to, start);
    return ok ? commands : -1;
}
