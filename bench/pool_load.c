/* pool_load.c - the worker pool alone: scan.c driven without SMTP.
 *
 * pool_load GATEPOST.YAML JOBS: waits for the engine, says "ready"; then for each line "FILE MESSAGES FIRST" of its standard input gives so many
 * copies of FILE (message.h) to the pool, as the front gives them, JOBS at once, and prints "messages seconds p50_us p99_us bad".
 * Whoever measures looks at the processes' CPU before and after.  Bad ones were not clean.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/parts/local.h"
#include "bench/parts/message.h"
#include "cfilter/scan.h"
#include "cfilter/verdict.h"

enum { DEADLINE_MS = 60000, MESSAGES_MAX = 1000000 };

struct load {
    struct loop *loop;
    struct scan *scan;
    struct message message;
    unsigned long long next;
    uint64_t left, unfinished, bad;
    struct local_times times;
};

struct one {
    struct load *load;
    int64_t begun_us;
};

static void submit(struct load *l);

static void on_scanned(enum scan_outcome outcome, const struct facts *facts, const char *why, void *arg)
{
    struct one *o = arg;
    struct load *l = o->load;

    if (outcome != SCAN_DONE || !facts->complete || facts->n > 0) {
        if (l->bad++ == 0)
            warnx("%s: %s", scan_outcome_name(outcome), why != NULL ? why : facts->n > 0 ? facts->v[0].name : facts->incomplete_why);
    }
    local_times_add(&l->times, local_now_us() - o->begun_us);
    free(o);
    l->unfinished--;
    if (l->left > 0)
        submit(l);
}

static int memory_file(const struct message *m)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || write(fd, m->bytes, m->n) != (ssize_t)m->n ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        err(1, "memory file");
    return fd;
}

static void submit(struct load *l)
{
    struct one *o = malloc(sizeof(*o));
    int fd;

    if (o == NULL)
        err(1, "memory");
    *o = (struct one){ l, local_now_us() };
    message_number(&l->message, l->next++);
    fd = l->message.n <= SCAN_ALONG_BYTES ? -1 : memory_file(&l->message);
    l->left--;
    l->unfinished++;
    scan_submit(l->scan, &(struct scan_message){ .fd = fd, .bytes = span_of(l->message.bytes, l->message.n), .size = l->message.n,
                                                 .id = "0BENCH0000000", .want_virus = true },
                DEADLINE_MS, on_scanned, o);
    if (fd >= 0)
        close(fd);
}

static void run(struct load *l, const char *file, uint64_t jobs, uint64_t messages)
{
    message_load(&l->message, file, "\r\n");
    loop_turn(l->loop, 0);         /* its clock stood still while we waited for the line */
    l->left = messages;
    l->times.n = 0;
    l->bad = 0;
    for (uint64_t i = 0; i < jobs && l->left > 0; i++)
        submit(l);
    while (l->unfinished > 0)
        loop_turn(l->loop, 1000);
    message_free(&l->message);
}

static struct settings *read_settings(const char *path)
{
    struct conf_errors *errors = conf_errors_new();
    struct settings *set = settings_load(path, errors);

    if (set == NULL)
        errx(1, "%s is not usable", path);
    conf_errors_free(&errors);
    return set;
}

static const struct child_role roles[] = { { "scan-holder", scan_holder_run }, { NULL, NULL } };

int main(int argc, char **argv)
{
    struct load l = { .bad = 0 };
    struct errtext e = { "" };
    char file[4096];
    unsigned long long messages;

    child_main_if_asked(roles, argc, argv);
    if (argc != 3)
        errx(64, "usage: pool_load GATEPOST.YAML JOBS");
    struct settings *set = read_settings(argv[1]);

    l.loop = loop_new(&e);
    local_times_init(&l.times, MESSAGES_MAX);
    if (l.loop == NULL || (l.scan = scan_new(l.loop, set, NULL, &e)) == NULL)
        errx(1, "%s", e.text);
    while (!scan_ready(l.scan))
        loop_turn(l.loop, 100);
    printf("ready\n");
    fflush(stdout);
    while (scanf("%4095s %llu %llu", file, &messages, &l.next) == 3) {
        int64_t begun = local_now_us();

        run(&l, file, strtoull(argv[2], NULL, 10), messages);
        local_times_print(&l.times, local_now_us() - begun, l.bad);
        fflush(stdout);
    }
    scan_free(&l.scan);
    settings_unref(&set);
    loop_free(&l.loop);
    return 0;
}
