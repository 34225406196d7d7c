/* main.c - gatepost-cfilter: is this message clean?
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <malloc.h>
#include <stdlib.h>

#include "cfilter/ctl_scan.h"
#include "cfilter/fate.h"
#include "cfilter/front.h"
#include "cfilter/relay_keep.h"
#include "cfilter/session.h"
#include "cfilter/split.h"
#include "cfilter/unscannable.h"
#include "lib/base/alloc.h"

static const struct conf_strings *addresses(const struct settings *s)
{
    return &s->listen.filter;
}

static int check(const struct settings *s, struct conf_errors *errors)
{
    if (s->filter.reinject != NULL && s->filter.reinject[0] != '\0')
        return 0;
    settings_error(s, errors, "filter.reinject", "must be given: where clean messages go (try 127.0.0.1:10026)");
    return -1;
}

static void make_counters(struct front *f, struct stats *st)
{
    static const char name[] = "messages", help[] = "messages by what was done with them";

    f->messages = stats_counter(st, "messages_total", "messages that came whole", NULL, NULL);
    f->accepted = stats_counter(st, name, help, "action", "accept");
    f->tagged = stats_counter(st, name, help, "action", "tag");
    f->rejected = stats_counter(st, name, help, "action", "reject");
    f->deferred = stats_counter(st, name, help, "action", "defer");
    f->observed = stats_counter(st, "messages_observed", "messages that enforcing would have treated otherwise", NULL, NULL);
    for (size_t i = FACT_CLASS_NONE + 1; i < FACT_CLASSES; i++)
        f->classes[i] = stats_counter(st, "findings", "messages with something suspicious or unchecked, by its class", "class",
                                      fact_class_name((enum fact_class)i));
    f->forged = stats_counter(st, "handover_forged", "hand-over fields that policyd did not write", NULL, NULL);
    f->bad_lines = stats_counter(st, "bad_commands", "command lines that are none, or out of turn", NULL, NULL);
    f->not_tried = stats_counter(st, "messages_not_tried", "messages answered without a scan because a worker has died of them before", NULL, NULL);
    f->put_off = stats_counter(st, "recipients_put_off", "recipients of another class, told to come again apart (filter.mixed: split)", NULL, NULL);
    f->gone = stats_counter(st, "fronts_gone", "connections that ended inside a message", NULL, NULL);
}

/* Without the key every message is judged by its client's address alone: mail flows, logins lose their exemption. */
static void load_key(struct front *f, const struct settings *s, bool create)
{
    struct errtext err;

    f->have_key = handover_key_of(s, create, &f->key, &err) == 0;
    if (!f->have_key)
        log_warning("hand-over key: %s; logins are not exempt from the spam rules until it can be read", err.text);
}

/* What one message frees the next one takes: given back to the kernel in between, it costs two calls and its pages anew, each time. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 2 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_TOP_PAD, 1024 * 1024);
}

static struct fate *open_fate(const struct daemon *d)
{
    char *path = xasprintf("%s/policyd.ctl", d->settings->process.run_directory);
    struct fate *fate = fate_new(d->loop, path, d->stats);

    free(path);
    return fate;
}

static int start(struct daemon *d, struct errtext *err)
{
    struct front *f = xcalloc(1, sizeof(*f));

    keep_memory();
    d->state = f;
    f->daemon = d;
    f->split = split_memory_new();
    f->blocks = spool_blocks_new(d->loop, (uint64_t)d->settings->filter.spool_memory_shared_bytes);
    f->relays = relay_keep_new();
    make_counters(f, d->stats);
    load_key(f, d->settings, d->serving);
    if (front_make_spool(f, d->settings, err) != 0)
        return -1;
    if (store_watch_open(&f->watch, d, err) < 0)
        return -1;
    f->store = f->watch.store;
    f->fate = d->serving ? open_fate(d) : NULL;
    f->poison = poison_new();
    if (f->store != NULL)
        unscannable_load(f->store, f->poison);
    f->scan = scan_new(d->loop, d->settings, d->stats, err);
    return f->scan != NULL ? 0 : -1;
}

static int reload(struct daemon *d, struct settings *neu, struct errtext *err)
{
    struct front *f = d->state;

    if (front_make_spool(f, neu, err) != 0 || scan_reconfigure(f->scan, neu, err) != 0)
        return -1;
    spool_blocks_limit(f->blocks, (uint64_t)neu->filter.spool_memory_shared_bytes);
    load_key(f, neu, d->serving);
    return 0;
}

static void on_client(struct daemon *d, struct listener *l, int fd)
{
    session_new(d->state, l, fd);
}

static void drain(struct daemon *d)
{
    session_drain_all(d->state);
}

static size_t busy(struct daemon *d)
{
    const struct front *f = d->state;

    return f->busy;
}

static void describe(struct daemon *d, struct buf *to)
{
    const struct front *f = d->state;

    if (f == NULL)                     /* asked without a running daemon */
        return;
    store_watch_describe(&f->watch, to);
    scan_describe(f->scan, to);
}

static void stop(struct daemon *d)
{
    struct front *f = d->state;

    if (f == NULL)
        return;
    session_close_all(f);
    fate_free(&f->fate);
    scan_free(&f->scan);
    store_watch_close(&f->watch);
    poison_free(&f->poison);
    split_memory_free(&f->split);
    relay_keep_free(&f->relays);
    spool_blocks_free(&f->blocks);
    explicit_bzero(&f->key, sizeof(f->key));
    free(f);
    d->state = NULL;
}

static const struct child_role roles[] = {
    { "scan-holder", scan_holder_run },
    { "store-saver", store_saver_run },
    { NULL, NULL },
};

static const struct daemon_ops ops = {
    .name = "cfilter", .roles = roles, .children_mount = true, .commands = cfilter_commands, .addresses = addresses, .check = check, .start = start,
    .reload = reload, .on_client = on_client, .drain = drain, .busy = busy, .describe = describe, .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&ops, argc, argv);
}
