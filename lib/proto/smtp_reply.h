/* smtp_reply.h - reads and writes SMTP replies.
 *
 * Pure.  The reader is incremental and bounded: of a reply over SMTP_REPLY_CAP only the first line is kept.
 * Ownership: spans point into the caller's buffer, or into the parser when `cut` is set; both until the next call.
 * Source:    RFC 5321 4.2, RFC 3463 and 2034 (enhanced status codes).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_SMTP_REPLY_H
#define GATEPOST_PROTO_SMTP_REPLY_H

#include "lib/base/buf.h"

enum smtp_reply_status {
    SMTP_REPLY_OK = 1,
    SMTP_REPLY_MORE = 0,        /* consume *used_out, read more */
    SMTP_REPLY_E_SYNTAX = -1,   /* a line that is no reply line, or another code than the first line's: close */
    SMTP_REPLY_E_ENDLESS = -2,  /* more than SMTP_REPLY_TOTAL_MAX bytes and no end: close */
};

enum {
    SMTP_REPLY_LINE_MAX = 512,          /* RFC 5321 4.5.3.1.5, with CR LF */
    SMTP_REPLY_CAP = 8 * 1024,
    SMTP_REPLY_TOTAL_MAX = 256 * 1024,
};

struct smtp_reply_parser {
    size_t at;                  /* of the line under way, in the input */
    size_t seen;                /* of that line, searched so far */
    uint64_t dropped;           /* bytes consumed and not kept */
    int code;                   /* of the lines before; 0: none */
    unsigned lines;
    char skipping;              /* separator of a line whose head was read and thrown away; 0: none */
    bool cut;
    uint16_t first_n;
    char first[SMTP_REPLY_LINE_MAX];
};

struct smtp_reply {
    int code;                   /* 200..599 */
    span enhanced;              /* "5.7.1" of the first line, of the code's class; or empty */
    span text;                  /* of the first line, without code and enhanced code */
    span raw;                   /* all lines, "NNN-text CR LF ... NNN text CR LF", as they came */
    unsigned lines;
    bool cut;                   /* over the cap: raw is the first line alone, as "NNN text" and perhaps shortened */
};

void smtp_reply_parser_init(struct smtp_reply_parser *p);
/* The reply at the head of `in`.  A lone LF ends a line too: old servers do that, and nothing is passed on as it came.
 * *used_out is always set: the caller consumes so many bytes before the next call, after it is done with *out. */
enum smtp_reply_status smtp_reply_parse(struct smtp_reply_parser *p, span in, struct smtp_reply *out, size_t *used_out);
/* Part of a reply has come: in an earlier call, or in what is left of the input. */
bool smtp_reply_begun(const struct smtp_reply_parser *p, span in);

/* Cuts the next line off *rest (start with reply.raw) and gives its text after code and separator. */
bool smtp_reply_next_line(span *rest, span *text_out);
/* Appends a reply that came from a next server: same code, same lines and words, clean (ASCII or UTF-8, CR LF, a line <= 512 bytes). */
bool smtp_reply_append_relayed(struct buf *to, const struct smtp_reply *r);
/* Appends a reply of our own: printable ASCII, lines <= 512 bytes, each with the enhanced code (RFC 2034 4); a LF in the text starts a new
 * line, a text too long for one line goes on in the next, at most 20.  enhanced NULL: none (banner, EHLO, 354).
 * false, and nothing appended: a code outside 200..599, an enhanced code of another class or form, a full buffer. */
bool smtp_reply_append(struct buf *to, int code, const char *enhanced, span text);

/* The enhanced status code at the head of `text` ("5.7.1", 2, 4 or 5 and two numbers of at most three digits, before a blank or the end);
 * false when there is none.  */
bool smtp_enhanced_parse(span text, span *enhanced_out);

#endif
