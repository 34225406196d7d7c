/* store_embedded_save.c - has the child "store-saver" copy the run file to disk, every save_interval and at the end.
 *
 * The child reads the run file itself; a message says only "now", its answer "ok" or what failed.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/store/store_embedded.h"

#define SAVE_WITHIN_MS SECONDS(120)    /* a disk that takes longer has a problem that should be seen */
#define SAVE_LAST_MS   SECONDS(5)

static void save_again_in(struct embedded *e, int64_t ms);

static void save_failed(struct embedded *e, const char *why)
{
    snprintf(e->problem, sizeof(e->problem), "copy to %s: %s", e->disk_path, why);
    e->saving = false;
}

static void on_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct embedded *e = arg;
    char why[200];

    (void)c;
    (void)fds;
    (void)nfds;
    if (!e->saving)
        return;
    if (span_eq(msg, SPAN("ok"))) {
        e->problem[0] = '\0';
        e->saving = false;
        e->saves++;
    } else {
        snprintf(why, sizeof(why), "%.*s", SPAN_ARG(span_head(msg, sizeof(why) - 1)));
        save_failed(e, why);
    }
    save_again_in(e, e->save_interval_ms);
}

static void on_exit(struct child *c, int wait_status, void *arg)
{
    struct embedded *e = arg;

    (void)c;
    (void)wait_status;
    child_free(&e->saver);
    save_failed(e, "the process that makes the copy ended");
    save_again_in(e, e->save_interval_ms);
}

static const struct child_handler saver_handler = { .on_message = on_message, .on_exit = on_exit };

static bool saver_ready(struct embedded *e)
{
    const char *args[] = { e->run_path, e->disk_path, NULL };
    struct child_spec spec = { .role = "store-saver", .args = args };
    struct errtext err = { "" };

    if (e->saver == NULL)
        e->saver = child_start(e->store.loop, &spec, &saver_handler, e, &err);
    if (e->saver == NULL)
        save_failed(e, err.text);
    return e->saver != NULL;
}

static void save_now(struct embedded *e)
{
    embedded_mark_time(e);
    if (!saver_ready(e))
        return;
    e->saving = true;
    if (child_send(e->saver, SPAN("save"), NULL, 0) < 0)
        save_failed(e, "the process that makes the copy takes no more orders");
}

static void on_save_timer(void *arg)
{
    struct embedded *e = arg;

    if (e->saving) {
        save_failed(e, "not done within 120 s");
        child_free(&e->saver);
    }
    save_now(e);
    save_again_in(e, e->saving ? SAVE_WITHIN_MS : e->save_interval_ms);
}

static void save_again_in(struct embedded *e, int64_t ms)
{
    loop_timer_start(e->store.loop, &e->save_timer, ms, on_save_timer, e);
}

void embedded_save_start(struct embedded *e)
{
    if (e->save_interval_ms > 0)
        save_again_in(e, e->save_interval_ms);
}

static void wait_for_copy(struct embedded *e, int64_t until_us)
{
    int64_t left_us;

    while (e->saving && (left_us = until_us - loop_now_us(e->store.loop)) > 0 && loop_turn(e->store.loop, left_us / 1000 + 1))
        continue;
}

void embedded_save_stop(struct embedded *e)
{
    int64_t until_us = loop_now_us(e->store.loop) + SAVE_LAST_MS * 1000;

    loop_timer_stop(&e->save_timer);
    if (e->save_interval_ms > 0) {
        e->save_interval_ms = DAYS(1);          /* the answer must not start another round */
        wait_for_copy(e, until_us);             /* one under way may have begun before the last change */
        if (!e->saving)
            save_now(e);
        wait_for_copy(e, until_us);
        loop_timer_stop(&e->save_timer);
    }
    child_free(&e->saver);
}
