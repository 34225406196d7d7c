/* gatepostctl.c - the administrator's one command for the three daemons.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "ctl/gatepostctl.h"

#include <signal.h>
#include <stdlib.h>

static const struct subcommand *const subcommands[] = {
    &cmd_scan,   &cmd_recipient, &cmd_policy, &cmd_dnsbl, &cmd_limits, &cmd_greylist, &cmd_filter,    &cmd_redis,   &cmd_explain, &cmd_events,
    &cmd_config, &cmd_reload,    &cmd_status, &cmd_stats, &cmd_log_level, &cmd_doctor,
};

enum { N_SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static void print_help(FILE *to)
{
    fprintf(to, "usage: gatepostctl [-c FILE] COMMAND ...\n\n");
    for (size_t i = 0; i < N_SUBCOMMANDS; i++)
        fprintf(to, "  %-10s %s\n", subcommands[i]->name, subcommands[i]->summary);
    fprintf(to, "\n  -c FILE    configuration, default /etc/gatepost/gatepost.yaml\n"
                "  -V         print the version\n"
                "\n`gatepostctl COMMAND --help` tells more about one.\n");
}

static int run(struct env *env, int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return CTL_OK;
    }
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
        printf("gatepostctl %s\n", GATEPOST_VERSION);
        return CTL_OK;
    }
    argc--;
    argv++;
    for (size_t i = 0; i < N_SUBCOMMANDS; i++) {
        const struct subcommand *c = subcommands[i];

        if (strcmp(argv[0], c->name) != 0)
            continue;
        if (args_flag(&argc, argv, "--help") || args_flag(&argc, argv, "-h")) {
            command_help(c, stdout);
            return CTL_OK;
        }
        return c->run(env, argc, argv);
    }
    fprintf(stderr, "gatepostctl: no command \"%s\" (gatepostctl --help lists them)\n", argv[0]);
    return CTL_USAGE;
}

int main(int argc, char **argv)
{
    struct env env = { .config = "/etc/gatepost/gatepost.yaml" };
    bool missing = false;
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (!args_value(&argc, argv, "-c", &env.config, &missing))
        args_value(&argc, argv, "--config", &env.config, &missing);
    if (missing) {
        fprintf(stderr, "gatepostctl: -c wants a file\n");
        return CTL_USAGE;
    }
    status = run(&env, argc, argv);
    settings_unref(&env.settings);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("gatepostctl: stdout");
        return CTL_FAILED;
    }
    return status;
}
