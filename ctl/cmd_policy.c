/* cmd_policy.c - what policyd would answer: to one request now, or to those of yesterday under another configuration.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/gatepostctl.h"
#include "lib/base/alloc.h"

enum { RECORDS_DEFAULT = 200000, RECORDS_MOST = 1000000 };

/* ---- explain ---- */

enum { STDIN_MOST = 64 * 1024, ATTRIBUTES_MOST = 128 };

/* A request as Postfix sends it, or as a log has it: name=value lines. */
static int explain_stdin(struct env *env)
{
    const char *words[2 + ATTRIBUTES_MOST] = { "policy", "explain" };
    static char text[STDIN_MOST + 1];
    size_t n = fread(text, 1, STDIN_MOST, stdin), n_words = 2;
    char *line, *rest = text;

    text[n] = '\0';
    while ((line = strsep(&rest, "\r\n")) != NULL && n_words < 2 + ATTRIBUTES_MOST) {
        if (line[0] != '\0' && strncmp(line, "request=", 8) != 0)
            words[n_words++] = line;
    }
    for (size_t i = 2; i < n_words; i++) {
        if (strchr(words[i], '=') == NULL)
            return usage_error(&cmd_policy, "standard input: \"%.100s\" is not name=value", words[i]);
    }
    if (n_words == 2)
        return usage_error(&cmd_policy, "standard input names no attribute");
    return pass_through(env, "policyd", REACH_FULL, words, n_words);
}

static int run_explain(struct env *env, int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "-") == 0)
        return explain_stdin(env);
    if (argc < 3)
        return usage_error(&cmd_policy, "which attributes?");
    for (int i = 2; i < argc; i++)
        if (strchr(argv[i], '=') == NULL)
            return usage_error(&cmd_policy, "\"%s\" is not name=value", argv[i]);
    return pass_through(env, "policyd", REACH_FULL, (const char *const *)(uintptr_t)argv, (size_t)argc);
}

/* ---- replay ---- */

struct sink { int fd; bool failed; };

static void to_file(bool is_error, span text, void *arg)
{
    struct sink *s = arg;

    if (is_error) {
        fwrite(text.p, 1, text.n, stderr);
        return;
    }
    while (text.n > 0 && !s->failed) {
        ssize_t n = write(s->fd, text.p, text.n);

        if (n < 0 && errno != EINTR)
            s->failed = true;
        else if (n > 0)
            text = span_from(text, (size_t)n);
    }
}

/* The records that policyd has, as the configuration in force says; a descriptor, or -1 (told). */
static int fetch_records(struct env *env, int64_t since_ms, uint64_t limit)
{
    struct sink sink = { memfd_create("records", MFD_CLOEXEC), false };
    char since[40], most[40];
    const char *words[] = { "events", "find", "--all", since, most };
    struct errtext err = { .text = "" };
    struct reach r;
    int status;

    snprintf(since, sizeof since, "--since=%" PRId64, since_ms);
    snprintf(most, sizeof most, "--limit=%" PRIu64, limit);
    if (reach_daemon(env, "policyd", REACH_COMMON, &r, &err) != REACHED) {
        fprintf(stderr, "gatepostctl: gatepost-policyd: %s\n", err.text);
        goto fail;
    }
    status = sink.fd >= 0 ? ctl_client_call(r.sock, words, 5, NULL, 0, to_file, &sink, &err) : -1;
    reach_close(&r);
    if (status >= 0 && status <= CTL_NO && !sink.failed)
        return sink.fd;
    fprintf(stderr, "gatepostctl: the records could not be fetched%s%s\n", err.text[0] != '\0' ? ": " : "", err.text);
fail:
    if (sink.fd >= 0)
        close(sink.fd);
    return -1;
}

/* Under the new file, in a policyd of its own that serves nobody. */
static int decide_again(const char *config, int records, const char *show)
{
    struct env other = { .config = config };
    char *shown = show != NULL ? xasprintf("--show=%s", show) : NULL;
    const char *words[] = { "policy", "replay", shown };
    struct errtext err = { .text = "" };
    struct reach r;
    int status = CTL_FAILED;

    if (env_settings(&other) != NULL) {
        if (reach_own(&other, "policyd", REACH_FULL, &r, &err) == REACHED) {
            status = reach_print(&r, "policyd", words, shown != NULL ? 3 : 2, &records, 1);
            reach_close(&r);
        } else {
            fprintf(stderr, "gatepostctl: %s\n", err.text);
        }
        settings_unref(&other.settings);
    }
    free(shown);
    return status;
}

static int run_replay(struct env *env, int argc, char **argv)
{
    const char *config = NULL, *since = "1d", *show = NULL, *most = NULL, *unknown;
    uint64_t limit = RECORDS_DEFAULT;
    struct errtext err;
    bool missing = false;
    int64_t since_ms;
    int records, status;

    args_value(&argc, argv, "-c", &config, &missing);
    args_value(&argc, argv, "--since", &since, &missing);
    args_value(&argc, argv, "--show", &show, &missing);
    args_value(&argc, argv, "--limit", &most, &missing);
    if (missing)
        return usage_error(&cmd_policy, "an option wants a value");
    if ((unknown = args_unknown(&argc, argv)) != NULL || argc != 2)
        return usage_error(&cmd_policy, unknown != NULL ? "no option %s" : "too many words%s", unknown != NULL ? unknown : "");
    if (config == NULL)
        return usage_error(&cmd_policy, "under which configuration? (-c NEW.yaml)");
    if (!args_duration("--since", since, &since_ms, &err))
        return usage_error(&cmd_policy, "--since: %s", err.text);
    if (most != NULL && (!span_to_u64(span_str(most), &limit) || limit == 0 || limit > RECORDS_MOST))
        return usage_error(&cmd_policy, "--limit: \"%s\" is not a number from 1 to %d", most, RECORDS_MOST);
    if (env_settings(env) == NULL || (records = fetch_records(env, since_ms, limit)) < 0)
        return CTL_FAILED;
    status = decide_again(config, records, show);
    close(records);
    return status;
}

static int run_policy(struct env *env, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "explain") == 0)
        return run_explain(env, argc, argv);
    if (argc > 1 && strcmp(argv[1], "replay") == 0)
        return run_replay(env, argc, argv);
    return usage_error(&cmd_policy, "explain or replay?");
}

const struct subcommand cmd_policy = {
    .name = "policy",
    .args = "explain NAME=VALUE...\nexplain -\nreplay [--since 1d] [--show N] [--limit N] -c NEW.yaml",
    .summary = "what policyd would answer to a request, and why; to those of yesterday under new rules",
    .help = "explain  The attributes are those of Postfix' policy protocol: client_address=192.0.2.7\n"
            "         helo_name=mx.example.net sender=a@example.net recipient=b@example.com ...; with - they are\n"
            "         read from standard input, one a line. Nothing is counted or remembered by the question.\n"
            "replay   decides the recorded requests again as NEW.yaml says, and shows what changes and for whom.\n"
            "         DNS lists and SPF are taken as they answered then; a list that was not asked says so. Limits\n"
            "         count from the first record on. --show: how many changes are shown one by one (20).\n"
            "         Exit status: 0 nothing changes, 1 something does, 2 it could not be found out.",
    .run = run_policy,
};
