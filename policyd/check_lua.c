/* check_lua.c - the postmaster's own script, policy.lua: asked in a process of its own, with what it asks on the way answered from here.
 *
 * It sees the request and every hit of the other checks; so it comes after them, for logins and trusted networks too.  What it returns
 * are hits like any other; together they give LUA_POINTS_MAX points at most.  A script that fails, or runs into its deadline, says nothing.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <jansson.h>

#include "lib/app/log.h"
#include "lib/base/json_out.h"
#include "policyd/handover.h"
#include "policyd/lua_child.h"
#include "policyd/lua_talk.h"
#include "policyd/recorded.h"

#define LUA_POINTS_MAX 100.0
#define REFUSAL SPAN("!nobody waits for it")

enum { JOB_MAX = CHILD_MESSAGE_MAX - 1024, RECYCLE_AFTER = 100000, QUEUE_MAX = 2000 };

struct lua_run {
    struct check_run *run;
    struct lua_talk talk;
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
    l->talk.job = NULL;
    lua_talk_end(&l->talk);
    if (outcome == CHILD_ANSWERED)
        take_answer(l, reply);
    else
        fail(l->run, words[outcome]);
    check_done(l->run);
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

static void on_question(span question, void *arg)
{
    lua_talk_answer(&((struct lua_run *)arg)->talk, question);
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
                                                               .interim = on_question, .interim_refusal = REFUSAL },
                                    &spec);
    return *lua->pool;
}

static void lua_start(struct check_run *run)
{
    const struct lua_rule *lua = &run->rules->lua;
    struct lua_run *l;
    struct buf job;

    if ((lua->states & CHECK_AT(run->req->state)) == 0)
        return check_done(run);
    if (run->services->recorded != NULL) {
        check_report(run, &(struct finding){ .name = "lua", .kind = FINDING_UNKNOWN, .mode = lua->mode, .saw = NOT_RECORDED });
        return check_done(run);
    }
    l = run->state = arena_alloc(run->arena, sizeof(*l));
    l->run = l->talk.run = run;
    if (!make_job(run, &job)) {
        buf_free(&job);
        fail(run, "the request is too long for the script");
        return check_done(run);
    }
    l->talk.job = child_pool_submit(pool_of(run), buf_span(&job), NULL, 0, lua->set->timeout_ms, on_done, l);
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

    child_pool_cancel(&l->talk.job);
    lua_talk_end(&l->talk);
    if (run->overdue)
        fail(run, "no answer of the script in time");
}

static bool lua_in_use(const struct rules *rules)
{
    return rules->lua.mode != MODE_OFF;
}

const struct check check_lua = {
    .name = "lua", .stage = CHECK_AFTER,
    .states = CHECK_AT(POLICY_STATE_RCPT) | CHECK_AT(POLICY_STATE_DATA) | CHECK_AT(POLICY_STATE_END_OF_MESSAGE),
    .in_use = lua_in_use, .start = lua_start, .cancel = lua_cancel,
};
