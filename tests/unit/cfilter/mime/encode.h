/* encode.h - reference encoders: what they make must be decoded back.  Written from the standards, apart from the decoders.
 *
 * For unit tests and fuzz targets.  All append to `to`, whose limit must be wide enough.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_ENCODE_H
#define GATEPOST_TESTS_ENCODE_H

#include "lib/base/buf.h"

static inline unsigned encode_byte(span s, size_t i)
{
    return i < s.n ? (unsigned char)s.p[i] : 0;
}

/* Groups of four out of `alphabet`; `pad` fills the last one, NUL leaves it short. */
static inline void encode_sixes(span in, const char *alphabet, char pad, size_t line_chars, const char *line_end, struct buf *to)
{
    size_t on_line = 0;

    for (size_t i = 0; i < in.n; i += 3) {
        unsigned v = encode_byte(in, i) << 16 | encode_byte(in, i + 1) << 8 | encode_byte(in, i + 2);
        size_t chars = in.n - i >= 3 ? 4 : in.n - i + 1;

        for (size_t k = 0; k < 4; k++) {
            if (k < chars)
                buf_append_char(to, alphabet[v >> (18 - 6 * k) & 63]);
            else if (pad != '\0')
                buf_append_char(to, pad);
            if (++on_line == line_chars) {
                buf_append_str(to, line_end);
                on_line = 0;
            }
        }
    }
    if (on_line > 0)
        buf_append_str(to, line_end);
}

static inline void encode_base64(span in, size_t line_chars, const char *line_end, struct buf *to)
{
    encode_sixes(in, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", '=', line_chars, line_end, to);
}

/* Binary: line ends are encoded as well. */
static inline void encode_qp(span in, const char *line_end, struct buf *to)
{
    size_t on_line = 0;

    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        bool plain = c > ' ' && c <= '~' && c != '=';

        if (on_line + 3 > 75) {
            buf_append_char(to, '=');
            buf_append_str(to, line_end);
            on_line = 0;
        }
        if (plain)
            buf_append_char(to, (char)c);
        else
            buf_printf(to, "=%02X", c);
        on_line += plain ? 1 : 3;
    }
}

static inline void encode_uu(span in, const char *name, char zero, const char *line_end, struct buf *to)
{
    buf_printf(to, "begin 644 %s%s", name, line_end);
    for (size_t i = 0; i < in.n; i += 45) {
        span line = span_head(span_from(in, i), 45);

        buf_append_char(to, (char)(' ' + line.n));
        for (size_t k = 0; k < line.n; k += 3) {
            unsigned v = encode_byte(line, k) << 16 | encode_byte(line, k + 1) << 8 | encode_byte(line, k + 2);

            for (int shift = 18; shift >= 0; shift -= 6)
                buf_append_char(to, (char)((v >> shift & 63) == 0 ? (unsigned char)zero : ' ' + (v >> shift & 63)));
        }
        buf_append_str(to, line_end);
    }
    buf_printf(to, "%c%send%s", zero, line_end, line_end);
}

static inline void encode_yenc(span in, const char *name, const char *line_end, struct buf *to)
{
    size_t on_line = 0;

    buf_printf(to, "=ybegin line=128 size=%zu name=%s%s", in.n, name, line_end);
    for (size_t i = 0; i < in.n; i++) {
        char c = (char)(in.p[i] + 42);

        if (c == '\0' || c == '\r' || c == '\n' || c == '=') {
            buf_append_char(to, '=');
            c = (char)(c + 64);
            on_line++;
        }
        buf_append_char(to, c);
        if (++on_line >= 128) {
            buf_append_str(to, line_end);
            on_line = 0;
        }
    }
    buf_printf(to, "%s=yend size=%zu%s", line_end, in.n, line_end);
}

static inline void encode_be32(size_t v, struct buf *to)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_append_char(to, (char)(v >> shift));
}

static inline void encode_le(size_t v, unsigned bytes, struct buf *to)
{
    for (; bytes > 0; bytes--, v >>= 8)
        buf_append_char(to, (char)v);
}

/* BinHex 4.0 with zeros for checksums; runs of three and more are shortened. */
static inline void encode_binhex(span name, span data, span resource, struct buf *to)
{
    struct buf plain, runs;

    buf_init(&plain, 1 << 24);
    buf_init(&runs, 1 << 24);
    buf_append_char(&plain, (char)name.n);
    buf_append(&plain, name);
    buf_append(&plain, SPAN("\0TEXTttxt\0\0"));
    encode_be32(data.n, &plain);
    encode_be32(resource.n, &plain);
    buf_append(&plain, SPAN("\0\0"));
    buf_append(&plain, data);
    buf_append(&plain, SPAN("\0\0"));
    buf_append(&plain, resource);
    buf_append(&plain, SPAN("\0\0"));
    for (size_t i = 0, n; i < plain.len; i += n) {
        char c = buf_span(&plain).p[i];

        for (n = 1; n < 255 && i + n < plain.len && buf_span(&plain).p[i + n] == c; n++)
            ;
        buf_append_char(&runs, c);
        if (c == '\x90')
            buf_append_char(&runs, '\0');
        if (n >= 3) {
            buf_append_char(&runs, '\x90');
            buf_append_char(&runs, (char)n);
        } else {
            n = 1;
        }
    }
    buf_append_str(to, "(This file must be converted with BinHex 4.0)\r\n\r\n:");
    encode_sixes(buf_span(&runs), "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr", '\0', 64, "\r\n", to);
    buf_append_str(to, ":\r\n");
    buf_free(&plain);
    buf_free(&runs);
}

#endif
