/* cmd_scan.c - what cfilter would do with messages, and why.
 *
 * The messages travel as descriptors, so that the daemon needs no right to the files.  Its command is
 *   scan [--client=IP] [--helo=NAME] [--from=ADDR] [--rcpt=ADDR]... [--json] LABEL...
 * with one descriptor a label, in order; labels never begin with "--".  Exit status 0 accept, 1 reject, 2 undecided.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/gatepostctl.h"
#include "lib/app/ctl_server.h"
#include "lib/base/alloc.h"

enum { RECIPIENTS_MAX = 100, OPTIONS_MAX = 4 + RECIPIENTS_MAX };

struct scan {
    char *options[OPTIONS_MAX];
    size_t n_options;
    int status;                      /* the worst so far: 1 before 2 before 0 */
};

static void take_status(struct scan *s, int status)
{
    if (status != CTL_OK && status != CTL_NO)
        status = CTL_FAILED;
    if (status == CTL_NO || (status == CTL_FAILED && s->status == CTL_OK))
        s->status = status;
}

/* ---- messages ---- */

/* A pipe cannot be read twice, and the scanner reads a message as often as it likes. */
static int copy_to_memory(int from)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    char block[65536];
    ssize_t n = 0;

    while (fd >= 0 && (n = read(from, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || write(fd, block, (size_t)n) != n) {
            close(fd);
            return -1;
        }
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static int open_message(const char *name)
{
    int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY), copy;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        goto fail;
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        goto fail;
    }
    if (S_ISREG(st.st_mode) && fd != STDIN_FILENO)
        return fd;
    copy = copy_to_memory(fd);
    if (copy < 0)
        goto fail;
    if (fd != STDIN_FILENO)
        close(fd);
    return copy;
fail:
    fprintf(stderr, "gatepostctl: %s: %s\n", name, strerror(errno));
    if (fd > STDIN_FILENO)
        close(fd);
    return -1;
}

static char *label_of(const char *name)
{
    if (strcmp(name, "-") == 0)
        return xstrdup("(stdin)");
    return name[0] == '-' ? xasprintf("./%s", name) : xstrdup(name);
}

/* Up to CTL_FDS_MAX messages in one request; how many names were used. */
static int scan_batch(struct scan *s, struct reach *r, char **names, int n)
{
    const char *words[1 + OPTIONS_MAX + CTL_FDS_MAX] = { "scan" };
    char *labels[CTL_FDS_MAX];
    int fds[CTL_FDS_MAX], used = 0;
    size_t n_fds = 0, w = 1;

    for (size_t i = 0; i < s->n_options; i++)
        words[w++] = s->options[i];
    for (; used < n && n_fds < CTL_FDS_MAX; used++) {
        fds[n_fds] = open_message(names[used]);
        if (fds[n_fds] < 0) {
            take_status(s, CTL_FAILED);
            continue;
        }
        words[w++] = labels[n_fds++] = label_of(names[used]);
    }
    if (n_fds > 0)
        take_status(s, reach_print(r, "cfilter", words, w, fds, n_fds));
    for (size_t i = 0; i < n_fds; i++) {
        close(fds[i]);
        free(labels[i]);
    }
    return used;
}

/* ---- which cfilter ---- */

/* The running one has its engine loaded; it serves when it works by the very file that was asked for. */
static bool same_configuration(struct env *env, struct reach *r)
{
    static const char *const words[] = { "config-digest" };
    struct errtext err;
    struct buf out;
    bool same;

    buf_init(&out, 4096);
    same = reach_call(r, words, 1, NULL, 0, &out, NULL, &err) == 0 &&
           span_eq(span_trim(buf_span(&out)), span_str(env_settings(env)->digest));
    buf_free(&out);
    return same;
}

static enum reach_result reach_scanner(struct env *env, struct reach *r, struct errtext *err)
{
    enum reach_result got = reach_daemon(env, "cfilter", REACH_RUNNING, r, err);

    if (got == REACHED) {
        if (same_configuration(env, r))
            return REACHED;
        fprintf(stderr, "gatepostctl: the running gatepost-cfilter has another configuration in force: works without it\n");
        reach_close(r);
    } else if (got == REACH_NOT_RUNNING) {
        fprintf(stderr, "gatepostctl: gatepost-cfilter is not running: works without it\n");
    } else if (env_settings(env) == NULL) {
        return REACH_FAILED;
    } else {
        fprintf(stderr, "gatepostctl: %s; works without it\n", err->text);
    }
    return reach_own(env, "cfilter", REACH_FULL, r, err);
}

/* ---- the command ---- */

static int take_options(struct scan *s, int *argc, char **argv)
{
    static const char *const names[] = { "--client", "--helo", "--from" };
    const char *rcpt;
    bool missing = false;

    for (size_t n = 0; args_value(argc, argv, "--rcpt", &rcpt, &missing); n++) {
        if (n == RECIPIENTS_MAX)
            return usage_error(&cmd_scan, "--rcpt is given more than %d times", RECIPIENTS_MAX);
        s->options[s->n_options++] = xasprintf("--rcpt=%s", rcpt);
    }
    if (missing)
        return usage_error(&cmd_scan, "--rcpt wants a value");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value, *again;

        if (args_value(argc, argv, names[i], &value, &missing))
            s->options[s->n_options++] = xasprintf("%s=%s", names[i], value);
        if (missing)
            return usage_error(&cmd_scan, "%s wants a value", names[i]);
        if (args_value(argc, argv, names[i], &again, &missing))
            return usage_error(&cmd_scan, "%s is given twice", names[i]);
    }
    if (args_flag(argc, argv, "--json"))
        s->options[s->n_options++] = xstrdup("--json");
    const char *unknown = args_unknown(argc, argv);
    if (unknown != NULL)
        return usage_error(&cmd_scan, "no option %s", unknown);
    return *argc < 2 ? usage_error(&cmd_scan, "which message?") : CTL_OK;
}

static int run_scan(struct env *env, int argc, char **argv)
{
    struct scan s = { .status = CTL_OK };
    struct errtext err = { .text = "" };
    struct reach r;
    int status = take_options(&s, &argc, argv);

    if (status == CTL_OK && reach_scanner(env, &r, &err) != REACHED) {
        fprintf(stderr, "gatepostctl: %s\n", err.text);
        status = CTL_FAILED;
    } else if (status == CTL_OK) {
        for (int i = 1; i < argc;)
            i += scan_batch(&s, &r, argv + i, argc - i);
        reach_close(&r);
        status = s.status;
    }
    for (size_t i = 0; i < s.n_options; i++)
        free(s.options[i]);
    return status;
}

const struct subcommand cmd_scan = {
    .name = "scan",
    .args = "[--client IP] [--helo NAME] [--from ADDR] [--rcpt ADDR]... [--json] FILE...|-",
    .summary = "what cfilter would do with a message, and why",
    .help = "Nothing is delivered, counted or learned.  Works with the running gatepost-cfilter when\n"
            "that has this very configuration in force, else with one of its own.\n"
            "Exit status: 0 accept, 1 reject, 2 could not be decided; of several files the highest\n"
            "of 1, 2, 0 in that order.",
    .run = run_scan,
};
