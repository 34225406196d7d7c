/* services.c - what the checks of policyd share beyond one request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/services.h"

#include "lib/base/lru.h"
#include "policyd/eval.h"
#include "policyd/grey_told.h"
#include "policyd/hook.h"
#include "policyd/limit_commit.h"
#include "policyd/limit_local.h"
#include "policyd/marks.h"

enum { MESSAGES_KEPT = 20000, LOCAL_KEYS = 100000, ANSWER_MAX = 16 * 1024 };

struct counter_row {
    size_t at;
    const char *name, *label, *value, *help;
};
#define AT(f) offsetof(struct counters, f)
#define DECISIONS "policy_decisions", "outcome"
#define ANSWERS   "policy_dnsbl_answers", "kind"
#define RULES     "policy_rule_hits", "rule"

static const struct counter_row rows[] = {
    { AT(requests), "policy_requests", NULL, NULL, "Access requests read." },
    { AT(passed), DECISIONS, "pass", "Decisions about a recipient, by what was answered." },
    { AT(deferred), DECISIONS, "defer", "Decisions about a recipient, by what was answered." },
    { AT(rejected), DECISIONS, "reject", "Decisions about a recipient, by what was answered." },
    { AT(observed), DECISIONS, "observe", "Decisions about a recipient, by what was answered." },
    { AT(dunno), "policy_dunno", NULL, NULL, "Requests in states that are not judged." },
    { AT(handed_over), "policy_handed_over", NULL, NULL, "Messages handed over to cfilter with what is known of them." },
    { AT(overdue), "policy_overdue", NULL, NULL, "Decisions made without an answer that did not come in time." },
    { AT(junk), "policy_junk", NULL, NULL, "Connections closed because of bytes that are no access request." },
    { AT(store_down), "policy_store_down", NULL, NULL, "Limits asked for while the store was away." },
    { AT(findings_lost), "policy_findings_lost", NULL, NULL, "Findings of checks beyond what one decision holds." },
    { AT(dns_listed), ANSWERS, "listed", "Answers of DNS lists." },
    { AT(dns_clear), ANSWERS, "not_listed", "Answers of DNS lists." },
    { AT(dns_odd), ANSWERS, "other_code", "Answers of DNS lists." },
    { AT(dns_refusal), ANSWERS, "refusal", "Answers of DNS lists." },
    { AT(dns_timeout), ANSWERS, "timeout", "Answers of DNS lists." },
    { AT(dns_failed), ANSWERS, "failure", "Answers of DNS lists." },
    { AT(dns_skipped), ANSWERS, "not_asked", "Answers of DNS lists." },
    { AT(limits_exceeded), RULES, "limit", "Hits of rules, observed ones too." },
    { AT(spoofed), RULES, "spoof", "Hits of rules, observed ones too." },
    { AT(denied), RULES, "deny", "Hits of rules, observed ones too." },
    { AT(allowed), RULES, "allow", "Hits of rules, observed ones too." },
    { AT(custom), RULES, "custom", "Hits of rules, observed ones too." },
    { AT(helo), RULES, "helo", "Hits of rules, observed ones too." },
    { AT(recipients), RULES, "recipients", "Hits of rules, observed ones too." },
    { AT(blocked), RULES, "blocked", "Hits of rules, observed ones too." },
    { AT(spf_results[0]), "policy_spf", "result", "none", "Results of SPF." },
    { AT(spf_results[1]), "policy_spf", "result", "neutral", "Results of SPF." },
    { AT(spf_results[2]), "policy_spf", "result", "pass", "Results of SPF." },
    { AT(spf_results[3]), "policy_spf", "result", "fail", "Results of SPF." },
    { AT(spf_results[4]), "policy_spf", "result", "softfail", "Results of SPF." },
    { AT(spf_results[5]), "policy_spf", "result", "temperror", "Results of SPF." },
    { AT(spf_results[6]), "policy_spf", "result", "permerror", "Results of SPF." },
    { AT(greylisted), "policy_greylist", "answer", "wait", "What greylisting said." },
    { AT(grey_passed), "policy_greylist", "answer", "came_again", "What greylisting said." },
    { AT(grey_automatic), "policy_greylist", "answer", "automatic", "What greylisting said." },
    { AT(grey_known), "policy_greylist", "answer", "known_sender", "What greylisting said." },
    { AT(refused_after), "policy_refused_after", NULL, NULL, "Messages that cfilter refused or put off after limits were charged." },
    { AT(hooks), "policy_hooks", NULL, NULL, "Exceeded limits that policy.hook was told of." },
    { AT(hooks_failed), "policy_hooks_failed", NULL, NULL, "Exceeded limits that policy.hook could not be told of." },
    { AT(limits_local), "policy_limits_local", NULL, NULL, "Limits counted by this process alone." },
};

void counters_init(struct counters *c, struct stats *s)
{
    static uint64_t nobody;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t **slot = (uint64_t **)((char *)c + rows[i].at);

        *slot = s != NULL ? stats_counter(s, rows[i].name, rows[i].help, rows[i].label, rows[i].value) : &nobody;
    }
}

void services_open(struct services *s, struct loop *l, struct stats *stats)
{
    *s = (struct services){ .loop = l };
    counters_init(&s->count, stats);
    s->local = limit_local_new(LOCAL_KEYS);
    s->grey_told = grey_told_new();
    s->messages = handover_memory_new(MESSAGES_KEPT);
    buf_init(&s->answer, ANSWER_MAX);
    buf_init(&s->field, ANSWER_MAX);
}

void services_close(struct services *s)
{
    eval_free_idle(s);
    hook_free(&s->hook);
    marks_free(&s->marks);
    limit_commits_stop(s);
    lru_free(&s->grey_told);
    limit_local_free(&s->local);
    handover_memory_free(&s->messages);
    buf_free(&s->answer);
    buf_free(&s->field);
}
