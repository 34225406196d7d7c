/* sync_judge.c - a proposal on its way to be the set in force.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/app/log.h"
#include "socketmapd/sync_private.h"

#define MERGE_MS MINUTES(10)
#define KEEP_MISSING_MS DAYS(7)
#define RELEASE_MS DAYS(1)
#define AGAIN_LEAST_MS SECONDS(1)

static void pool_note(struct child_pool *p, const char *what, void *arg)
{
    const struct sync *s = arg;

    (void)p;
    log_warning("recipients source %s: judging process: %s", s->set->name, what);
}

/* ---- held ---- */

static unsigned servers_in(uint32_t bits)
{
    return (unsigned)__builtin_popcount(bits);
}

/* Equal proposals in a row, from two servers or over a day.  One that takes everybody, or a whole domain, waits for a person. */
static bool released_by_itself(struct sync *s)
{
    int64_t n = s->set->sync.accept_after;

    if (n == 0 || s->hold_all || s->last.drastic || s->held_times < (uint64_t)n)
        return false;
    return servers_in(s->held_servers) > 1 || loop_now_ms(s->loop) - s->held_since_ms >= RELEASE_MS;
}

static void hold(struct sync *s)
{
    bool same = s->held && s->held_digest == s->last.removed_digest;

    if (!same) {
        s->held_since_ms = loop_now_ms(s->loop);
        s->held_times = 0;
        s->held_servers = 0;
        log_error("recipients source %s: a reading is HELD, it adds but removes nothing: %s; see `gatepostctl recipient sync diff`, then `sync accept` "
                  "or mend the directory", s->set->name, s->last.why);
    }
    s->held = true;
    s->held_digest = s->last.removed_digest;
    s->held_times++;
    s->held_servers |= 1U << (s->proposed_by % 32);
    snprintf(s->held_why, sizeof(s->held_why), "%s", s->last.why);
}

static void settle(struct sync *s)
{
    if (s->held)
        log_info("recipients source %s: no reading is held any more", s->set->name);
    s->held = false;
    s->held_why[0] = '\0';
}

/* ---- the next set ---- */

static void propose_again(void *arg)
{
    struct sync *s = arg;

    if (!share_judge_again(s->share))
        sync_reader_say(s, SYNC_PROPOSE);
}

/* What has gone must be missed once more when its grace is over. */
static void look_again_at_missing(struct sync *s)
{
    int64_t grace = s->set->sync.grace_ms;

    if (s->in_force != NULL && rcpt_set_missing(s->in_force) > 0)
        loop_timer_start(s->loop, &s->again, grace > AGAIN_LEAST_MS ? grace : AGAIN_LEAST_MS, propose_again, s);
}

static void take_over(struct sync *s, struct sync_upto upto)
{
    const struct merge_result *r = &s->last;
    bool first = s->in_force == NULL || s->sure_ms < 0;

    if (r->changed)
        sync_set_in_force(s, upto, false);
    if (s->in_force == NULL)
        return;
    if (!share_follows(s->share))         /* else it is as old as what the leader knows */
        sync_confirmed(s, !r->held);
    if (r->added > 0 && s->on_news != NULL)
        s->on_news(span_of(NULL, 0), s->news_arg);
    if (first || r->added > 0 || (r->removed > 0 && !r->held))
        log_info("recipients source %s: set %llu is in force: %zu addresses, %llu new, %llu gone, read from %s by %s", s->set->name,
                 (unsigned long long)rcpt_set_about(s->in_force)->generation, sync_count(s), (unsigned long long)r->added,
                 (unsigned long long)(r->held ? 0 : r->removed), rcpt_set_about(s->in_force)->server, s->way);
    if (first || (r->removed > 0 && !r->held))
        look_again_at_missing(s);
}

/* The word is for what is held now: a proposal that comes before it is judged with is another one. */
static void accept_held(struct sync *s)
{
    s->word = (struct merge_word){ true, s->held_digest };
    sync_judge(s, s->merging_upto);
}

/* Others whose word counts as a person's here. */
static void look_for_a_word(struct sync *s)
{
    if (released_by_itself(s)) {
        log_warning("recipients source %s: the held reading has been the same %u times: it is accepted (sync.accept_after)", s->set->name, s->held_times);
        accept_held(s);
    } else if (!s->hold_all && share_accepted_there(s->share, s->held_digest)) {
        log_warning("recipients source %s: this very removal was accepted at the host that leads: it is accepted here too", s->set->name);
        accept_held(s);
    }
}

static void on_merged(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct sync *s = arg;
    struct merge_result r;

    (void)fds;
    (void)nfds;
    s->merging = NULL;
    if (outcome != CHILD_ANSWERED || !merge_result_decode(reply, &r) || !r.ok) {
        log_error("recipients source %s: a reading could not be put in force: %s; the set in force answers on", s->set->name,
                  outcome == CHILD_ANSWERED ? r.why : "the judging process ended or took too long");
        snprintf(s->trouble, sizeof(s->trouble), "%s", outcome == CHILD_ANSWERED ? r.why : "the judging process failed");
        if (!s->word.given)
            s->word = s->merging_word;       /* it is not lost */
    } else {
        s->last = r;
        if (s->merging_word.given && !r.by_word)
            log_warning("recipients source %s: what was accepted is not what is proposed any more: that is judged anew", s->set->name);
        if (r.held)
            hold(s);
        else
            settle(s);
        take_over(s, s->merging_upto);
        if (r.held)
            look_for_a_word(s);
        else if (r.removed > 0)
            share_removed(s->share, r.removed_digest, r.by_word);
        share_judged(s->share, !r.held);
    }
    if (s->proposal_waits && s->merging == NULL) {
        s->proposal_waits = false;
        sync_judge(s, s->waiting_upto);
    }
}

static void append_canaries(const struct sync *s, struct buf *to)
{
    for (size_t i = 0; i < s->set->sync.canaries.n; i++) {
        buf_append_str(to, s->set->sync.canaries.v[i]);
        buf_append_char(to, '\n');
    }
}

static const struct child_pool_spec pool_spec = { .workers = 1, .recycle_after_jobs = 1, .restart_delay_ms = 1000, .on_note = pool_note };
static const struct child_spec process = { .role = "rcpt-merge" };

void sync_judge(struct sync *s, struct sync_upto upto)
{
    const struct set_sync *set = &s->set->sync;
    struct child_pool_spec spec = pool_spec;
    struct buf canaries, msg;
    struct merge_order o;

    if (s->merging != NULL) {
        s->proposal_waits = true;
        s->waiting_upto = upto;
        return;
    }
    if (s->merger == NULL) {
        spec.supply_arg = s;
        s->merger = child_pool_new_exec(s->loop, &spec, &process);
    }
    buf_init(&canaries, CHILD_MESSAGE_MAX / 2);
    buf_init(&msg, CHILD_MESSAGE_MAX);
    append_canaries(s, &canaries);
    o = (struct merge_order){ .set_path = span_str(s->set_path), .proposal_path = span_str(s->proposal_path), .diff_path = span_str(s->diff_path),
                              .mode = s->hold_all ? MERGE_HOLD : MERGE_JUDGE, .word = s->word, .now_ms = loop_wall_ms(s->loop), .keep_missing_ms = KEEP_MISSING_MS, .canaries = buf_span(&canaries),
                              .limits = { set->max_removed, set->max_removed_least, set->max_domain_removed } };
    merge_order_encode(&o, &msg);
    s->merging_upto = upto;
    s->merging_word = s->word;
    s->word.given = false;
    s->merging = child_pool_submit(s->merger, buf_span(&msg), NULL, 0, MERGE_MS, on_merged, s);
    buf_free(&msg);
    buf_free(&canaries);
}

void sync_judge_stop(struct sync *s)
{
    loop_timer_stop(&s->again);
    if (s->merging != NULL)
        child_pool_cancel(&s->merging);
    child_pool_free(&s->merger);
}

/* ---- a person's word ---- */

bool sync_accept(struct sync *s, uint64_t *removed_out)
{
    if (!s->held)
        return false;
    *removed_out = s->last.removed;
    accept_held(s);
    return true;
}

/* It stands in a file, so that a restart does not forget it. */
void sync_hold(struct sync *s, bool on)
{
    int fd;

    s->hold_all = on;
    if (!on) {
        unlink(s->hold_path);
        sync_reader_say(s, SYNC_PROPOSE);
    } else if ((fd = open(s->hold_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640)) >= 0) {
        close(fd);
    } else {
        log_error("recipients source %s: %s cannot be made: readings are held until a restart only", s->set->name, s->hold_path);
    }
}

const char *sync_diff_path(const struct sync *s)
{
    return s->held ? s->diff_path : NULL;
}
