/* verdict.h - from what was found to what is done: the one place where scores and actions are decided.
 *
 * Pure: settings, facts and circumstances in, an action with its reasons out.  No clock, no log, no socket.
 * Rules, the first that applies: a found virus rejects; a message that was not scanned gets the action of its class (timeout, crashed,
 * engine; put off too often: `unscannable`).  Of the rest the strongest action counts: that of each class of what could not be checked or is
 * suspicious (verdict_class.h), and that of spam by its points, to which a class may add some, once.
 * Trusted mail (logins, own networks, submission) is exempt from what scores and tags, never from the virus scan: what rejects or defers.
 * Units:     points, bytes, milliseconds.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_VERDICT_H
#define GATEPOST_CFILTER_VERDICT_H

#include "cfilter/facts.h"
#include "cfilter/scan.h"
#include "lib/settings/settings.h"

enum verdict_action { VERDICT_ACCEPT, VERDICT_TAG, VERDICT_REJECT, VERDICT_DEFER };
enum verdict_cause {
    CAUSE_NONE,
    CAUSE_VIRUS,          /* `name` is the signature */
    CAUSE_SPAM,
    CAUSE_UNSCANNABLE,    /* tried often enough: `name` says why it cannot be scanned */
    CAUSE_NOT_SCANNED,    /* this time: crash, timeout, no engine; `name` says why */
    CAUSE_UNCHECKED,      /* encrypted, over a limit, parsers disagree: `name` is what */
    CAUSE_SHAPE,          /* malformed in a way of the short list: `name` is the shape */
    CAUSE_HEURISTIC,      /* libclamav suspects it: `name` is the heuristic's */
};
const char *verdict_action_name(enum verdict_action a);     /* "accept" "tag" "reject" "defer" */
const char *verdict_cause_name(enum verdict_cause c);

enum { VERDICT_REASONS_MAX = 32 };

struct verdict_lookup_failure {
    const char *scanner, *why;
};

struct verdict_input {
    const struct settings *set;
    bool trusted;
    uint64_t size;
    bool scanned;                       /* a worker was asked (filter.mode off: no) */
    enum scan_outcome outcome;
    const char *why;                    /* of an outcome other than SCAN_DONE; may be NULL */
    const struct facts *facts;          /* of the worker; NULL unless SCAN_DONE */
    const struct facts *lookups;        /* of the lookup scanners; may be NULL */
    const struct verdict_lookup_failure *failures;
    size_t n_failures;
    bool spam_tags;                     /* spam is marked where it would be refused: other recipients take it (mixed.h) */
    int64_t tries, since_first_ms;      /* of an unscannable message, this time included; 0: not known */
};

struct verdict_reason {
    const char *scanner, *name, *detail;    /* point into the facts, or `why` */
    const char *klass, *does;               /* class ("limit") and its action ("tag"); "" where there is none */
    enum fact_kind kind;
    double points;
};

struct verdict {
    enum verdict_action action;         /* what is done */
    enum verdict_cause cause;
    enum verdict_action would;          /* what enforcing would have done; equal to `action` unless a part only observes */
    enum verdict_cause would_cause;
    bool mark_subject;                  /* with VERDICT_TAG: the message counts as spam */
    bool scored;                        /* the spam rules applied */
    double score;
    const char *klass;                  /* of `cause`, or of would_cause: the name of its setting ("encrypted_archive", "crashed"), or "" */
    char name[FACT_NAME_MAX];           /* the same one's */
    char detail[FACT_DETAIL_MAX];
    uint32_t classes;                   /* a bit for each enum fact_class that was found */
    size_t n;
    struct verdict_reason reasons[VERDICT_REASONS_MAX];   /* dearest first after the viruses */
    size_t n_failures;
    const struct verdict_lookup_failure *failures;
};

/* Which scanners are wanted for a message. */
bool verdict_wants_virus(const struct settings *set);
bool verdict_wants_spam(const struct settings *set, bool trusted, uint64_t size);
/* The header is ours to change: fields that came with the message go, ours come.  Observing changes nothing. */
bool verdict_may_edit(const struct settings *set);
enum mode verdict_mode(const struct settings *set);         /* of what is neither virus nor spam */

/* The message itself is why it was not scanned (crash, timeout, garbage, incomplete): such tries are counted. */
bool verdict_is_unscannable(enum scan_outcome outcome, const struct facts *facts);

void verdict_make(const struct verdict_input *in, struct verdict *out);

#endif
