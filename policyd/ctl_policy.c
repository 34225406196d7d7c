/* ctl_policy.c - what gatepostctl asks of policyd: `policy explain`, `dnsbl status` and `dnsbl test`.
 *
 * An explanation goes through the same evaluation as a request of Postfix, dry: limits are looked at and not charged, nothing is
 * remembered, logged or recorded, and it waits for every list instead of stopping when the outcome is certain.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/app/id.h"
#include "lib/base/alloc.h"
#include "policyd/charges.h"
#include "policyd/ctl_greylist.h"
#include "policyd/ctl_limits.h"
#include "policyd/ctl_replay.h"
#include "policyd/policyd.h"
#include "policyd/reply.h"
#include "policyd/serve.h"

enum { EXIT_PASS = 0, EXIT_REFUSED = 1, EXIT_USAGE = 64 };

struct explanation {
    struct policyd *policyd;
    struct explanation *next, **link;
    struct ctl_request *request;
    struct eval *eval;
    bool lists_only;             /* of `dnsbl test WHAT` */
};

static void explanation_free(struct explanation *x)
{
    eval_release(&x->eval);
    *x->link = x->next;
    if (x->next != NULL)
        x->next->link = x->link;
    free(x);
}

/* ---- printing ---- */

static void print_finding(struct ctl_request *q, const struct finding *f)
{
    static const char *const kinds[] = { "clear", "HIT", "unknown", "skipped" };
    static const char *const wishes[] = { "", " allow", " defer", " reject" };

    ctl_print(q, "%-10s %-20s %-8s", f->check, f->name, kinds[f->kind]);
    if (f->kind == FINDING_HIT)
        ctl_print(q, " %+g points%s", f->points, wishes[f->wish]);
    ctl_print(q, "  %s", f->saw != NULL ? f->saw : "");
    if (f->text != NULL)
        ctl_print(q, "; \"%s\"", f->text);
    ctl_print(q, "  (%s%.1f ms)\n", f->mode == MODE_OBSERVE ? "observe, " : f->mode == MODE_OFF ? "off, " : "", (double)f->took_us / 1000);
}

/* A whole answer as Postfix would get it, without the empty line. */
static void print_answer(struct ctl_request *q, const char *what, const struct policy_reply *r)
{
    struct buf line;

    buf_init(&line, 4096);
    reply_append(&line, r);
    ctl_print(q, "%s: %.*s\n", what, SPAN_ARG(span_trim(buf_span(&line))));
    buf_free(&line);
}

static bool limits_looked_at(const struct eval *e)
{
    for (size_t i = 0; i < e->n_runs; i++) {
        if (e->runs[i].check->stage == CHECK_CHARGE)
            return true;
    }
    return false;
}

/* What the lists say of one address or name. */
static void lists_told(struct explanation *x)
{
    const struct eval *e = x->eval;
    double points = 0;

    for (size_t i = 0; i < e->n_findings; i++) {
        if (strcmp(e->findings[i]->check, "dnsbl") != 0)
            continue;
        print_finding(x->request, e->findings[i]);
        points += e->findings[i]->kind == FINDING_HIT && e->findings[i]->mode == MODE_ENFORCE ? e->findings[i]->points : 0;
    }
    ctl_print(x->request, "together: %g points\n", points);
    ctl_finish(&x->request, points > 0 ? EXIT_REFUSED : EXIT_PASS);
    explanation_free(x);
}

static void explained(struct eval *e, void *arg)
{
    struct explanation *x = arg;
    const struct set_score *t = &e->rules->set->policy.score;
    struct policy_reply r, would;
    char id[ID_TEXT];

    if (x->lists_only)
        return lists_told(x);
    id_make(id, loop_wall_ms(e->services->loop));
    r = reply_of(e, &e->decision.enforced, id);
    would = reply_of(e, &e->decision.would, id);
    for (size_t i = 0; i < e->n_findings; i++)
        print_finding(x->request, e->findings[i]);
    ctl_print(x->request, "score: %g (reject %g, defer %g; 0 is off)%s\n", e->decision.enforced.score, t->reject, t->defer,
              e->overdue ? "; the time was up before every answer had come" : "");
    if (!limits_looked_at(e) && e->rules->n_limits > 0)
        ctl_print(x->request, "limits are looked at only for what nothing else refuses\n");
    if (would.verb != r.verb)
        print_answer(x->request, "would be, if nothing only observed", &would);
    print_answer(x->request, "answer", &r);
    ctl_finish(&x->request, r.verb == POLICY_SAY_DUNNO ? EXIT_PASS : EXIT_REFUSED);
    explanation_free(x);
}

/* ---- explain ---- */

/* "name=value" arguments as the attributes of a request; false (and told) when one cannot be. */
static bool take_arguments(struct ctl_request *q, struct eval *e)
{
    for (size_t i = 1; i < ctl_argc(q); i++) {
        span arg = ctl_arg(q, i);
        size_t equals = span_find(arg, '=');
        enum policy_attr a = policy_attr_find(span_head(arg, equals));

        if (equals == arg.n || a == POLICY_ATTRS) {
            ctl_complain(q, "\"%.*s\": %s\n", SPAN_ARG(span_head(arg, 100)),
                         equals == arg.n ? "no name=value" : "Postfix has no such attribute (try client_address, sender, recipient, helo_name, sasl_username)");
            return false;
        }
        e->req.attrs.v[a] = arena_span(e->arena, span_from(arg, equals + 1));
    }
    if (e->req.attrs.v[POLICY_PROTOCOL_STATE].n == 0)
        e->req.attrs.v[POLICY_PROTOCOL_STATE] = SPAN("RCPT");
    return true;
}

static void usage(struct ctl_request *q)
{
    ctl_complain(q, "usage: policy explain NAME=VALUE... (client_address=192.0.2.1 sender=a@example.net recipient=b@example.com ...)\n");
    ctl_finish(&q, EXIT_USAGE);
}

static void explain_start(struct policyd *p, struct ctl_request *q, struct eval *e, bool lists_only)
{
    struct explanation *x = xcalloc(1, sizeof(*x));

    x->policyd = p;
    x->request = q;
    x->eval = e;
    x->lists_only = lists_only;
    x->next = p->explanations;
    x->link = &p->explanations;
    if (x->next != NULL)
        x->next->link = &x->next;
    p->explanations = x;
    eval_start(e, p->rules, NULL, true, explained, x);
}

static void run_policy(struct ctl_request *q, void *arg)
{
    const struct daemon *d = arg;
    struct policyd *p = d->state;
    struct eval *e;

    if (span_eq(ctl_arg(q, 0), SPAN("replay")))
        return ctl_replay(q, arg);
    if (!span_eq(ctl_arg(q, 0), SPAN("explain")) || ctl_argc(q) < 2)
        return usage(q);
    e = eval_take(&p->services);
    memset(&e->req, 0, sizeof(e->req));
    if (!take_arguments(q, e)) {
        eval_release(&e);
        return usage(q);
    }
    request_prepare(&e->req, p->rules->set, e->arena);
    if (p->rules->mode == MODE_OFF || !serve_judges(e->req.state)) {
        ctl_print(q, "%s\nanswer: action=DUNNO\n",
                  p->rules->mode == MODE_OFF ? "policy.mode is off" : "only RCPT, DATA and END-OF-MESSAGE are judged");
        eval_release(&e);
        return ctl_finish(&q, EXIT_PASS);
    }
    explain_start(p, q, e, false);
}

void explanations_end(struct policyd *p)
{
    while (p->explanations != NULL) {
        struct explanation *x = p->explanations;

        ctl_complain(x->request, "the daemon is stopping\n");
        ctl_finish(&x->request, EXIT_REFUSED);
        explanation_free(x);
    }
}

/* ---- refused ---- */

/* cfilter's word for messages that limits were charged for: each ID, or ID=deferred where it put one off. */
static void run_refused(struct ctl_request *q, void *arg)
{
    const struct daemon *d = arg;
    struct policyd *p = d->state;
    size_t settled = 0;

    for (size_t i = 0; i < ctl_argc(q); i++) {
        span id = span_head(ctl_arg(q, i), span_find(ctl_arg(q, i), '='));

        settled += charges_settle(&p->services, id, id.n == ctl_arg(q, i).n);
    }
    *p->services.count.refused_after += settled;
    ctl_print(q, "%zu of %zu were charged\n", settled, ctl_argc(q));
    ctl_finish(&q, EXIT_PASS);
}

/* ---- dnsbl ---- */

/* An address is asked about as a client; a name as HELO name, sender's domain and client name. */
static void test_one(struct policyd *p, struct ctl_request *q, span what)
{
    struct eval *e = eval_take(&p->services);
    struct ipaddr client;

    memset(&e->req, 0, sizeof(e->req));
    what = arena_span(e->arena, what);
    e->req.attrs.v[POLICY_PROTOCOL_STATE] = SPAN("RCPT");
    if (ipaddr_parse(what, &client)) {
        e->req.attrs.v[POLICY_CLIENT_ADDRESS] = what;
    } else {
        e->req.attrs.v[POLICY_HELO_NAME] = e->req.attrs.v[POLICY_CLIENT_NAME] = what;
        e->req.attrs.v[POLICY_SENDER] = span_str(arena_printf(e->arena, "test@%.*s", SPAN_ARG(what)));
    }
    request_prepare(&e->req, p->rules->set, e->arena);
    explain_start(p, q, e, true);
}

static void run_dnsbl(struct ctl_request *q, void *arg)
{
    const struct daemon *d = arg;
    struct policyd *p = d->state;
    struct buf text;

    if (span_eq(ctl_arg(q, 0), SPAN("test")) && ctl_argc(q) == 2)
        return test_one(p, q, ctl_arg(q, 1));

    if (span_eq(ctl_arg(q, 0), SPAN("test"))) {
        dnsbl_healths_test(p->lists);
        ctl_print(q, "tests have begun: see dnsbl status\n");
        return ctl_finish(&q, EXIT_PASS);
    }
    if (!span_eq(ctl_arg(q, 0), SPAN("status"))) {
        ctl_complain(q, "usage: dnsbl status | dnsbl test [ADDRESS|NAME]\n");
        return ctl_finish(&q, EXIT_USAGE);
    }
    buf_init(&text, 64 * 1024);
    dnsbl_healths_print(p->lists, &text);
    if (text.len == 0)
        ctl_print(q, "no list is named (policy.dnsbl)\n");
    ctl_write(q, buf_span(&text));
    buf_free(&text);
    ctl_finish(&q, EXIT_PASS);
}

const struct ctl_command policy_commands[] = {
    { "policy", "explain NAME=VALUE...", "what policyd would answer to this request, and why", run_policy },
    { "limits", "show [KEY] | top [N] | reset KEY | exempt KEY [FOR] | override KEY RATE|default [FOR] | block LOGIN | release LOGIN | marks",
      "what limits have counted; count a key anew, not at all for a time, at a rate of its own; block a login or release it", ctl_limits },
    { "greylist", "show [KEY] | pass KEY | forget KEY | stats", "who waits and who is known; let through or forget", ctl_greylist },
    { "dnsbl", "status | test [ADDRESS|NAME]", "whether each DNS list is in use, and why not; test them now; what they say of an address or name", run_dnsbl },
    { "refused", "ID[=deferred]...", "cfilter tells: messages it refused, or put off, after limits were charged for them", run_refused },
    { NULL, NULL, NULL, NULL },
};
