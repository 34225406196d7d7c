/* policy.h - Postfix' policy delegation protocol: access requests and actions.
 *
 * Pure, no allocation: attributes are spans into the caller's buffer.
 * Source:    SMTPD_POLICY_README; access(5) for the actions.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_POLICY_H
#define GATEPOST_PROTO_POLICY_H

#include "lib/base/buf.h"

enum policy_attr {
    POLICY_REQUEST, POLICY_PROTOCOL_STATE, POLICY_PROTOCOL_NAME, POLICY_HELO_NAME, POLICY_QUEUE_ID, POLICY_SENDER, POLICY_RECIPIENT,
    POLICY_RECIPIENT_COUNT, POLICY_CLIENT_ADDRESS, POLICY_CLIENT_NAME, POLICY_CLIENT_PORT, POLICY_REVERSE_CLIENT_NAME,
    POLICY_SERVER_ADDRESS, POLICY_SERVER_PORT, POLICY_INSTANCE, POLICY_SIZE, POLICY_ETRN_DOMAIN, POLICY_STRESS,
    POLICY_SASL_METHOD, POLICY_SASL_USERNAME, POLICY_SASL_SENDER, POLICY_CCERT_SUBJECT, POLICY_CCERT_ISSUER,
    POLICY_CCERT_FINGERPRINT, POLICY_CCERT_PUBKEY_FINGERPRINT, POLICY_ENCRYPTION_PROTOCOL, POLICY_ENCRYPTION_CIPHER,
    POLICY_ENCRYPTION_KEYSIZE, POLICY_CONTEXT, POLICY_COMPATIBILITY_LEVEL, POLICY_MAIL_VERSION, POLICY_TLS_SNI,
    POLICY_ATTRS
};

enum policy_status {
    POLICY_OK = 1,
    POLICY_MORE = 0,
    POLICY_E_SYNTAX = -1,    /* a line without "name=", a NUL or a CR: close */
    POLICY_E_SIZE = -2,      /* longer than the limit: close */
    POLICY_E_REQUEST = -3,   /* well-formed, but not request=smtpd_access_policy: close */
};

enum { POLICY_REQUEST_MAX = 64 * 1024 };   /* a fitting limit; real requests are 600 to 1000 bytes */

struct policy_request {
    span v[POLICY_ATTRS];    /* absent attributes are empty (p == NULL); of duplicates the first counts */
    unsigned unknown;        /* attributes with other names, ignored */
};

/* Where the search for the end goes on when more bytes have come. */
struct policy_parser { size_t at; };

static inline void policy_parser_init(struct policy_parser *p)
{
    p->at = 0;
}

/* Looks for a whole request at the head of `in` (which grows between calls and may have moved).  On POLICY_OK fills *out, sets *used_out
 * (with the empty line) and is ready for the next request; on any other result out and used_out keep their old value.  `at`: where the
 * spans of *out are to point, in.p, or the place that the request's bytes will be copied to. */
enum policy_status policy_parse(struct policy_parser *p, span in, size_t max, const char *at, struct policy_request *out, size_t *used_out);
const char *policy_attr_name(enum policy_attr a);
/* POLICY_ATTRS when the name is not known. */
enum policy_attr policy_attr_find(span name);
/* For clients (gatepostctl, bench): appends "name=value LF".  false when the value holds LF, CR or NUL, or the buffer is full. */
bool policy_append_attr(struct buf *to, span name, span value);

enum policy_state {
    POLICY_STATE_OTHER, POLICY_STATE_CONNECT, POLICY_STATE_HELO /* also EHLO */, POLICY_STATE_MAIL, POLICY_STATE_RCPT, POLICY_STATE_DATA,
    POLICY_STATE_END_OF_MESSAGE, POLICY_STATE_VRFY, POLICY_STATE_ETRN, POLICY_STATES
};
enum policy_state policy_request_state(const struct policy_request *q);
/* A numeric attribute (size, recipient_count, client_port ...); 0 when absent or not a number. */
uint64_t policy_request_number(const struct policy_request *q, enum policy_attr a);

enum policy_verb {
    POLICY_SAY_DUNNO,              /* next restriction */
    POLICY_SAY_OK,                 /* permits, ends the list */
    POLICY_SAY_REJECT,             /* access_map_reject_code */
    POLICY_SAY_DEFER,
    POLICY_SAY_DEFER_IF_PERMIT,    /* 4xx if nothing later rejects */
    POLICY_SAY_CODE,               /* `code` 400..599; 421 and 521 make Postfix hang up */
    POLICY_SAY_PREPEND,            /* a header field: header, text */
    POLICY_SAY_WARN,               /* text to Postfix' log, next restriction */
    POLICY_SAY_INFO,
};

enum { POLICY_TEXT_MAX = 400, POLICY_HEADER_MAX = 8000 };

struct policy_reply {
    enum policy_verb verb;
    int code;                 /* POLICY_SAY_CODE only */
    const char *enhanced;     /* "4.7.1"; NULL: "4.7.1" or "5.7.1" by the verb; ignored where no text is sent to the client */
    span header;              /* POLICY_SAY_PREPEND: field name */
    span text;                /* PREPEND: field body in one line, kept whole; else cleaned (oneline_utf8) and cut to POLICY_TEXT_MAX */
};

/* Appends "action=... LF LF": one answer, whatever the text holds; an empty text gets words of our own.
 * false, and nothing appended: a code or enhanced code that cannot be, a header field that is not one clean line, a full buffer. */
bool policy_append_reply(struct buf *to, const struct policy_reply *r);
/* The client's side: the value of the first "action=" of a whole reply; NS_MORE style as policy_parse. */
enum policy_status policy_parse_reply(span in, size_t max, span *action_out, size_t *used_out);

#endif
