/* check_lua.c - the postmaster's own script, policy.lua: asked in a process of its own, with what it asks on the way answered from here.
 *
 * It sees the request and every hit of the other checks; so it comes after them, for logins and trusted networks too.  What it returns
 * are hits like any other; together they give LUA_POINTS_MAX points at most.  A script that fails, or runs into its deadline, says nothing.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <jansson.h>

#include "lib/app/log.h"
#include "lib/base/json_out.h"
#include "lib/net/child.h"
#include "policyd/check.h"
#include "policyd/handover.h"
#include "policyd/lua_child.h"
#include "policyd/recorded.h"

#define LUA_POINTS_MAX 100.0
#define REFUSAL SPAN("!nobody waits for it")

enum { JOB_MAX = CHILD_MESSAGE_MAX - 1024, WORDS_MAX = 4, RECYCLE_AFTER = 100000, QUEUE_MAX = 2000 };

struct lua_run {
    struct check_run *run;
    struct child_job *job;
    struct dnsc_query *query;
    struct store_call *call;
    struct store_limit limit;
    double points;                       /* so far */
};

static const struct child_spec process = { .role = "lua" };

/* ---- findings ---- */

static void fail(struct check_run *run, const char *why)
{
    static struct log_fence fence;
    struct finding f = { .name = "lua", .kind = FINDING_UNKNOWN, .mode = run->rules->lua.mode, .saw = why };

    if (!run->dry && log_fence_pass(&fence, loop_now_ms(run->services->loop), SECONDS(10)))
        log_warning("policy.lua: %s", why);
    if (run->rules->lua.set->on_failure == FAILURE_DEFER) {
        f.kind = FINDING_HIT;
        f.wish = WISH_DEFER;
        f.reply = REPLY_OWN_TEXT;
        f.text = "A check cannot be made now, try again later";
    }
    check_report(run, &f);
}

static const char *text_of(json_t *hit, const char *key, struct check_run *run)
{
    const char *text = json_string_value(json_object_get(hit, key));

    return text != NULL && text[0] != '\0' ? arena_str(run->arena, span_str(text)) : NULL;
}

/* Names stand in logs and replies. */
static const char *name_of(json_t *hit, struct check_run *run)
{
    const char *name = text_of(hit, "name", run);
    size_t n = name != NULL ? strlen(name) : 0;

    if (n == 0 || n > 60 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n)
        return "lua";
    return name;
}

static bool take_action(json_t *hit, struct check_run *run, struct finding *f)
{
    static const struct { const char *word; enum wish wish; } actions[] = {
        { "score", WISH_NONE }, { "allow", WISH_ALLOW }, { "defer", WISH_DEFER }, { "reject", WISH_REJECT }, { "prepend", WISH_NONE },
    };
    const char *word = text_of(hit, "action", run);

    if (word == NULL)
        return true;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(word, actions[i].word) == 0) {
            f->wish = actions[i].wish;
            return true;
        }
    }
    return false;
}

/* A field that Postfix' grammar does not take would let the message pass without it, so nothing is prepended. */
static const char *header_of(json_t *hit, struct check_run *run)
{
    const char *header = text_of(hit, "header", run);
    size_t name = header != NULL ? strcspn(header, ": \t") : 0;

    if (header == NULL || name == 0 || header[name] != ':' || strpbrk(header, "\r\n") != NULL || strlen(header) > 900)
        return NULL;
    return header;
}

static void take_hit(struct lua_run *l, json_t *hit)
{
    struct check_run *run = l->run;
    double points = json_number_value(json_object_get(hit, "points"));
    struct finding f = { .name = name_of(hit, run), .kind = FINDING_HIT, .mode = run->rules->lua.mode };

    if (!take_action(hit, run, &f))
        return fail(run, arena_printf(run->arena, "action is none of score, allow, defer, reject, prepend (hit %s)", f.name));
    if (!(points >= -LUA_POINTS_MAX - l->points))
        points = -LUA_POINTS_MAX - l->points;
    if (points > LUA_POINTS_MAX - l->points)
        points = LUA_POINTS_MAX - l->points;
    l->points += points;
    f.points = points;
    f.text = text_of(hit, "text", run);
    f.reply = f.text != NULL ? REPLY_OWN_TEXT : REPLY_DENIED;
    f.prepend = header_of(hit, run);
    f.saw = "the script says so";
    check_report(run, &f);
}

static void take_answer(struct lua_run *l, span reply)
{
    json_t *j = json_loadb(reply.p, reply.n, 0, NULL), *hit;
    const char *error = json_string_value(json_object_get(j, "error"));
    size_t i;

    if (error != NULL)
        fail(l->run, arena_str(l->run->arena, span_str(error)));
    else if (!json_is_array(json_object_get(j, "hits")))
        fail(l->run, "its process gave an odd answer");
    json_array_foreach(json_object_get(j, "hits"), i, hit)
        take_hit(l, hit);
    if (l->run->dry && error == NULL && json_array_size(json_object_get(j, "hits")) == 0)
        check_report(l->run, &(struct finding){ .name = "lua", .kind = FINDING_CLEAR, .mode = l->run->rules->lua.mode, .saw = "nothing" });
    json_decref(j);
}

static void on_done(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    static const char *const words[] = { [CHILD_TIMED_OUT] = "the script was ended at policy.lua.timeout", [CHILD_CRASHED] = "the script's process died",
                                         [CHILD_UNAVAILABLE] = "no process was free for the script in time" };
    struct lua_run *l = arg;

    (void)fds;
    (void)nfds;
    l->job = NULL;
    dnsc_cancel(&l->query);
    store_cancel(&l->call);
    if (outcome == CHILD_ANSWERED)
        take_answer(l, reply);
    else
        fail(l->run, words[outcome]);
    check_done(l->run);
}

/* ---- what the script asks ---- */

static void say(struct lua_run *l, span answer)
{
    if (l->job != NULL)
        child_pool_say(l->job, answer);
}

static bool in_names(const struct rules *r, span name, span value, bool *found_out)
{
    const struct set_name_list *lists = r->set->policy.lists.v;

    if (span_eq(name, SPAN("own_domains"))) {
        *found_out = value.n > 0 && settings_own_domain(r->set, value);
        return true;
    }
    for (size_t i = 0; i < r->set->policy.lists.n; i++) {
        if (!span_eq(span_str(lists[i].name), name))
            continue;
        *found_out = name_list_has_mailbox(&r->lists[i], value, span_find(value, '@') < value.n ? span_from(value, span_rfind(value, '@') + 1) : value);
        return true;
    }
    return false;
}

static void ask_list(struct lua_run *l, span name, span value)
{
    const struct rules *r = l->run->rules;
    const struct conf_nets *nets = settings_network(r->set, arena_str(l->run->arena, name));
    struct ipaddr a;
    bool found = false;

    if (nets != NULL)
        found = ipaddr_parse(value, &a) && ipnet_list_contains(nets->v, nets->n, &a);
    else if (!in_names(r, name, arena_lower(l->run->arena, value), &found))
        return say(l, SPAN("!no such list under policy.lists or networks"));
    say(l, found ? SPAN("+") : SPAN("-"));
}

static void dns_answered(const struct dnsc_answer *a, void *arg)
{
    struct lua_run *l = arg;
    struct buf text;

    l->query = NULL;
    buf_init(&text, JOB_MAX / 2);
    buf_append_char(&text, a->outcome == DNSC_FOUND ? '+' : a->outcome == DNSC_NXDOMAIN || a->outcome == DNSC_NODATA ? '-' : '!');
    for (size_t i = 0; a->outcome == DNSC_FOUND && i < a->n; i++) {
        char address[IPADDR_TEXT_MAX];
        span one = a->records[i].text;

        if (a->records[i].addr.family != 0) {
            ipaddr_format(&a->records[i].addr, address);
            one = span_str(address);
        }
        buf_append(&text, one);
        buf_append_char(&text, '\0');
    }
    if (a->outcome != DNSC_FOUND)
        buf_append_str(&text, dnsc_outcome_name(a->outcome));
    say(l, text.overflow ? SPAN("!the answer is too long") : buf_span(&text));
    buf_free(&text);
}

static void ask_dns(struct lua_run *l, span name, span type)
{
    static const struct { const char *word; enum dnsc_type type; } types[] = {
        { "A", DNSC_A }, { "AAAA", DNSC_AAAA }, { "MX", DNSC_MX }, { "TXT", DNSC_TXT }, { "PTR", DNSC_PTR },
    };

    for (size_t i = 0; l->run->rules->resolver != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (span_eq_nocase(type, span_str(types[i].word)))
            return dnsc_ask(l->run->rules->resolver->dnsc, name, types[i].type, l->run->rules->lua.set->timeout_ms, dns_answered, l, &l->query);
    }
    say(l, SPAN("!a type is A, AAAA, MX, TXT or PTR"));
}

static void recalled(const struct store_value_result *r, void *arg)
{
    struct lua_run *l = arg;
    struct buf text;

    l->call = NULL;
    if (r->outcome != STORE_HIT)
        return say(l, r->outcome == STORE_MISS ? SPAN("-") : SPAN("!the store is away"));
    buf_init(&text, STORE_VALUE_MAX + 1);
    buf_append_char(&text, '+');
    buf_append(&text, r->value);
    say(l, buf_span(&text));
    buf_free(&text);
}

static void ask_remember(struct lua_run *l, span key, span value, span seconds)
{
    uint64_t s;

    if (!span_to_u64(seconds, &s) || s == 0 || s > 400 * 86400 || value.n > STORE_VALUE_MAX)
        return say(l, SPAN("!remember(key, value, seconds): at most 4096 bytes, for 1 to 34560000 seconds"));
    if (!l->run->dry)
        store_remember(l->run->services->store, "lua", key, value, (int64_t)s * 1000, 0, NULL, NULL);
    say(l, SPAN("+"));
}

static void counted(const struct store_limits_result *r, void *arg)
{
    struct lua_run *l = arg;

    l->call = NULL;
    say(l, r->outcome != STORE_HIT ? SPAN("!the store is away") : r->each[0].exceeded ? SPAN("-") : SPAN("+"));
}

static void ask_count(struct lua_run *l, span key, span most, span seconds)
{
    uint64_t n, s;

    if (!span_to_u64(most, &n) || !span_to_u64(seconds, &s) || n == 0 || n > 1000000000 || s == 0 || s > 400 * 86400)
        return say(l, SPAN("!count(key, n, seconds): whole numbers above 0"));
    l->limit = (struct store_limit){ .count = (int64_t)n, .per_ms = (int64_t)s * 1000, .burst = (int64_t)n, .cost = !l->run->dry, .want = 1 };
    l->limit.key = span_str(arena_printf(l->run->arena, "lua/%.*s", SPAN_ARG(key)));
    store_limits(l->run->services->store, &(struct store_limits_request){ .limits = &l->limit, .n = 1 }, counted, l, &l->call);
}

static void answer_question(span question, void *arg)
{
    struct lua_run *l = arg;
    span words[WORDS_MAX] = { { NULL, 0 } }, rest = arena_span(l->run->arena, span_from(question, 1));

    for (size_t i = 0; i < WORDS_MAX && rest.n > 0; i++)
        span_next(&rest, '\0', &words[i]);
    if (span_eq(words[0], SPAN("list"))) {
        ask_list(l, words[1], words[2]);
    } else if (span_eq(words[0], SPAN("dns"))) {
        ask_dns(l, words[1], words[2]);
    } else if (span_eq(words[0], SPAN("log"))) {
        log_info("lua: %.*s", SPAN_ARG(span_head(words[1], 500)));
        say(l, SPAN("+"));
    } else if (l->run->services->store == NULL) {
        say(l, SPAN("!there is no store here"));
    } else if (span_eq(words[0], SPAN("recall"))) {
        store_recall(l->run->services->store, "lua", words[1], 0, recalled, l, &l->call);
    } else if (span_eq(words[0], SPAN("remember"))) {
        ask_remember(l, words[1], words[2], words[3]);
    } else if (span_eq(words[0], SPAN("count"))) {
        ask_count(l, words[1], words[2], words[3]);
    } else {
        say(l, SPAN("!no such question"));
    }
}

/* ---- the request ---- */

static void put_hits(struct json_out *j, const struct check_run *run)
{
    size_t n;
    struct finding *const *found = check_findings(run, &n);
    double score = 0;

    json_object_begin(j, "hits");
    for (size_t i = 0; i < n; i++) {
        if (found[i]->kind != FINDING_HIT || (found[i]->mode != MODE_ENFORCE && run->rules->lua.mode == MODE_ENFORCE))
            continue;
        json_num(j, found[i]->name, found[i]->points);
        score += found[i]->points;
    }
    json_object_end(j);
    json_num(j, "score", score);
}

static void put_request(struct json_out *j, const struct check_run *run)
{
    const struct request *r = run->req;
    char country[3];

    json_object_begin(j, "request");
    for (int a = 0; a < POLICY_ATTRS; a++) {
        enum policy_attr attr = (enum policy_attr)a;

        if (attr == POLICY_SIZE || attr == POLICY_RECIPIENT_COUNT)
            json_int(j, policy_attr_name(attr), (int64_t)policy_request_number(&r->attrs, attr));
        else
            json_str(j, policy_attr_name(attr), request_attr(r, attr));
    }
    json_cstr(j, "client", r->client_text);
    country_of(run->rules->countries, &r->client, country);
    json_cstr(j, "country", country);
    json_str(j, "sender_domain", r->sender_domain);
    json_str(j, "recipient_domain", r->recipient_domain);
    json_str(j, "host", r->host);
    json_bool(j, "trusted", r->trusted);
    json_bool(j, "submission", r->submission);
    json_int(j, "recipients", r->state == POLICY_STATE_RCPT ? (int64_t)message_recipients_with(run->message, r->recipient)
                                                          : (int64_t)policy_request_number(&r->attrs, POLICY_RECIPIENT_COUNT));
    if (run->facts->spf_known)
        json_cstr(j, "spf", spf_result_name(run->facts->spf));
    put_hits(j, run);
    json_object_end(j);
}

static bool make_job(const struct check_run *run, struct buf *to)
{
    struct json_out j;

    buf_init(to, JOB_MAX);
    json_begin(&j, to);
    json_cstr(&j, "function", run->req->state == POLICY_STATE_RCPT ? "rcpt" : run->req->state == POLICY_STATE_DATA ? "data" : "end_of_message");
    put_request(&j, run);
    json_end(&j);
    return !to->overflow;
}

/* ---- start and end ---- */

static void on_note(struct child_pool *p, const char *what, void *arg)
{
    static struct log_fence fence;

    (void)p;
    if (log_fence_pass(&fence, loop_now_ms(arg), SECONDS(10)))
        log_warning("policy.lua: %s", what);
}

static struct child_pool *pool_of(const struct check_run *run)
{
    const struct lua_rule *lua = &run->rules->lua;
    struct child_spec spec = process;

    if (*lua->pool != NULL)
        return *lua->pool;
    spec.args = lua->args;
    *lua->pool = child_pool_new_exec(run->services->loop,
                                    &(struct child_pool_spec){ .workers = (size_t)lua->set->workers, .recycle_after_jobs = RECYCLE_AFTER,
                                                               .restart_delay_ms = 100, .queue_limit = QUEUE_MAX, .on_note = on_note,
                                                               .supply_arg = run->services->loop, .is_interim = lua_child_asks,
                                                               .interim = answer_question, .interim_refusal = REFUSAL },
                                    &spec);
    return *lua->pool;
}

static void lua_start(struct check_run *run)
{
    const struct lua_rule *lua = &run->rules->lua;
    struct lua_run *l;
    struct buf job;

    if (lua->mode == MODE_OFF || (lua->states & CHECK_AT(run->req->state)) == 0)
        return check_done(run);
    if (run->services->recorded != NULL) {
        check_report(run, &(struct finding){ .name = "lua", .kind = FINDING_UNKNOWN, .mode = lua->mode, .saw = NOT_RECORDED });
        return check_done(run);
    }
    l = run->state = arena_alloc(run->arena, sizeof(*l));
    l->run = run;
    if (!make_job(run, &job)) {
        buf_free(&job);
        fail(run, "the request is too long for the script");
        return check_done(run);
    }
    l->job = child_pool_submit(pool_of(run), buf_span(&job), NULL, 0, lua->set->timeout_ms, on_done, l);
    buf_free(&job);
    check_pending(run, &(struct decide_pending){
        .low = lua->mode == MODE_ENFORCE ? -LUA_POINTS_MAX : 0, .high = lua->mode == MODE_ENFORCE ? LUA_POINTS_MAX : 0,
        .would_low = -LUA_POINTS_MAX, .would_high = LUA_POINTS_MAX,
        .may_allow = true, .may_refuse = true,
    });
    check_step(run);
}

static void lua_cancel(struct check_run *run)
{
    struct lua_run *l = run->state;

    child_pool_cancel(&l->job);
    dnsc_cancel(&l->query);
    store_cancel(&l->call);
    if (run->overdue)
        fail(run, "no answer of the script in time");
}

const struct check check_lua = {
    .name = "lua", .stage = CHECK_AFTER,
    .states = CHECK_AT(POLICY_STATE_RCPT) | CHECK_AT(POLICY_STATE_DATA) | CHECK_AT(POLICY_STATE_END_OF_MESSAGE),
    .start = lua_start, .cancel = lua_cancel,
};
