/* check_ratelimit.c - so many recipients or messages a time, by any key.
 *
 * Limits are looked at and charged at RCPT, where a 4xx can still be given, and only for what no other check refuses.  A recipient is
 * charged once an (instance, recipient), a message at the first recipient of its instance that is let in.  Enforced limits are decided
 * together: when one is exceeded, none is charged.  While the store is away this process counts alone.
 * Keys:      "NAME/VALUE" or "NAME/VALUE|VALUE": lower case; '%', '|' and bytes outside printable ASCII as %XX.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/log.h"
#include "policyd/check.h"
#include "policyd/handover.h"
#include "policyd/limit_local.h"

/* Postfix asks again within seconds: once per list that names the service, and after a lost connection. */
#define ONCE_MS MINUTES(10)

enum { DEFAULT_RETRY_S = 60 };

/* The limits of one mode that apply to a request. */
struct group {
    struct check_run *run;
    struct store_call *call;
    bool open;
    bool asking;                         /* inside store_limits */
    size_t n;
    const struct limit_rule *rules[STORE_LIMITS_MAX];
    struct store_limit limits[STORE_LIMITS_MAX];
    struct store_limits_request ask;
};

struct ratelimit_run {
    struct group enforced, observed;
};

/* ---- keys ---- */

/* Room for every address that can be; what is longer is cut, and such keys share their count. */
struct key_writer {
    char text[4096];
    size_t n;
};

static void key_raw(struct key_writer *w, span s)
{
    if (s.n > sizeof(w->text) - w->n)
        s.n = sizeof(w->text) - w->n;
    if (s.n > 0)
        memcpy(w->text + w->n, s.p, s.n);
    w->n += s.n;
}

static void key_value(struct key_writer *w, span s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t plain = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char coded[3] = { '%', hex[c >> 4], hex[c & 15] };

        if (c > 0x20 && c < 0x7f && c != '%' && c != '|')
            continue;
        key_raw(w, span_of(s.p + plain, i - plain));
        key_raw(w, span_of(coded, 3));
        plain = i + 1;
    }
    key_raw(w, span_from(s, plain));
}

static bool client_value(const struct request *r, const struct limit_key_part *part, char text[IPADDR_TEXT_MAX + 4], span *out)
{
    unsigned prefix = r->client.family == 6 ? part->prefix6 : part->prefix4;

    if (!r->client_plain)
        return false;
    if (prefix == 32 && r->client.family == 4) {
        *out = span_str(r->client_text);
        return true;
    }
    struct ipnet net = ipnet_of(&r->client, prefix);

    ipnet_format(&net, text);
    *out = span_str(text);
    return true;
}

/* The value of a part; false when the request has none, and the limit then does not apply. */
static bool part_value(const struct request *r, const struct limit_key_part *part, char text[IPADDR_TEXT_MAX + 4], span *out)
{
    switch (part->part) {
    case PART_CLIENT:
        return client_value(r, part, text, out);
    case PART_SENDER:
        *out = r->sender.n > 0 ? r->sender : SPAN("<>");   /* bounces have one sender: nobody */
        return true;
    case PART_SENDER_DOMAIN:
        *out = r->sender_domain;
        break;
    case PART_SASL_USERNAME:
        *out = r->login;
        break;
    case PART_RECIPIENT:
        *out = r->recipient;
        break;
    case PART_RECIPIENT_DOMAIN:
        *out = r->recipient_domain;
        break;
    case PART_HELO:
        *out = r->helo;
        break;
    case PART_ALL:
        *out = SPAN("all");
        return true;
    }
    return out->n > 0;
}

static bool limit_key(struct check_run *run, const struct limit_rule *rule, span *key_out)
{
    struct key_writer w;

    w.n = 0;
    key_raw(&w, span_str(rule->set->name));
    for (size_t i = 0; i < rule->n_parts; i++) {
        char text[IPADDR_TEXT_MAX + 4];
        span value = { NULL, 0 };

        if (!part_value(run->req, &rule->parts[i], text, &value))
            return false;
        key_raw(&w, i == 0 ? SPAN("/") : SPAN("|"));
        key_value(&w, value);
    }
    *key_out = arena_span(run->arena, span_of(w.text, w.n));
    return true;
}

/* ---- what was decided ---- */

static const char *retry_text(struct check_run *run, const struct limit_rule *rule, int64_t retry_s)
{
    const char *text = rule->set->text;
    const char *mark;

    if (text == NULL || text[0] == '\0')
        return arena_printf(run->arena, "Rate limit %s exceeded, try again in %lld seconds", rule->set->name, (long long)retry_s);
    if ((mark = strstr(text, "%r")) == NULL)
        return text;
    return arena_printf(run->arena, "%.*s%lld%s", (int)(mark - text), text, (long long)retry_s, mark + 2);
}

static void report_exceeded(struct check_run *run, const struct limit_rule *rule, const struct store_limit_result *r, bool local)
{
    int64_t retry_s = r->retry_ms > 0 ? (r->retry_ms + 999) / 1000 : DEFAULT_RETRY_S;
    struct finding f = {
        .name = rule->finding, .kind = FINDING_HIT, .mode = rule->mode, .wish = rule->wish, .reply = REPLY_OWN_TEXT,
        .text = retry_text(run, rule, retry_s),
        .saw = local ? "exceeded by this process' own count, the store is away" : "exceeded",
    };

    /* What this process alone has counted is no fact about the whole: it may put off, never refuse. */
    if (local && f.wish == WISH_REJECT)
        f.wish = WISH_DEFER;
    if (!run->dry)
        ++*run->services->count.limits_exceeded;
    check_report(run, &f);
}

static void report_fits(struct check_run *run, const struct limit_rule *rule, const struct store_limit_result *r)
{
    struct finding f = { .name = rule->finding, .kind = FINDING_CLEAR, .mode = rule->mode, .saw = "within" };

    if (run->dry)
        f.saw = arena_printf(run->arena, "within, %lld left", (long long)r->left);
    check_report(run, &f);
}

static void remember_charged(struct group *g)
{
    struct message *msg = g->run->message;

    for (size_t i = 0; msg != NULL && i < g->n; i++) {
        if (g->rules[i]->set->count != LIMIT_MESSAGES)
            continue;
        if (msg->charged_serial != g->run->rules->serial) {
            msg->charged_serial = g->run->rules->serial;
            msg->charged = 0;
        }
        msg->charged |= UINT64_C(1) << g->rules[i]->index;
    }
}

static void take_result(struct group *g, const struct store_limits_result *r, bool local)
{
    struct check_run *run = g->run;

    g->open = false;
    for (size_t i = 0; i < g->n; i++) {
        if (r->each[i].exceeded)
            report_exceeded(run, g->rules[i], &r->each[i], local);
        else
            report_fits(run, g->rules[i], &r->each[i]);
    }
    if (r->committed && !run->dry)
        remember_charged(g);
}

static void count_locally(struct group *g, const char *why)
{
    static struct log_fence fence;
    struct services *sv = g->run->services;
    struct store_limits_result r;

    if (log_fence_pass(&fence, loop_now_ms(sv->loop), MINUTES(1)))
        log_warning("limits: the store is away (%s), this process counts alone until it is back", why != NULL ? why : "no answer");
    ++*sv->count.store_down;
    ++*sv->count.limits_local;
    limit_local_decide(sv->local, &g->ask, loop_now_ms(sv->loop), &r);
    take_result(g, &r, true);
}

static void unknown(struct group *g, const char *why)
{
    g->open = false;
    for (size_t i = 0; i < g->n; i++) {
        struct finding f = { .name = g->rules[i]->finding, .kind = FINDING_UNKNOWN, .mode = g->rules[i]->mode, .saw = why };

        check_report(g->run, &f);
    }
}

static void tell(struct check_run *run)
{
    const struct ratelimit_run *st = run->state;
    struct decide_pending pending = { .may_refuse = st->enforced.open };

    if (!st->enforced.open && !st->observed.open)
        return check_done(run);
    check_pending(run, &pending);
    check_step(run);
}

static void limits_decided(const struct store_limits_result *r, void *arg)
{
    struct group *g = arg;

    g->call = NULL;
    if (r->outcome != STORE_DOWN)
        take_result(g, r, false);
    else if (g->run->dry)
        unknown(g, "the store is away");
    else
        count_locally(g, r->why);
    if (!g->asking)
        tell(g->run);
}

/* ---- start ---- */

static bool charged_before(const struct check_run *run, const struct limit_rule *rule)
{
    const struct message *msg = run->message;

    return msg != NULL && rule->set->count == LIMIT_MESSAGES && msg->charged_serial == run->rules->serial &&
           (msg->charged >> rule->index & 1) != 0;
}

static void add_limit(struct group *g, const struct limit_rule *rule)
{
    struct check_run *run = g->run;
    struct finding skipped = { .name = rule->finding, .kind = FINDING_SKIPPED, .mode = rule->mode };
    span key;

    if (run->req->exempt && !rule->set->trusted_too) {
        skipped.saw = request_exempt_why(run->req);
        check_report(run, &skipped);
        return;
    }
    if (!limit_key(run, rule, &key)) {
        skipped.saw = "the request has no such key";
        check_report(run, &skipped);
        return;
    }
    if (charged_before(run, rule)) {
        skipped.saw = "this message was counted";
        check_report(run, &skipped);
        return;
    }
    g->rules[g->n] = rule;
    g->limits[g->n++] = (struct store_limit){
        .key = key, .count = rule->set->rate.count, .per_ms = rule->set->rate.per_ms,
        .burst = rule->set->burst > 0 ? rule->set->burst : rule->set->rate.count,
        .cost = run->dry ? 0 : 1,
    };
}

/* (instance, recipient) names one RCPT, however often Postfix asks about it; each group has its own. */
static span once_key(struct group *g, char group)
{
    const struct request *r = g->run->req;
    span instance = request_attr(r, POLICY_INSTANCE);
    struct key_writer w;

    if (instance.n == 0 || g->run->dry)
        return (span){ NULL, 0 };
    w.n = 0;
    key_raw(&w, span_of(&group, 1));
    key_raw(&w, SPAN("/"));
    key_raw(&w, instance);
    key_raw(&w, SPAN("/"));
    key_raw(&w, request_attr(r, POLICY_CLIENT_ADDRESS));
    key_raw(&w, SPAN("/"));
    key_raw(&w, r->recipient);
    return arena_span(g->run->arena, span_of(w.text, w.n));
}

static void ask_store(struct group *g, char group)
{
    struct services *sv = g->run->services;

    if (g->n == 0)
        return;
    g->ask = (struct store_limits_request){ .limits = g->limits, .n = g->n, .once = once_key(g, group), .once_ms = ONCE_MS };
    if (sv->store == NULL)
        return unknown(g, "no store here");
    g->open = true;
    g->asking = true;
    store_limits(sv->store, &g->ask, limits_decided, g, &g->call);
    g->asking = false;
}

static void ratelimit_start(struct check_run *run)
{
    const struct rules *rules = run->rules;
    struct ratelimit_run *st;

    if (rules->n_limits == 0)
        return check_done(run);
    st = run->state = arena_alloc(run->arena, sizeof(*st));
    st->enforced.run = st->observed.run = run;
    for (size_t i = 0; i < rules->n_limits; i++)
        add_limit(i < rules->n_enforced_limits ? &st->enforced : &st->observed, &rules->limits[i]);
    ask_store(&st->enforced, 'e');
    ask_store(&st->observed, 'o');
    tell(run);
}

static void ratelimit_cancel(struct check_run *run)
{
    struct ratelimit_run *st = run->state;
    struct group *groups[] = { &st->enforced, &st->observed };

    for (size_t i = 0; i < 2; i++) {
        store_cancel(&groups[i]->call);
        if (groups[i]->open && run->overdue && !run->dry)
            count_locally(groups[i], "no answer in time");
        else if (groups[i]->open)
            unknown(groups[i], "not waited for");
    }
}

const struct check check_ratelimit = {
    .name = "ratelimit", .stage = CHECK_CHARGE, .states = CHECK_AT(POLICY_STATE_RCPT), .start = ratelimit_start, .cancel = ratelimit_cancel,
};
