/* ctl_scan.c - `gatepostctl scan`: what cfilter would do with a message, and why.
 *
 * The message goes the way of one that came by SMTP: a file without any CR LF is a Unix file, whose LFs become CR LF; one with CR LF is taken
 * byte for byte, stray CR, LF and NUL too; then the same spool, the same scanners, the same verdict.  Nothing is counted or delivered.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/ctl_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cfilter/assess.h"
#include "cfilter/context.h"
#include "cfilter/record.h"
#include "cfilter/reply.h"
#include "cfilter/spool.h"
#include "lib/base/alloc.h"
#include "lib/base/json_out.h"
#include "lib/proto/smtp_dot.h"

enum { EXIT_ACCEPT = 0, EXIT_REJECT = 1, EXIT_UNDECIDED = 2, READ_PIECE = 64 * 1024 };

struct scan_request {
    struct ctl_request *ctl;
    struct front *front;
    struct settings *set;
    const int *fds;
    size_t n, at;                     /* messages; the one under way */
    bool json;
    int status;                       /* 1 beats 2 beats 0 */
    struct xforward client;
    char from[512];
    size_t n_rcpt, n_classes;
    struct class_share classes[MIXED_CLASSES_MAX];
    struct context context;
    struct spool *spool;
    struct loop_task next;
};

static void next_message(void *arg);

static void take_status(struct scan_request *q, int status)
{
    if (status == EXIT_REJECT || (status == EXIT_UNDECIDED && q->status == EXIT_ACCEPT))
        q->status = status;
}

static span label(const struct scan_request *q)
{
    size_t seen = 0;

    for (size_t i = 0; i < ctl_argc(q->ctl); i++) {
        span a = ctl_arg(q->ctl, i);

        if (!span_starts(a, SPAN("--")) && seen++ == q->at)
            return a;
    }
    return SPAN("(message)");
}

/* ---- reading ---- */

/* A whole file, piece by piece; false when it cannot be read or the taker has had enough. */
static bool read_pieces(int fd, bool (*take)(span piece, void *arg), void *arg, struct errtext *err)
{
    char *piece = xmalloc(READ_PIECE);
    bool going = true;
    off_t at = 0;
    ssize_t n = 1;

    while (going && n != 0) {
        n = pread(fd, piece, READ_PIECE, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            errtext_errno(err, "cannot be read");
            break;
        }
        at += n;
        going = n == 0 || take(span_of(piece, (size_t)n), arg);
    }
    free(piece);
    return going && n == 0;
}

struct look {
    bool crlf, cr;                    /* one was seen; the last byte was a CR */
};

static bool look_for_crlf(span piece, void *arg)
{
    struct look *l = arg;

    l->crlf = (l->cr && piece.p[0] == '\n') || span_find_span(piece, SPAN("\r\n")) < piece.n;
    l->cr = piece.p[piece.n - 1] == '\r';
    return !l->crlf;
}

struct filler {
    struct spool *spool;
    struct buf crlf;                  /* a piece with its line ends made CR LF; limit 0: taken as it is */
    enum spool_status status;
    struct errtext *err;
};

static bool fill_piece(span piece, void *arg)
{
    struct filler *f = arg;

    if (f->crlf.limit > 0) {
        buf_reset(&f->crlf);
        for (size_t i = 0; i < piece.n; i++) {
            if (piece.p[i] == '\n')
                buf_append_char(&f->crlf, '\r');
            buf_append_char(&f->crlf, piece.p[i]);
        }
        piece = buf_span(&f->crlf);
    }
    f->status = spool_write(f->spool, piece, f->err);
    return f->status == SPOOL_OK;
}

static enum spool_status fill(struct spool *sp, int fd, struct errtext *err)
{
    struct filler f = { .spool = sp, .status = SPOOL_OK, .err = err };
    struct look look = { false, false };

    if (!read_pieces(fd, look_for_crlf, &look, err) && !look.crlf)
        return SPOOL_FAILED;
    buf_init(&f.crlf, look.crlf ? 0 : 2 * READ_PIECE);
    if (!read_pieces(fd, fill_piece, &f, err) && f.status == SPOOL_OK)
        f.status = SPOOL_FAILED;
    buf_free(&f.crlf);
    return f.status == SPOOL_OK ? spool_finish(sp, err) : f.status;
}

static bool has_strays(span message)
{
    for (size_t i = 0; i < message.n; i++)
        if (smtp_dot_is_stray(message, i))
            return true;
    return false;
}

/* ---- telling ---- */

static void tell_json(struct scan_request *q, const struct assess_result *r, span reply)
{
    const struct verdict *v = r->verdict;
    struct json_out j;
    struct buf out;

    buf_init(&out, 256 * 1024);
    json_begin(&j, &out);
    json_str(&j, "file", label(q));
    json_cstr(&j, "action", verdict_action_name(v->action));
    json_cstr(&j, "would", verdict_action_name(v->would));
    json_cstr(&j, "cause", verdict_cause_name(v->cause));
    json_cstr(&j, "name", v->name);
    json_cstr(&j, "class", v->klass);
    json_cstr(&j, "detail", v->detail);
    json_str(&j, "reply", span_trim(reply));
    json_num(&j, "score", v->score);
    json_int(&j, "size", (int64_t)spool_size(q->spool));
    json_cstr(&j, "scan", scan_outcome_name(r->outcome));
    json_int(&j, "took_us", r->took_us);
    if (r->facts != NULL)
        json_int(&j, "engine_calls", r->facts->engine_calls);
    json_array_begin(&j, "reasons");
    for (size_t i = 0; i < v->n; i++) {
        json_object_begin(&j, NULL);
        json_cstr(&j, "scanner", v->reasons[i].scanner);
        json_cstr(&j, "kind", fact_kind_name(v->reasons[i].kind));
        json_cstr(&j, "name", v->reasons[i].name);
        json_cstr(&j, "detail", v->reasons[i].detail);
        json_num(&j, "points", v->reasons[i].points);
        json_cstr(&j, "class", v->reasons[i].klass);
        json_cstr(&j, "action", v->reasons[i].does);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_array_begin(&j, "without");
    for (size_t i = 0; i < v->n_failures; i++)
        json_cstr(&j, NULL, v->failures[i].scanner);
    json_array_end(&j);
    if (record_has_classes(r)) {
        json_cstr(&j, "rcpt_class", settings_rcpt_class_name(r->classes[r->decided_by].share.klass));
        json_array_begin(&j, "rcpt_classes");
        for (size_t i = 0; i < r->n_classes; i++)
            record_class(&j, &r->classes[i]);
        json_array_end(&j);
    }
    json_end(&j);
    ctl_write(q->ctl, buf_span(&out));
    ctl_write(q->ctl, SPAN("\n"));
    buf_free(&out);
}

static void tell_reason(struct scan_request *q, const struct verdict_reason *r)
{
    ctl_print(q->ctl, "  %-10s %s%s%s", r->scanner, r->name, r->detail[0] != '\0' ? "  " : "", r->detail);
    if (r->klass[0] != '\0')
        ctl_print(q->ctl, "  %s: %s", r->klass, r->does);
    else if (r->does[0] != '\0')
        ctl_print(q->ctl, "  %s", r->does);
    if (r->points < 0 || r->points > 0 || r->kind == FACT_SPAM)
        ctl_print(q->ctl, "  %+.1f points", r->points);
    ctl_print(q->ctl, "\n");
}

/* With recipients of several classes: what each alone would have got; the first line is what all get. */
static void tell_classes(struct scan_request *q, const struct assess_result *r)
{
    if (!record_has_classes(r))
        return;
    ctl_print(q->ctl, "  by class %s\n", settings_rcpt_class_name(r->classes[r->decided_by].share.klass));
    for (size_t i = 0; i < r->n_classes && r->n_classes > 1; i++) {
        const struct verdict *v = &r->classes[i].verdict;

        ctl_print(q->ctl, "  class %s (%zu recipient%s): %s%s%s%s\n", settings_rcpt_class_name(r->classes[i].share.klass), r->classes[i].share.recipients,
                  r->classes[i].share.recipients == 1 ? "" : "s", verdict_action_name(v->action), v->cause != CAUSE_NONE ? " (" : "",
                  v->cause != CAUSE_NONE ? verdict_cause_name(v->cause) : "", v->cause != CAUSE_NONE ? ")" : "");
    }
}

static void tell_text(struct scan_request *q, const struct assess_result *r, span reply)
{
    const struct verdict *v = r->verdict;
    span name = label(q);

    ctl_print(q->ctl, "%.*s: %s", SPAN_ARG(name), verdict_action_name(v->action));
    if (reply.n > 0)
        ctl_print(q->ctl, ", %.*s", SPAN_ARG(span_trim(reply)));
    ctl_print(q->ctl, "\n");
    if (v->would != v->action)
        ctl_print(q->ctl, "  enforcing it would be: %s (%s)\n", verdict_action_name(v->would), verdict_cause_name(v->would_cause));
    tell_classes(q, r);
    if (v->scored)
        ctl_print(q->ctl, "  score %.1f\n", v->score);
    for (size_t i = 0; i < v->n; i++)
        tell_reason(q, &v->reasons[i]);
    for (size_t i = 0; i < v->n_failures; i++)
        ctl_print(q->ctl, "  without %s: %s\n", v->failures[i].scanner, v->failures[i].why);
    if (r->outcome != SCAN_DONE)
        ctl_print(q->ctl, "  scan: %s, %s\n", scan_outcome_name(r->outcome), r->why);
}

/* ---- one message after the other ---- */

static void message_done(struct scan_request *q)
{
    if (q->spool != NULL)
        spool_free(&q->spool);
    q->at++;
    loop_defer(q->front->daemon->loop, &q->next, next_message, q);
}

static void on_assessed(const struct assess_result *r, void *arg)
{
    struct scan_request *q = arg;
    const struct verdict *v = r->verdict;
    struct buf reply;

    buf_init(&reply, 1024);
    if (v->action == VERDICT_REJECT || v->action == VERDICT_DEFER)
        reply_to_verdict(q->set, v, q->context.id, &reply);
    if (q->json)
        tell_json(q, r, buf_span(&reply));
    else
        tell_text(q, r, buf_span(&reply));
    buf_free(&reply);
    take_status(q, v->action == VERDICT_REJECT ? EXIT_REJECT : v->action == VERDICT_DEFER ? EXIT_UNDECIDED : EXIT_ACCEPT);
    message_done(q);
}

static void scan_one(struct scan_request *q)
{
    char path[FRONT_PATH_MAX];
    struct spool_limits limits = front_spool_limits(q->front, q->set, path);
    struct errtext err = { "" };
    enum spool_status st;
    int fd = -1;

    limits.blocks = NULL;                 /* they are for mail on its way */
    q->spool = spool_new(&limits);
    st = fill(q->spool, q->fds[q->at], &err);
    if (st == SPOOL_OK && (fd = spool_fd(q->spool, &err)) < 0)
        st = SPOOL_FAILED;
    if (st == SPOOL_TOO_BIG) {
        span name = label(q);

        ctl_print(q->ctl, "%.*s: reject, 552 5.3.4 Message size exceeds fixed limit (filter.max_message)\n", SPAN_ARG(name));
        take_status(q, EXIT_REJECT);
        message_done(q);
        return;
    }
    if (st != SPOOL_OK) {
        ctl_complain(q->ctl, "%.*s: %s\n", SPAN_ARG(label(q)), err.text);
        take_status(q, EXIT_UNDECIDED);
        message_done(q);
        return;
    }
    context_make(q->set, q->front->have_key ? &q->front->key : NULL, spool_bytes(q->spool), span_str(q->from), &q->client,
                 loop_wall_ms(q->front->daemon->loop), &q->context);
    assess_start(q->front, q->set,
                 &(struct assess_message){ .fd = fd, .bytes = spool_bytes(q->spool), .id = q->context.id,
                                           .client_address = q->context.client_text, .client_name = q->context.client_name,
                                           .helo = q->context.helo, .reverse_path = q->from, .n_rcpt = q->n_rcpt, .classes = q->classes, .n_classes = q->n_classes,
                                           .trusted = q->context.trusted, .strays = has_strays(spool_bytes(q->spool)) },
                 on_assessed, q);
}

static void next_message(void *arg)
{
    struct scan_request *q = arg;

    if (q->at < q->n && !ctl_gone(q->ctl)) {
        scan_one(q);
        return;
    }
    ctl_finish(&q->ctl, q->status);
    settings_unref(&q->set);
    free(q);
}

static bool take_options(struct scan_request *q)
{
    span v;

    xforward_init(&q->client);
    q->json = ctl_option(q->ctl, "--json", &v);
    if (ctl_option(q->ctl, "--client", &v) && !xforward_set(&q->client, XFORWARD_ADDR, v)) {
        ctl_complain(q->ctl, "--client: \"%.*s\" is not an IP address\n", SPAN_ARG(v));
        return false;
    }
    if (ctl_option(q->ctl, "--helo", &v) && !xforward_set(&q->client, XFORWARD_HELO, v)) {
        ctl_complain(q->ctl, "--helo: \"%.*s\" cannot be a HELO name\n", SPAN_ARG(v));
        return false;
    }
    if (ctl_option(q->ctl, "--from", &v))
        snprintf(q->from, sizeof(q->from), "%.*s", SPAN_ARG(v));
    for (size_t i = 0; i < ctl_argc(q->ctl); i++) {
        if (!span_starts(ctl_arg(q->ctl, i), SPAN("--rcpt=")))
            continue;
        class_share_add(q->classes, &q->n_classes, settings_rcpt_class(q->set, span_from(ctl_arg(q->ctl, i), strlen("--rcpt="))));
        q->n_rcpt++;
    }
    return true;
}

static void run_scan(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    struct scan_request *q = xcalloc(1, sizeof(*q));

    q->ctl = r;
    q->front = d->state;
    q->set = settings_ref(d->settings);
    q->n = ctl_fds(r, &q->fds);
    if (q->n == 0)
        ctl_complain(r, "scan: no message was handed over\n");
    if (q->n == 0 || !take_options(q)) {
        settings_unref(&q->set);
        free(q);
        ctl_finish(&r, EXIT_UNDECIDED);
        return;
    }
    next_message(q);
}

/* ---- the signature database ---- */

static void run_filter_reload(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    struct front *f = d->state;
    bool accept = ctl_option(r, "--accept", NULL);

    if (!d->serving) {
        ctl_complain(r, "filter reload: gatepost-cfilter is not running\n");
        ctl_finish(&r, EXIT_UNDECIDED);
        return;
    }
    scan_reload(f->scan, accept);
    ctl_print(r, "The signature database is read again as soon as its files are at rest%s; gatepostctl filter status tells.\n",
              accept ? ", and taken however much it has shrunk" : "");
    ctl_finish(&r, EXIT_ACCEPT);
}

static void run_filter_status(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    const struct front *f = d->state;
    struct buf text;
    bool ready = scan_ready(f->scan);

    buf_init(&text, 64 * 1024);
    scan_describe(f->scan, &text);
    ctl_write(r, buf_span(&text));
    buf_free(&text);
    ctl_finish(&r, ready ? EXIT_ACCEPT : EXIT_REJECT);
}

const struct ctl_command cfilter_commands[] = {
    { "scan", "[--json] [--client=IP] [--helo=NAME] [--from=ADDR] [--rcpt=ADDR]... LABEL...", "what would be done with messages, and why", run_scan },
    { "filter reload", "[--accept]", "Reads the signature database again.", run_filter_reload },
    { "filter status", "", "Engine, generations and workers.", run_filter_status },
    { NULL, NULL, NULL, NULL },
};
