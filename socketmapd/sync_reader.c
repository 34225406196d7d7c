/* sync_reader.c - the process that reads the directory, as its engine sees it: started, watched, replaced.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/app/log.h"
#include "lib/base/rand.h"
#include "socketmapd/sync_private.h"

#define PAUSE_FIRST_MS SECONDS(5)
#define PAUSE_MAX_MS MINUTES(10)
#define PAUSE_NUDGED_MS SECONDS(1)

static void start_now(void *arg);

/* From 5 s to 10 min, a fifth more or less, so that hosts do not come together. */
static int64_t pause_ms(const struct sync *s)
{
    int64_t pause = PAUSE_FIRST_MS;

    for (unsigned i = 1; i < s->failures && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    if (pause > PAUSE_MAX_MS)
        pause = PAUSE_MAX_MS;
    return pause * 4 / 5 + (int64_t)rand_below((uint32_t)(pause * 2 / 5));
}

static void failed(struct sync *s, const char *why)
{
    s->failures++;
    s->reading = false;
    s->first_server = (s->first_server + 1) % s->order.config.n_servers;
    if (s->failures == 1 || strcmp(s->trouble, why) != 0)
        log_error("recipients source %s cannot be read: %s; %s", s->set->name, why,
                  s->in_force != NULL ? "the set in force answers on" : "there is no set yet, so unknown recipients are put off (4xx)");
    snprintf(s->trouble, sizeof(s->trouble), "%s", why);
    loop_timer_stop(&s->stall);
    loop_timer_stop(&s->again);
    sync_reader_start(s, s->read_asked ? 0 : pause_ms(s));      /* who asked for a reading gets one, though the child was about to end */
    s->read_asked = false;
}

static void on_stall(void *arg)
{
    struct sync *s = arg;

    child_kill(s->child);
    child_free(&s->child);
    failed(s, "the directory has said nothing for sync.stall");
}

static void expect_more(struct sync *s)
{
    loop_timer_start(s->loop, &s->stall, s->set->sync.stall_ms + (s->reading ? 0 : s->set->sync.interval_ms), on_stall, s);
}

/* ---- what it says ---- */

static void on_proposal(struct sync *s, const struct sync_note *n)
{
    if (s->failures > 0)
        log_info("recipients source %s can be read again", s->set->name);
    s->failures = 0;
    s->trouble[0] = '\0';
    s->reading = s->read_asked = false;
    s->first_server = s->proposed_by = n->server;
    sync_judge(s, (struct sync_upto){ n->serial, loop_now_ms(s->loop) - (int64_t)n->behind_ms });
}

static void on_note(struct sync *s, const struct sync_note *n)
{
    if (n->said != SYNC_SAID_ADDED && n->said != SYNC_SAID_FAILED && n->text[0] != '\0')
        snprintf(s->way, sizeof(s->way), "%.31s", n->text);
    switch (n->said) {
    case SYNC_SAID_PROGRESS:
        if (n->number > 0)
            s->reading = true;
        s->entries = n->number > 0 ? n->number : s->entries;
        break;
    case SYNC_SAID_PROPOSAL:
        on_proposal(s, n);
        break;
    case SYNC_SAID_CURRENT:
        if (s->merging == NULL)
            sync_confirmed(s, !s->held);
        break;
    case SYNC_SAID_ADDED:
        sync_tell_news(s, span_str(n->text), n->serial, n->number != 0, n->more);
        break;
    case SYNC_SAID_FAILED:
        child_free(&s->child);
        failed(s, n->text);
        return;
    }
    expect_more(s);
}

static void on_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct sync *s = arg;
    struct sync_note n;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    (void)c;
    if (s->child == NULL)
        return;
    if (sync_note_decode(msg, &n)) {
        on_note(s, &n);
        return;
    }
    child_kill(s->child);
    child_free(&s->child);
    failed(s, "the reading process said something unreadable");
}

static void on_exit_child(struct child *c, int wait_status, void *arg)
{
    struct sync *s = arg;

    (void)c;
    (void)wait_status;
    if (s->child == NULL)
        return;
    child_free(&s->child);
    failed(s, "the reading process ended");
}

static const struct child_handler handler = { .on_message = on_message, .on_exit = on_exit_child };

/* ---- starting ---- */

static int domains_file(const struct sync *s)
{
    int fd = memfd_create("domains", MFD_CLOEXEC);
    span all = buf_span(&s->domains);

    for (size_t done = 0; fd >= 0 && done < all.n;) {
        ssize_t n = write(fd, all.p + done, all.n - done);

        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    return fd;
}

static bool send_order(struct sync *s)
{
    int fd = domains_file(s);
    struct buf order;
    bool ok;

    buf_init(&order, CHILD_MESSAGE_MAX);
    s->order.first_server = s->first_server;
    sync_order_encode(&s->order, &order);
    ok = fd >= 0 && !order.overflow && child_send(s->child, buf_span(&order), &fd, 1) == 0;
    if (order.base != NULL)
        explicit_bzero(order.base, order.cap);
    buf_free(&order);
    if (fd >= 0)
        close(fd);
    return ok;
}

static void start_now(void *arg)
{
    static const struct child_spec spec = { .role = "rcpt-sync" };
    struct sync *s = arg;
    struct errtext err = { "" };

    s->entries = 0;
    s->reading = true;
    s->child = child_start(s->loop, &spec, &handler, s, &err);
    if (s->child == NULL) {
        failed(s, err.text);
    } else if (!send_order(s)) {
        child_free(&s->child);
        failed(s, "the reading process takes no order (too many domains or servers?)");
    } else {
        expect_more(s);
    }
}

void sync_reader_start(struct sync *s, int64_t delay_ms)
{
    loop_timer_start(s->loop, &s->start, delay_ms, start_now, s);
}

void sync_reader_stop(struct sync *s)
{
    loop_timer_stop(&s->start);
    loop_timer_stop(&s->stall);
    loop_timer_stop(&s->again);
    child_free(&s->child);
    s->read_asked = false;
}

bool sync_reader_say(struct sync *s, const char *word)
{
    return s->child != NULL && child_send(s->child, span_str(word), NULL, 0) == 0;
}

void sync_nudge(struct sync *s)
{
    if (!share_follows(s->share) && s->child == NULL && s->serving && loop_timer_active(&s->start) && s->start.due_ms > loop_now_ms(s->loop) + PAUSE_NUDGED_MS)
        sync_reader_start(s, PAUSE_NUDGED_MS);
}

bool sync_read_now(struct sync *s)
{
    if (sync_reader_say(s, SYNC_READ_ALL)) {
        s->read_asked = true;
        return true;
    }
    if (share_follows(s->share))
        share_look_now(s->share);
    else if (s->serving && s->child == NULL)
        sync_reader_start(s, 0);
    return false;
}
