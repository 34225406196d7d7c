/* daemon_ctl.c - the commands that every daemon answers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/app/daemon_private.h"
#include "lib/app/id.h"
#include "lib/base/alloc.h"

/* ---- events ---- */

enum { FIND_ANSWERED = 0, FIND_NOTHING = 1, FIND_FAILED = 2, USAGE = 64 };

struct asked {
    struct ctl_request *request;
    size_t found;
};

static void on_found(span line, bool done, const char *error, void *arg)
{
    struct asked *a = arg;
    int status;

    if (!done) {
        a->found++;
        ctl_write(a->request, line);
        ctl_write(a->request, SPAN("\n"));
        return;
    }
    if (error != NULL)
        ctl_complain(a->request, "%s\n", error);
    status = error != NULL ? FIND_FAILED : a->found > 0 ? FIND_ANSWERED : FIND_NOTHING;
    ctl_finish(&a->request, status);
    free(a);
}

static struct asked *asked_new(struct ctl_request *r)
{
    struct asked *a = xcalloc(1, sizeof *a);

    a->request = r;
    return a;
}

static void usage(struct ctl_request *r, const char *text)
{
    ctl_complain(r, "usage: %s\n", text);
    ctl_finish(&r, USAGE);
}

static void run_explain(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    struct events_query q = { .id = ctl_arg(r, 0) };

    if (ctl_argc(r) != 1 || !id_valid(q.id)) {
        usage(r, "explain ID (13 letters and digits, as in the log and in replies)");
        return;
    }
    events_find(d->events, &q, on_found, asked_new(r));
}

/* "--name=NUMBER"; false (and told) when it is there and not a number. */
static bool number_option(struct ctl_request *r, const char *name, uint64_t *value)
{
    span text;

    if (!ctl_option(r, name, &text))
        return true;
    if (span_to_u64(text, value))
        return true;
    ctl_complain(r, "%s takes a number\n", name);
    return false;
}

static void run_events_find(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    struct events_query q = { .limit = 0 };
    uint64_t since_ms = 60 * 60 * 1000, limit = 0;

    ctl_option(r, "--address", &q.address);
    ctl_option(r, "--rcpt", &q.rcpt);
    ctl_option(r, "--from", &q.from);
    ctl_option(r, "--client", &q.client);
    ctl_option(r, "--outcome", &q.outcome);
    if (!number_option(r, "--since", &since_ms) || !number_option(r, "--limit", &limit) || since_ms > INT64_MAX / 2) {
        ctl_finish(&r, USAGE);
        return;
    }
    if (q.address.n + q.rcpt.n + q.from.n + q.client.n + q.outcome.n == 0 && !ctl_option(r, "--all", NULL)) {
        usage(r, "events find --all|--address=A|--rcpt=A|--from=A|--client=IP|--outcome=O [--since=MILLISECONDS] [--limit=N]");
        return;
    }
    q.since_wall_ms = loop_wall_ms(d->loop) - (int64_t)since_ms;
    q.limit = limit;
    events_find(d->events, &q, on_found, asked_new(r));
}

static void run_events_purge(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    span address;

    if (!ctl_option(r, "--address", &address) || address.n == 0) {
        usage(r, "events purge --address=A");
        return;
    }
    log_info("events: every record that names an address given to gatepostctl is removed");
    events_purge(d->events, address, on_found, asked_new(r));
}

/* ---- state ---- */

static void run_status(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    const struct daemon_private *p = d->priv;
    struct buf numbers;
    int64_t up_s = (loop_now_ms(d->loop) - p->started_ms) / 1000;

    ctl_print(r, "daemon: gatepost-%s\nversion: %s\npid: %d\nuptime: %" PRId64 "\nstate: %s\n", d->name, GATEPOST_VERSION,
              (int)getpid(), up_s, d->draining ? "ending" : d->serving ? "running" : "not serving");
    ctl_print(r, "config: %s\nconfig-digest: %s\nmode: %s\nreloads: %" PRIu64 "\nreloads-refused: %" PRIu64 "\n", d->settings->file,
              d->settings->digest, d->settings->mode == MODE_OBSERVE ? "observe" : "enforce", p->reloads, p->reload_failures);
    for (size_t i = 0; i < p->n_listeners; i++)
        ctl_print(r, "listen: %s (%zu clients)\n", listener_address(p->listeners[i]), listener_clients(p->listeners[i]));
    if (p->ops->describe != NULL) {
        buf_init(&numbers, 64 * 1024);
        p->ops->describe(d, &numbers);
        ctl_write(r, buf_span(&numbers));
        buf_free(&numbers);
    }
    if (ctl_option(r, "--stats", NULL)) {
        buf_init(&numbers, 4 * 1024 * 1024);
        stats_print(d->stats, &numbers);
        ctl_write(r, buf_span(&numbers));
        buf_free(&numbers);
    }
    ctl_finish(&r, 0);
}

static void run_stats(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    struct buf text;

    buf_init(&text, 4 * 1024 * 1024);
    stats_print(d->stats, &text);
    ctl_write(r, buf_span(&text));
    buf_free(&text);
    ctl_finish(&r, 0);
}

static void run_config_digest(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;

    ctl_print(r, "%s\n", d->settings->digest);
    ctl_finish(&r, 0);
}

static void run_reload(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    struct buf words;
    int status;

    buf_init(&words, 64 * 1024);
    status = daemon_reload(d, &words) == 0 ? 0 : DAEMON_RELOAD_REFUSED;
    if (status == 0)
        ctl_print(r, "ok\n");
    ctl_complain(r, "%s", buf_cstr(&words));
    buf_free(&words);
    ctl_finish(&r, status);
}

static void run_log_level(struct ctl_request *r, void *arg)
{
    static const char *const words[] = { "error", "warning", "info", "debug" };
    struct daemon *d = arg;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!span_eq(ctl_arg(r, 0), span_str(words[i])))
            continue;
        log_reconfigure(&(struct set_log){ .to = d->settings->log.to, .level = (int)i });
        log_info("log level %s, until the next reload", words[i]);
        ctl_finish(&r, 0);
        return;
    }
    usage(r, "log-level error|warning|info|debug");
}

const struct ctl_command daemon_commands[] = {
    { "explain", "ID", "The records of one decision, as JSON lines.", run_explain },
    { "events find", "--all|--address=A|--rcpt=A|--from=A|--client=IP|--outcome=O [--since=MS] [--limit=N]", "Records that name it, as JSON lines.",
      run_events_find },
    { "events purge", "--address=A", "Removes every record that names the address.", run_events_purge },
    { "status", "[--stats]", "Version, uptime, configuration, listeners.", run_status },
    { "stats", "", "Counters and gauges as Prometheus text.", run_stats },
    { "config-digest", "", "SHA-256 of the configuration in force.", run_config_digest },
    { "reload", "", "Takes over the configuration file, as SIGHUP does.", run_reload },
    { "log-level", "error|warning|info|debug", "What is logged until the next reload.", run_log_level },
    { NULL, NULL, NULL, NULL },
};
