/* check_dnsbl.c - the client, its names or the sender's domain in DNS lists, with weights.
 *
 * Each filter of a list that matches any of its answers adds its weight once, as postscreen(8) has it.
 * All lists are asked at once, each with its own deadline; what does not answer, or answers nonsense, scores nothing.  A list's reason
 * (TXT) is asked for when it has listed somebody, and comes into the reply if it is there in time.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/buf.h"
#include "lib/proto/domain.h"
#include "lib/proto/oneline.h"
#include "policyd/check.h"
#include "policyd/dnsbl_health.h"
#include "policyd/recorded.h"

enum { REASON_MAX = 200, CODES_SHOWN = 6 };

enum ask_state { ASK_OPEN, ASK_HELD, ASK_TEXT, ASK_CLOSED };

/* One question of one request to one list. */
struct ask {
    struct check_run *run;
    const struct dnsbl_rule *rule;
    enum ask_state state;
    struct dnsc_query *query;            /* of the listing, then of its reason */
    struct dnsbl_waiter waiter;          /* ASK_HELD: for the list's first test */
    struct finding *finding;
    const char *codes;
    double points;                       /* of the filters that match */
    bool hold;
    bool asking_reason;                  /* inside ask_reason: its answer came at once, listed() goes on */
};

struct dnsbl_run {
    struct ask *asks;
    size_t n;
    bool starting;
};

static struct finding finding_of(const struct ask *ask, enum finding_kind kind, const char *saw)
{
    return (struct finding){ .name = ask->rule->set->name, .kind = kind, .mode = ask->rule->mode, .saw = saw };
}

/* ---- what is still open ---- */

/* Tells the decision what open questions may still add; true when none is under way any more. */
static bool tell_pending(struct check_run *run)
{
    const struct dnsbl_run *st = run->state;
    struct decide_pending pending = { .low = 0 };
    bool idle = true;

    for (size_t i = 0; i < st->n; i++) {
        const struct ask *ask = &st->asks[i];
        if (ask->state == ASK_CLOSED)
            continue;
        idle = false;
        if (ask->state == ASK_TEXT)
            continue;
        pending.may_refuse |= ask->rule->set->on_failure == FAILURE_DEFER;
        pending.would_low += ask->rule->low;
        pending.would_high += ask->rule->high;
        if (ask->rule->mode == MODE_ENFORCE) {
            pending.low += ask->rule->low;
            pending.high += ask->rule->high;
        }
    }
    check_pending(run, &pending);
    return idle;
}

static void step(struct check_run *run)
{
    const struct dnsbl_run *st = run->state;

    if (st->starting)
        return;
    if (tell_pending(run))
        check_done(run);
    else
        check_step(run);
}

/* ---- the reason ---- */

/* The list's words, in one printable line, with its public name where they hold the zone (which may hold a customer's key). */
static const char *reason(struct ask *ask, span text)
{
    span zone = dnsbl_health_zone(ask->rule->health);
    char *out = arena_alloc(ask->run->arena, REASON_MAX + 1);
    struct buf clean;
    size_t n;

    buf_init(&clean, 4096);
    for (size_t at = 0; at < text.n;) {
        if (zone.n > 0 && span_starts_nocase(span_from(text, at), zone)) {
            buf_append_str(&clean, ask->rule->set->name);
            at += zone.n;
        } else {
            buf_append_char(&clean, text.p[at++]);
        }
    }
    n = oneline_ascii(buf_span(&clean), out, REASON_MAX);
    out[n] = '\0';
    buf_free(&clean);
    return n > 0 ? out : NULL;
}

static void reason_answered(const struct dnsc_answer *a, void *arg)
{
    struct ask *ask = arg;
    const char *text = a->outcome == DNSC_FOUND && a->n > 0 ? reason(ask, a->records[0].text) : NULL;

    ask->query = NULL;
    ask->state = ASK_CLOSED;
    check_text(ask->run, ask->finding, text);
    if (!ask->asking_reason)
        step(ask->run);
}

static span name_of(int kind, const struct request *r)
{
    return kind == DNSBL_HELO ? r->helo : kind == DNSBL_SENDER ? r->sender_domain : r->host;
}

static bool query_name(const struct ask *ask, char text[DNSBL_NAME_MAX], span *name_out)
{
    const struct request *r = ask->run->req;
    span zone = dnsbl_health_zone(ask->rule->health), normal;
    char domain[DOMAIN_TEXT_MAX];

    if (ask->rule->set->kind == DNSBL_CLIENT)
        return r->client_plain && dnsbl_query_address(&r->client, zone, text, name_out);
    if (domain_normalise(name_of(ask->rule->set->kind, r), domain, &normal) != DOMAIN_OK)
        return false;
    return domain_is_fqdn(normal) && dnsbl_query_domain(normal, zone, text, name_out);
}

static void ask_reason(struct ask *ask)
{
    char text[DNSBL_NAME_MAX];
    span name;

    ask->state = ASK_TEXT;
    ask->asking_reason = true;
    if (query_name(ask, text, &name))    /* it could be made for the listing */
        dnsc_ask(ask->run->rules->resolver->dnsc, name, DNSC_TXT, ask->rule->set->timeout_ms, reason_answered, ask, &ask->query);
    ask->asking_reason = false;
}

/* ---- the listing ---- */

static void listed(struct ask *ask)
{
    struct finding f = finding_of(ask, FINDING_HIT, ask->codes);
    bool wants_reason = ask->points > 0 && ask->run->services->recorded == NULL;

    f.points = ask->points;
    f.listing = true;
    f.text_pending = wants_reason;
    ++*ask->run->services->count.dns_listed;
    ask->state = ASK_CLOSED;
    ask->finding = check_report(ask->run, &f);
    if (wants_reason && ask->finding != NULL)
        ask_reason(ask);
    step(ask->run);
}

static void closed(struct ask *ask, enum finding_kind kind, const char *saw)
{
    struct finding f = finding_of(ask, kind, saw);

    if (kind == FINDING_UNKNOWN && ask->rule->set->on_failure == FAILURE_DEFER && ask->run->services->recorded == NULL) {
        f.kind = FINDING_HIT;
        f.wish = WISH_DEFER;
        f.reply = REPLY_OWN_TEXT;
        f.text = "A DNS list cannot be looked up now, try again later";
    }

    ask->state = ASK_CLOSED;
    check_report(ask->run, &f);
    step(ask->run);
}

/* The list's first test has ended while its answer was held. */
static void test_ended(void *arg)
{
    struct ask *ask = arg;

    if (dnsbl_health_state(ask->rule->health) == DNSBL_UP)
        listed(ask);
    else
        closed(ask, FINDING_UNKNOWN, "listed, but the list has not passed its test");
}

static const char *codes_text(struct arena *arena, const struct dnsc_answer *a)
{
    char text[CODES_SHOWN * IPADDR_TEXT_MAX];
    size_t n = 0;

    for (size_t i = 0; i < a->n && i < CODES_SHOWN; i++) {
        char one[IPADDR_TEXT_MAX];
        size_t len;

        ipaddr_format(&a->records[i].addr, one);
        len = strlen(one);
        if (i > 0)
            text[n++] = ',';
        memcpy(text + n, one, len);
        n += len;
    }
    return arena_str(arena, span_of(text, n));
}

static bool any_matches(const struct dnsbl_filter *filter, const struct dnsc_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        if (dnsbl_filter_match(filter, &a->records[i].addr))
            return true;
    }
    return false;
}

/* A refusal among several codes spoils them all. */
static enum dnsbl_verdict classify(struct ask *ask, const struct dnsc_answer *a, struct ipaddr *refusal_out)
{
    const struct dnsbl_rule *rule = ask->rule;
    bool listed_by_default = false, any = false;

    for (size_t i = 0; i < a->n; i++) {
        enum dnsbl_verdict one = dnsbl_classify(&a->records[i].addr, NULL);

        if (one == DNSBL_REFUSED) {
            *refusal_out = a->records[i].addr;
            return DNSBL_REFUSED;
        }
        listed_by_default |= one == DNSBL_LISTED;
    }
    if (rule->n_codes == 0) {
        ask->points = rule->set->weight;
        return listed_by_default ? DNSBL_LISTED : DNSBL_NOT_MATCHED;
    }
    ask->points = 0;
    for (size_t c = 0; c < rule->n_codes; c++) {
        if (!any_matches(&rule->codes[c].filter, a))
            continue;
        any = true;
        ask->points += rule->codes[c].weight;
    }
    return any ? DNSBL_LISTED : DNSBL_NOT_MATCHED;
}

static void codes_came(struct ask *ask, const struct dnsc_answer *a)
{
    struct counters *count = &ask->run->services->count;
    struct ipaddr refusal;
    const char *why;

    ask->codes = codes_text(ask->run->arena, a);
    switch (classify(ask, a, &refusal)) {
    case DNSBL_REFUSED:
        ++*count->dns_refusal;
        dnsbl_health_refused(ask->rule->health, &refusal);
        closed(ask, FINDING_UNKNOWN, arena_printf(ask->run->arena, "refused: %s", ask->codes));
        break;
    case DNSBL_NOT_MATCHED:
        ++*count->dns_odd;
        closed(ask, FINDING_CLEAR, arena_printf(ask->run->arena, "%s, not a code that counts", ask->codes));
        break;
    case DNSBL_LISTED:
        if (!ask->hold) {
            listed(ask);
        } else if (dnsbl_health_use(ask->rule->health, &why) != DNSBL_ASK_AND_HOLD) {
            test_ended(ask);
        } else {
            ask->state = ASK_HELD;
            dnsbl_health_wait(ask->rule->health, &ask->waiter, test_ended, ask);
        }
        break;
    }
}

static void listing_answered(const struct dnsc_answer *a, void *arg)
{
    struct ask *ask = arg;
    struct counters *count = &ask->run->services->count;

    ask->query = NULL;
    dnsbl_health_outcome(ask->rule->health, a->outcome, a->from_cache);
    switch (a->outcome) {
    case DNSC_FOUND:
        codes_came(ask, a);
        break;
    case DNSC_NXDOMAIN:
    case DNSC_NODATA:
        ++*count->dns_clear;
        closed(ask, FINDING_CLEAR, "not listed");
        break;
    case DNSC_TIMEOUT:
        ++*count->dns_timeout;
        closed(ask, FINDING_UNKNOWN, "timeout");
        break;
    default:
        ++*count->dns_failed;
        closed(ask, FINDING_UNKNOWN, dnsc_outcome_name(a->outcome));
        break;
    }
}

/* ---- what the list said when the request was decided first ---- */

/* "127.0.0.2,127.0.0.4", or "127.0.0.9, not a code that counts": the codes; n is 0 when the text holds none. */
static void recorded_codes(const char *saw, struct dnsc_record *records, struct dnsc_answer *a)
{
    span rest = span_str(saw), piece;

    *a = (struct dnsc_answer){ .outcome = DNSC_FOUND, .records = records };
    while (a->n < CODES_SHOWN && span_next(&rest, ',', &piece) && ipaddr_parse(span_trim(piece), &records[a->n].addr))
        a->n++;
}

static void take_recorded(struct ask *ask)
{
    const struct recorded_fact *f = recorded_fact(ask->run->services->recorded, "dnsbl", ask->rule->set->name);
    struct dnsc_record records[CODES_SHOWN];
    struct dnsc_answer answer;

    memset(records, 0, sizeof(records));
    if (f == NULL || f->kind == FINDING_SKIPPED)
        return closed(ask, FINDING_UNKNOWN, NOT_RECORDED);
    recorded_codes(f->saw, records, &answer);
    if (f->kind != FINDING_UNKNOWN && answer.n > 0)
        codes_came(ask, &answer);
    else
        closed(ask, f->kind == FINDING_UNKNOWN ? FINDING_UNKNOWN : FINDING_CLEAR, f->saw);
}

/* ---- start and end ---- */

/* Why this list is not asked about this request; NULL when it is. */
static const char *why_not(struct ask *ask, char text[DNSBL_NAME_MAX], span *name_out)
{
    static const char *const nothing[] = { "no client address", "helo is no domain name", "sender has no domain", "the client has no confirmed name" };
    const char *why = NULL;
    enum dnsbl_use use;

    if (ask->rule->mode == MODE_OFF)
        return "off";
    if (ask->run->services->recorded != NULL)
        return query_name(ask, text, name_out) ? NULL : nothing[ask->rule->set->kind];
    use = dnsbl_health_use(ask->rule->health, &why);
    if (use == DNSBL_DO_NOT_ASK)
        return why;
    ask->hold = use == DNSBL_ASK_AND_HOLD;
    return query_name(ask, text, name_out) ? NULL : nothing[ask->rule->set->kind];
}

static void ask_list(struct ask *ask)
{
    char text[DNSBL_NAME_MAX];
    span name = { NULL, 0 };
    const char *skip = why_not(ask, text, &name);

    if (skip != NULL) {
        struct finding f = finding_of(ask, FINDING_SKIPPED, skip);

        ask->state = ASK_CLOSED;
        ++*ask->run->services->count.dns_skipped;
        check_report(ask->run, &f);
        return;
    }
    if (ask->run->services->recorded != NULL)
        return take_recorded(ask);
    dnsc_ask(ask->run->rules->resolver->dnsc, name, DNSC_A, ask->rule->set->timeout_ms, listing_answered, ask, &ask->query);
}

static void dnsbl_start(struct check_run *run)
{
    const struct rules *rules = run->rules;
    struct dnsbl_run *st;

    if (run->req->exempt) {
        check_skip(run, "dnsbl", MODE_ENFORCE, request_exempt_why(run->req));
        return check_done(run);
    }
    st = run->state = arena_alloc(run->arena, sizeof(*st));
    st->asks = arena_alloc(run->arena, rules->n_dnsbl * sizeof(*st->asks));
    st->n = rules->n_dnsbl;
    st->starting = true;
    for (size_t i = 0; i < st->n; i++) {
        st->asks[i].run = run;
        st->asks[i].rule = &rules->dnsbl[i];
    }
    for (size_t i = 0; i < st->n; i++)
        ask_list(&st->asks[i]);          /* cached answers come inside */
    st->starting = false;
    step(run);
}

static void watch(struct ask *ask)
{
    char text[DNSBL_NAME_MAX];
    span name;

    if (ask->state == ASK_OPEN && ask->query != NULL && !ask->run->dry && query_name(ask, text, &name))
        dnsbl_health_watch(ask->rule->health, name, ask->rule->set->timeout_ms);
}

static void dnsbl_cancel(struct check_run *run)
{
    struct dnsbl_run *st = run->state;

    for (size_t i = 0; st != NULL && i < st->n; i++) {
        struct ask *ask = &st->asks[i];

        watch(ask);                      /* before it is cancelled: both are one question then */
        dnsc_cancel(&ask->query);
        dnsbl_health_unwait(&ask->waiter);
        if (ask->state == ASK_OPEN || ask->state == ASK_HELD) {
            struct finding f = finding_of(ask, FINDING_UNKNOWN, run->overdue ? "no answer in time" : "not waited for");

            check_report(run, &f);
        }
        ask->state = ASK_CLOSED;
    }
}

static bool dnsbl_in_use(const struct rules *rules)
{
    return rules->n_dnsbl > 0;
}

const struct check check_dnsbl = { .name = "dnsbl", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = dnsbl_in_use, .start = dnsbl_start, .cancel = dnsbl_cancel };
