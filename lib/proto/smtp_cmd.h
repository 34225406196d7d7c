/* smtp_cmd.h - reads SMTP commands as leniently as Postfix does, and keeps what was written.
 *
 * Pure.  Postfix relays the client's own bytes to a proxy filter: verbs in any case, stray blanks, missing brackets, source routes.
 * So everything is parsed for what it means, and `line` is there to be relayed verbatim.
 * Ownership: spans point into the line.
 * Source:    RFC 5321 4.1, RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461 (RET, ENVID, NOTIFY, ORCPT).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_SMTP_CMD_H
#define GATEPOST_PROTO_SMTP_CMD_H

#include "lib/base/span.h"

enum smtp_verb {
    SMTP_OTHER, SMTP_HELO, SMTP_EHLO, SMTP_LHLO, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_BDAT, SMTP_RSET, SMTP_NOOP, SMTP_QUIT, SMTP_VRFY, SMTP_EXPN,
    SMTP_HELP, SMTP_ETRN, SMTP_AUTH, SMTP_STARTTLS, SMTP_XFORWARD, SMTP_XCLIENT, SMTP_VERBS
};

struct smtp_cmd {
    enum smtp_verb verb;
    span line;          /* the whole line, as it came */
    span word;          /* the verb as it came */
    span args;          /* what follows it, without blanks at both ends */
};

/* false: no word at all, or control characters in the line (TAB counts as a blank): 500. */
bool smtp_cmd_parse(span line, struct smtp_cmd *out);
const char *smtp_verb_name(enum smtp_verb v);   /* "MAIL"; "?" for SMTP_OTHER */

struct smtp_path {
    span raw;           /* as written, with brackets if there were any */
    span mailbox;       /* without brackets and source route; empty: the null reverse-path */
    bool bracketed;
    bool routed;        /* a source route was left out of `mailbox` */
    span params;        /* the ESMTP parameters, for smtp_param_next */
};

/* The path of MAIL ("FROM:") or RCPT ("TO:").  false: not of that form (no colon, an open bracket or quote, nothing there, or something that
 * touches the closing bracket): 501. */
bool smtp_cmd_path(const struct smtp_cmd *c, struct smtp_path *out);

struct smtp_param {
    span name;          /* keyword, any case */
    span value;         /* after the first '='; p == NULL when there is no '=' */
};

/* Cuts the next parameter off *rest; false at the end. */
bool smtp_param_next(span *rest, struct smtp_param *out);
bool smtp_param_find(span params, const char *name, struct smtp_param *out);

enum smtp_body { SMTP_BODY_NONE, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME, SMTP_BODY_BAD };

/* What a proxy must know of a MAIL command's parameters; the rest goes on verbatim. */
struct smtp_mail_params {
    uint64_t size;              /* SIZE=, 0 when absent */
    enum smtp_body body;
    bool smtputf8;
    bool bad;                   /* SIZE, BODY or SMTPUTF8 with a value that cannot be: 501 */
};
void smtp_mail_params(span params, struct smtp_mail_params *out);

#endif
