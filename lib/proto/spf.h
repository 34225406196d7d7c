/* spf.h - Sender Policy Framework: may this address send mail for this domain?
 *
 * Pure: a machine that says which DNS question it needs answered next and goes on with the answer; no I/O, no clock.
 * Ownership: everything comes from the caller's arena and goes with it; spans of an answer are copied.
 * Limits:    10 terms that cause questions, 2 of them answered with nothing, 10 MX and 10 PTR names (RFC 7208 4.6.4); so a machine
 *            asks at most 1 + 10 * 11 + 12 questions, whatever the records say.
 * Source:    RFC 7208; sections are named where they are obeyed.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_SPF_H
#define GATEPOST_PROTO_SPF_H

#include "lib/base/arena.h"
#include "lib/proto/ipnet.h"

/* RFC 7208 2.6 */
enum spf_result { SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR };
const char *spf_result_name(enum spf_result r);

enum spf_type { SPF_A, SPF_AAAA, SPF_MX, SPF_TXT, SPF_PTR };

struct spf_question { span name; enum spf_type type; };

enum spf_outcome {
    SPF_FOUND,
    SPF_NOTHING,       /* NXDOMAIN, or no record of the type: a "void lookup" */
    SPF_FAILED,        /* no answer, or one that is none */
};
struct spf_record_data { span text; struct ipaddr addr; };      /* TXT: strings joined; MX, PTR: the name */
struct spf_answer { enum spf_outcome outcome; const struct spf_record_data *v; size_t n; };

struct spf_input {
    struct ipaddr client;      /* IPv4 or IPv6 */
    span sender;               /* "local@domain" of MAIL FROM; empty: the HELO identity is checked (2.4) */
    span helo;
    span receiver;             /* this host, for %{r} */
    int64_t now_s;             /* for %{t} */
};

struct spf;

/* Checks domain (that of MAIL FROM, or the HELO name).  input's spans live as long as the machine. */
struct spf *spf_new(const struct spf_input *input, span domain, struct arena *arena);
/* The question to be answered next; false: it is done. */
bool spf_next(struct spf *s, struct spf_question *out);
void spf_answer(struct spf *s, const struct spf_answer *a);

/* When done. */
enum spf_result spf_result(const struct spf *s);
const char *spf_why(const struct spf *s);            /* what decided, or what is wrong with a record: printable, one line */
span spf_explanation(const struct spf *s);           /* of a fail, from the domain's owner (6.2): printable ASCII; or empty */
unsigned spf_questions(const struct spf *s);         /* terms that caused questions */

/* ---- records (spf_record.c) ---- */

enum spf_mechanism { SPF_MECH_ALL, SPF_MECH_INCLUDE, SPF_MECH_A, SPF_MECH_MX, SPF_MECH_PTR, SPF_MECH_IP4, SPF_MECH_IP6, SPF_MECH_EXISTS };

struct spf_term {
    enum spf_mechanism mechanism;
    enum spf_result qualifier;
    span text;                 /* as written */
    span domain;               /* domain-spec, not expanded; empty: the current domain */
    unsigned prefix4, prefix6; /* A, MX */
    struct ipnet net;          /* IP4, IP6 */
};

struct spf_record {
    struct spf_term *terms;
    size_t n;
    span redirect, exp;        /* domain-specs; empty: none */
};

/* Whether a TXT record is an SPF record (4.5). */
bool spf_is_record(span text);
/* false, and what is wrong, where the record breaks the grammar anywhere (4.6). */
bool spf_parse(span text, struct arena *arena, struct spf_record *out, const char **wrong_out);

/* ---- macros (spf_macro.c), section 7 ---- */

struct spf_macros {
    const struct spf_input *input;
    span domain;               /* %{d} */
    span validated;            /* %{p}; empty: "unknown" */
};

enum { SPF_DOMAIN_MAX = 253, SPF_EXPLANATION_MAX = 450 };

/* Whether text keeps the grammar; explanation: c, r and t may be used, and blanks (6.2). */
bool spf_macro_valid(span text, bool explanation);
bool spf_macro_uses_p(span text);
/* Expands text that is valid; what goes beyond max bytes is cut. */
span spf_macro_expand(span text, const struct spf_macros *m, size_t max, struct arena *arena);

#endif
