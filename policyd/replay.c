/* replay.c - decides recorded requests again, under other rules.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/replay.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_backend.h"
#include "policyd/dnsbl_health.h"
#include "policyd/limit_local.h"
#include "policyd/record.h"
#include "policyd/reply.h"
#include "policyd/serve.h"

enum { LIMIT_KEYS_MAX = 1000000, TEXT_MAX = 2000 };

struct replay {
    struct store store;                  /* first: ours, below */
    struct loop *loop;                   /* stands at the time of a record */
    struct services services;
    struct dnsbl_healths *lists;
    struct rules *rules;
    struct limit_local *counts;
    const struct recorded *record;
    struct arena *arena;                 /* of the result */
    struct replayed *out;
    bool decided;
};

/* ---- the store: limits count here, the greylist says what it said ---- */

static void count_limits(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct replay *r = (struct replay *)(void *)s;
    struct store_limits_result result;

    limit_local_decide(r->counts, q, loop_now_ms(r->loop), &result);
    *call_out = NULL;
    fn(&result, arg);
}

static void give_back(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out)
{
    struct replay *r = (struct replay *)(void *)s;

    *call_out = NULL;
    fn(limit_local_refund(r->counts, q, loop_now_ms(r->loop)) ? STORE_HIT : STORE_MISS, arg);
}

static void say_grey(struct store *s, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    const struct replay *r = (const struct replay *)(const void *)s;
    const struct recorded_fact *f = recorded_fact(r->record, "greylist", "greylist");
    struct store_grey_result result = { .outcome = STORE_DOWN, .why = NOT_RECORDED };

    (void)q;
    if (f != NULL && (f->kind == FINDING_HIT || f->kind == FINDING_CLEAR))
        result = (struct store_grey_result){ .outcome = STORE_HIT, .answer = f->kind == FINDING_HIT ? GREY_WAIT : GREY_PASS };
    *call_out = NULL;
    fn(&result, arg);
}

static void remember(struct store *s, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg)
{
    (void)s, (void)table, (void)key, (void)value, (void)ttl_ms, (void)now_ms;
    fn(&(struct store_value_result){ .outcome = STORE_HIT }, arg);
}

static void recall(struct store *s, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out)
{
    (void)s, (void)table, (void)key, (void)now_ms;
    *call_out = NULL;
    fn(&(struct store_value_result){ .outcome = STORE_MISS }, arg);
}

static void forget(struct store *s, const char *table, span key, store_value_fn *fn, void *arg)
{
    (void)s, (void)table, (void)key;
    fn(&(struct store_value_result){ .outcome = STORE_MISS }, arg);
}

static void scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg)
{
    (void)s, (void)table, (void)prefix, (void)limit;
    fn(NULL, STORE_HIT, true, arg);
}

static void cancel(struct store_call *call)
{
    (void)call;                          /* every call has ended before it returned */
}

static bool up(const struct store *s)
{
    (void)s;
    return true;
}

static const char *problem(const struct store *s)
{
    (void)s;
    return "";
}

static const struct store_backend backend = {
    .limits = count_limits, .refund = give_back, .grey = say_grey, .remember = remember, .recall = recall, .forget = forget, .scan = scan,
    .cancel = cancel, .up = up, .problem = problem,
};

/* ---- one record ---- */

static enum recorded_answer answer_of(const struct policy_reply *reply)
{
    const char *word = reply_word(reply);

    return strcmp(word, "REJECT") == 0 ? RECORDED_REJECT : strcmp(word, "DEFER") == 0 ? RECORDED_DEFER : RECORDED_PASS;
}

static const char *missing_of(struct replay *r, const struct eval *e)
{
    struct buf text;
    const char *kept;

    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < e->n_findings; i++) {
        const struct finding *f = e->findings[i];

        if (f->saw != NULL && strcmp(f->saw, NOT_RECORDED) == 0)
            buf_printf(&text, "%s%s", text.len > 0 ? "," : "", f->name);
    }
    kept = arena_str(r->arena, buf_span(&text));
    buf_free(&text);
    return kept;
}

static const char *hits_of(struct replay *r, const struct eval *e)
{
    struct buf text;
    const char *kept;

    buf_init(&text, TEXT_MAX);
    record_hits(e, MODE_ENFORCE, &text);
    kept = arena_str(r->arena, buf_span(&text));
    buf_free(&text);
    return kept;
}

static void decided(struct eval *e, void *arg)
{
    struct replay *r = arg;
    struct policy_reply reply = reply_of(e, &e->decision.enforced, r->record->id);
    struct buf line;

    buf_init(&line, TEXT_MAX);
    reply_append(&line, &reply);
    *r->out = (struct replayed){
        .answer = answer_of(&reply),
        .reply = arena_str(r->arena, span_from(span_trim(buf_span(&line)), strlen("action="))),
        .hits = hits_of(r, e),
        .missing = missing_of(r, e),
    };
    buf_free(&line);
    if (e->message != NULL)
        message_add(e->message, e->findings, e->n_findings, e->decision.enforced.score);
    serve_note(e, r->out->answer != RECORDED_PASS);
    eval_release(&e);
    r->decided = true;
}

/* The clock never goes back: records of several processes may overlap by a little. */
static void move_time(struct replay *r, int64_t wall_ms)
{
    int64_t ahead_ms = wall_ms - loop_wall_ms(r->loop);

    if (ahead_ms > 0)
        loop_fake_advance(r->loop, ahead_ms);
}

void replay_one(struct replay *r, const struct recorded *record, struct replayed *out)
{
    struct eval *e = eval_take(&r->services);
    struct message *msg;

    arena_reset(r->arena);
    move_time(r, record->time_ms);
    r->record = record;
    r->services.recorded = record;
    r->out = out;
    r->decided = false;
    e->req = (struct request){ .attrs = record->attrs };
    request_prepare(&e->req, r->rules->set, e->arena);
    msg = handover_message(r->services.messages, &e->req, loop_now_ms(r->loop), loop_wall_ms(r->loop));
    if (r->rules->mode == MODE_OFF || e->req.harvest) {
        *out = (struct replayed){ .reply = "DUNNO", .hits = "", .missing = "" };
        eval_release(&e);
        r->decided = true;
    } else {
        eval_start(e, r->rules, msg, false, decided, r);
    }
    message_unref(&msg);
    while (!r->decided)                  /* waits for words of a list that never come: not for long */
        loop_fake_advance(r->loop, 10);
}

/* ---- life ---- */

struct replay *replay_new(struct settings *set, int64_t begin_ms, struct errtext *err)
{
    struct replay *r = xcalloc(1, sizeof(*r));

    r->store.backend = &backend;
    r->loop = loop_new_fake(SECONDS(1), begin_ms);
    r->store.loop = r->loop;
    services_open(&r->services, r->loop, NULL);
    r->services.store = &r->store;
    r->services.wiring.rcpt_only = true;
    r->counts = limit_local_new(LIMIT_KEYS_MAX);
    r->lists = dnsbl_healths_new(r->loop);
    r->arena = arena_new(4096);
    if ((r->rules = rules_new(r->loop, set, r->lists, NULL, false, err)) == NULL)
        replay_free(&r);
    return r;
}

void replay_free(struct replay **rp)
{
    struct replay *r = *rp;

    *rp = NULL;
    if (r == NULL)
        return;
    if (r->rules != NULL)
        rules_unref(&r->rules);
    dnsbl_healths_free(&r->lists);
    services_close(&r->services);
    limit_local_free(&r->counts);
    arena_free(&r->arena);
    loop_free(&r->loop);
    free(r);
}
