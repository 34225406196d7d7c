/* cmd_config.c - the configuration: what is in force, is it right, what does a key mean.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/gatepostctl.h"
#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "lib/conf/conf_types.h"

enum { SHOW_MOST = 16 * 1024 * 1024 };

/* ---- show ---- */

static int config_show(struct env *env, bool all)
{
    const struct settings *set = env_settings(env);
    struct buf text;

    if (set == NULL)
        return CTL_NO;
    buf_init(&text, SHOW_MOST);
    conf_show(settings_rows, set, set->marks, all, &text);
    fwrite(buf_cstr(&text), 1, text.len, stdout);
    buf_free(&text);
    return CTL_OK;
}

/* ---- check ---- */

/* "gatepost-X -t": what it says on stderr, and its exit status (-1: not run). */
static int run_check(struct env *env, const char *daemon, struct buf *said)
{
    char *binary = reach_binary(daemon);
    int pair[2], status = -1;
    pid_t pid;
    ssize_t n;

    if (pipe(pair) < 0 || (pid = fork()) < 0) {
        free(binary);
        return -1;
    }
    if (pid == 0) {
        dup2(pair[1], STDERR_FILENO);
        close_range(STDERR_FILENO + 1, ~0U, 0);
        execlp(binary, binary, "-c", env->config, "-t", (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    do {
        char *room = buf_reserve(said, 4096);

        n = room != NULL ? read(pair[0], room, 4096) : 0;
        if (n > 0)
            buf_commit(said, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    close(pair[0]);
    free(binary);
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static void print_new_lines(struct map *seen, span text)
{
    span line;

    while (span_next(&text, '\n', &line))
        if (line.n > 0 && map_put(seen, line, seen) == NULL)
            fprintf(stderr, "%.*s\n", SPAN_ARG(line));
}

bool config_check_all(struct env *env)
{
    struct map *seen;
    bool good = true;

    if (env_settings(env) == NULL)           /* the same for all three: has been told */
        return false;
    seen = map_new();
    for (size_t i = 0; daemon_names[i] != NULL; i++) {
        struct buf said;
        int status;

        buf_init(&said, 1024 * 1024);
        status = run_check(env, daemon_names[i], &said);
        print_new_lines(seen, buf_span(&said));
        if (status == 127)
            fprintf(stderr, "gatepostctl: gatepost-%s could not be started\n", daemon_names[i]);
        else if (status != 0 && said.len == 0)
            fprintf(stderr, "gatepostctl: gatepost-%s -t failed\n", daemon_names[i]);
        good = good && status == 0;
        buf_free(&said);
    }
    map_free(&seen, NULL);
    return good;
}

/* ---- help ---- */

static const struct conf_key *find_row(const struct conf_key *rows, span name)
{
    for (; rows != NULL && rows->name != NULL; rows++)
        if (span_eq(span_str(rows->name), name))
            return rows;
    return NULL;
}

/* "policy.dnsbl[1].zone" or "policy.dnsbl.zone"; of what is named by the user (networks.NAME) any name will do. */
static const struct conf_key *find_key(const char *path)
{
    const struct conf_key *rows = settings_rows, *row = NULL;
    span rest = span_str(path), piece;

    while (span_next(&rest, '.', &piece)) {
        piece = span_head(piece, span_find(piece, '['));
        if (row != NULL && row->type == CONF_NAMED && find_row(rows, piece) == NULL)
            continue;
        row = find_row(rows, piece);
        if (row == NULL)
            return NULL;
        rows = row->sub;
    }
    return row;
}

static void print_rows(const struct conf_key *rows, const char *lead)
{
    for (; rows != NULL && rows->name != NULL; rows++)
        printf("%s%-22s %s\n", lead, rows->name, rows->help != NULL ? rows->help : "");
}

static void print_bounds(const struct conf_key *row)
{
    struct buf text;

    if (row->min == 0 && row->max == 0)
        return;
    buf_init(&text, 256);
    conf_bound_format(row->type, row->min, &text);
    buf_append_str(&text, " to ");
    conf_bound_format(row->type, row->max, &text);
    printf("  range:     %s\n", buf_cstr(&text));
    buf_free(&text);
}

static void print_row(const char *path, const struct conf_key *row)
{
    printf("%s: %s\n", path, row->help != NULL ? row->help : "");
    printf("  value:     %s\n", conf_type_noun(row->type));
    if (row->words != NULL) {
        printf("  words:    ");
        for (size_t i = 0; row->words[i] != NULL; i++)
            printf(" %s", row->words[i]);
        printf("\n");
    }
    print_bounds(row);
    if (row->dflt != NULL && strcmp(row->dflt, "!") == 0)
        printf("  must be given\n");
    else if (row->sub == NULL)
        printf("  default:   %s\n", row->dflt == NULL ? "none" : row->dflt[0] == '\0' ? "\"\"" : row->dflt);
    if (row->sub == NULL)
        printf("  on reload: %s\n", row->apply == APPLY_LIVE ? "taken over" : "waits for a restart");
    print_rows(row->sub, "    ");
}

static int config_help(const char *path)
{
    const struct conf_key *row;

    if (path == NULL) {
        print_rows(settings_rows, "  ");
        return CTL_OK;
    }
    row = find_key(path);
    if (row == NULL) {
        fprintf(stderr, "gatepostctl: no key \"%s\" (gatepostctl config help lists them)\n", path);
        return CTL_NO;
    }
    print_row(path, row);
    return CTL_OK;
}

static int run_config(struct env *env, int argc, char **argv)
{
    bool all = args_flag(&argc, argv, "--all");
    const char *verb = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "show") == 0 && argc == 2)
        return config_show(env, all);
    if (strcmp(verb, "check") == 0 && argc == 2)
        return config_check_all(env) ? CTL_OK : CTL_NO;
    if (strcmp(verb, "help") == 0 && argc <= 3)
        return config_help(argc == 3 ? argv[2] : NULL);
    return usage_error(&cmd_config, "show, check or help?");
}

const struct subcommand cmd_config = {
    .name = "config",
    .args = "show [--all]\ncheck\nhelp [KEY]",
    .summary = "shows, checks and explains the configuration file",
    .help = "show   what the file says; with --all the defaults too.  Secrets are not shown.\n"
            "check  everything that is wrong, as FILE:LINE:COLUMN: KEY: REASON; exit status 1 then\n"
            "help   what a key (policy.score.reject) means, its default and range",
    .run = run_config,
};
