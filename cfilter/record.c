/* record.c - what is told of a message when it is done.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/record.h"

#include <stdio.h>

#include "cfilter/verdict_class.h"
#include "cfilter/verdict_tell.h"

enum { RECIPIENTS_TOLD_MAX = 20 };

void record_class(struct json_out *j, const struct mixed_class *c)
{
    const struct verdict *v = &c->verdict;

    json_object_begin(j, NULL);
    json_cstr(j, "name", settings_rcpt_class_name(c->share.klass));
    json_int(j, "recipients", (int64_t)c->share.recipients);
    json_cstr(j, "action", verdict_action_name(v->action));
    if (v->would != v->action)
        json_cstr(j, "would", verdict_action_name(v->would));
    json_cstr(j, "cause", verdict_cause_name(v->cause != CAUSE_NONE ? v->cause : v->would_cause));
    if (v->name[0] != '\0')
        json_cstr(j, "reason", v->name);
    if (v->scored)
        json_num(j, "score", v->score);
    json_object_end(j);
}

static void count(struct front *f, const struct record *r)
{
    const struct verdict *v = r->result != NULL ? r->result->verdict : NULL;

    ++*f->messages;
    if (v == NULL)
        return;
    ++*(v->action == VERDICT_ACCEPT ? f->accepted : v->action == VERDICT_TAG ? f->tagged : v->action == VERDICT_REJECT ? f->rejected : f->deferred);
    if (v->would != v->action)
        ++*f->observed;
    for (size_t i = FACT_CLASS_NONE + 1; i < FACT_CLASSES; i++)
        if (v->classes & 1U << i)
            ++*f->classes[i];
}

static void log_verdict(struct logline *l, const struct assess_result *a, struct buf *hits)
{
    const struct verdict *v = a->verdict;

    logline_str(l, "action", span_str(verdict_action_name(v->action)));
    if (v->would != v->action)
        logline_str(l, "would", span_str(verdict_action_name(v->would)));
    if (v->cause != CAUSE_NONE || v->would_cause != CAUSE_NONE)
        logline_str(l, "cause", span_str(verdict_cause_name(v->cause != CAUSE_NONE ? v->cause : v->would_cause)));
    if (v->name[0] != '\0')
        logline_str(l, "name", span_str(v->name));
    if (v->scored)
        logline_num(l, "score", v->score);
    verdict_hits(v, hits);
    if (hits->len > 0)
        logline_str(l, "hits", buf_span(hits));
    for (size_t i = 0; i < v->n_failures; i++) {
        char text[220];

        snprintf(text, sizeof(text), "%s (%s)", v->failures[i].scanner, v->failures[i].why);
        logline_str(l, "without", span_str(text));
    }
    if (a->outcome != SCAN_DONE)
        logline_str(l, "scan", span_str(scan_outcome_name(a->outcome)));
    const char *why = verdict_not_scanned_why(a->outcome, a->why, a->facts);

    if (why[0] != '\0')
        logline_str(l, "scan_why", span_str(why));
}

bool record_has_classes(const struct assess_result *a)
{
    return a->n_classes > 1 || a->classes[0].share.klass != NULL;
}

static const char *class_name(const struct assess_result *a, size_t i)
{
    return settings_rcpt_class_name(a->classes[i].share.klass);
}

/* rcpt_class: whose verdict it is; of several classes rcpt_classes="strict:reject:virus,default:accept", what each alone would have got. */
static void log_classes(struct logline *l, const struct assess_result *a)
{
    struct buf all;

    if (!record_has_classes(a))
        return;
    logline_str(l, "rcpt_class", span_str(class_name(a, a->decided_by)));
    if (a->n_classes == 1)
        return;
    buf_init(&all, 2048);
    for (size_t i = 0; i < a->n_classes; i++) {
        const struct verdict *v = &a->classes[i].verdict;

        buf_printf(&all, "%s%s:%s", i > 0 ? "," : "", class_name(a, i), verdict_action_name(v->action));
        if (v->cause != CAUSE_NONE)
            buf_printf(&all, ":%s", verdict_cause_name(v->cause));
    }
    logline_str(l, "rcpt_classes", buf_span(&all));
    buf_free(&all);
}

static void log_message(const struct record *r)
{
    struct logline l;
    struct buf hits;

    buf_init(&hits, 1024);
    logline_begin(&l, r->context->id);
    logline_client(&l, "client", span_str(r->context->client_name), &r->context->client);
    logline_addr(&l, "from", r->reverse_path);
    for (size_t i = 0; i < r->n_recipients && i < RECIPIENTS_TOLD_MAX; i++)
        logline_addr(&l, "rcpt", r->recipients[i]);
    logline_int(&l, "size", (int64_t)r->size);
    if (r->result != NULL) {
        log_classes(&l, r->result);
        log_verdict(&l, r->result, &hits);
    }
    if (r->context->trusted)
        logline_int(&l, "trusted", 1);
    if (r->context->forged)
        logline_str(&l, "note", SPAN("a hand-over field that policyd did not write was removed"));
    if (r->strays > 0)
        logline_int(&l, "strays", (int64_t)r->strays);
    if (r->note[0] != '\0')
        logline_str(&l, "note", span_str(r->note));
    logline_str(&l, "reply", span_trim(r->reply));
    logline_ms(&l, "delay", r->took_ms);
    logline_emit(&l, LOG_LEVEL_INFO);
    buf_free(&hits);
}

static void event_verdict(struct json_out *j, const struct assess_result *a)
{
    const struct verdict *v = a->verdict;

    json_cstr(j, "action", verdict_action_name(v->action));
    json_cstr(j, "would", verdict_action_name(v->would));
    json_cstr(j, "cause", verdict_cause_name(v->cause != CAUSE_NONE ? v->cause : v->would_cause));
    json_cstr(j, "name", v->name);
    if (v->klass[0] != '\0')
        json_cstr(j, "class", v->klass);
    if (v->scored)
        json_num(j, "score", v->score);
    json_array_begin(j, "checks");
    for (size_t i = 0; i < v->n; i++) {
        json_object_begin(j, NULL);
        json_cstr(j, "check", v->reasons[i].scanner);
        json_cstr(j, "kind", fact_kind_name(v->reasons[i].kind));
        json_cstr(j, "name", v->reasons[i].name);
        json_cstr(j, "detail", v->reasons[i].detail);
        json_num(j, "points", v->reasons[i].points);
        if (v->reasons[i].klass[0] != '\0')
            json_cstr(j, "class", v->reasons[i].klass);
        if (v->reasons[i].does[0] != '\0')
            json_cstr(j, "action", v->reasons[i].does);
        json_object_end(j);
    }
    for (size_t i = 0; i < v->n_failures; i++) {
        json_object_begin(j, NULL);
        json_cstr(j, "check", v->failures[i].scanner);
        json_cstr(j, "failed", v->failures[i].why);
        json_object_end(j);
    }
    json_array_end(j);
    json_cstr(j, "scan", scan_outcome_name(a->outcome));
    const char *why = verdict_not_scanned_why(a->outcome, a->why, a->facts);

    if (why[0] != '\0')
        json_cstr(j, "scan_why", why);
    if (a->facts != NULL) {
        json_int(j, "generation", a->facts->generation);
        json_int(j, "scan_us", a->facts->took_us);
    }
}

static void event_classes(struct json_out *j, const struct assess_result *a)
{
    if (!record_has_classes(a))
        return;
    json_cstr(j, "rcpt_class", class_name(a, a->decided_by));
    if (a->n_classes == 1)
        return;
    json_array_begin(j, "rcpt_classes");
    for (size_t i = 0; i < a->n_classes; i++)
        record_class(j, &a->classes[i]);
    json_array_end(j);
}

/* One as it is, several as an array: a key that stands twice would make the record unreadable. */
static void event_recipients(struct events *e, struct json_out *j, const struct record *r)
{
    if (r->n_recipients == 1) {
        events_address(e, "rcpt", r->recipients[0]);
        return;
    }
    json_int(j, "recipients", (int64_t)r->n_recipients);
    json_array_begin(j, "rcpt");
    for (size_t i = 0; i < r->n_recipients && i < RECIPIENTS_TOLD_MAX; i++)
        events_address(e, NULL, r->recipients[i]);
    json_array_end(j);
}

static void event_message(struct front *f, const struct record *r)
{
    struct events *e = f->daemon->events;
    struct json_out *j = e != NULL ? events_begin(e, r->context->id, r->outcome) : NULL;

    if (j == NULL)
        return;
    json_str(j, "reply", span_trim(r->reply));
    json_cstr(j, "client", r->context->client_text);
    events_address(e, "from", r->reverse_path);
    event_recipients(e, j, r);
    json_int(j, "size", (int64_t)r->size);
    json_int(j, "took_ms", r->took_ms);
    if (r->result != NULL)
        event_classes(j, r->result);
    if (strcmp(r->outcome, "pass") != 0 || (r->result != NULL && r->result->verdict->n > 0)) {
        json_cstr(j, "client_name", r->context->client_name);
        json_cstr(j, "helo", r->context->helo);
        json_bool(j, "trusted", r->context->trusted);
        json_bool(j, "handed_over", r->context->handed_over);
        if (r->context->handed_over)
            json_cstr(j, "login", r->context->handover.login);
        if (r->result != NULL)
            event_verdict(j, r->result);
        if (r->note[0] != '\0')
            json_cstr(j, "note", r->note);
    }
    events_emit(e);
}

void record_message(struct front *f, const struct record *r)
{
    count(f, r);
    if (r->context->forged)
        ++*f->forged;
    log_message(r);
    event_message(f, r);
}

void record_early(struct front *f, const struct record *r, const char *stage)
{
    struct json_out *j = f->daemon->events != NULL ? events_begin(f->daemon->events, r->context->id, r->outcome) : NULL;
    struct logline l;

    logline_begin(&l, r->context->id);
    logline_str(&l, "stage", span_str(stage));
    logline_client(&l, "client", span_str(r->context->client_name), &r->context->client);
    logline_addr(&l, "from", r->reverse_path);
    for (size_t i = 0; i < r->n_recipients; i++)
        logline_addr(&l, "rcpt", r->recipients[i]);
    logline_str(&l, "note", span_str(r->note));
    logline_str(&l, "reply", span_trim(r->reply));
    logline_emit(&l, LOG_LEVEL_INFO);
    if (j == NULL)
        return;
    json_cstr(j, "stage", stage);
    json_str(j, "reply", span_trim(r->reply));
    json_cstr(j, "client", r->context->client_text);
    events_address(f->daemon->events, "from", r->reverse_path);
    event_recipients(f->daemon->events, j, r);
    json_cstr(j, "note", r->note);
    events_emit(f->daemon->events);
}
