/* cmd_pass.c - commands that one daemon answers in its own words: recipient, policy.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "ctl/gatepostctl.h"

static int run_recipient(struct env *env, int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "why") != 0)
        return usage_error(&cmd_recipient, "what about which address?");
    return pass_through(env, "socketmapd", REACH_FULL, (const char *const *)(uintptr_t)argv, (size_t)argc);
}

const struct subcommand cmd_recipient = {
    .name = "recipient",
    .args = "why ADDRESS",
    .summary = "why an address is taken or refused",
    .help = "Asks every source as gatepost-socketmapd would and tells what each said.\n"
            "Exit status: 0 known, 1 unknown, 2 not to be found out.",
    .run = run_recipient,
};

static int run_policy(struct env *env, int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "explain") != 0)
        return usage_error(&cmd_policy, "which attributes?");
    for (int i = 2; i < argc; i++)
        if (strchr(argv[i], '=') == NULL)
            return usage_error(&cmd_policy, "\"%s\" is not name=value", argv[i]);
    return pass_through(env, "policyd", REACH_FULL, (const char *const *)(uintptr_t)argv, (size_t)argc);
}

const struct subcommand cmd_policy = {
    .name = "policy",
    .args = "explain NAME=VALUE...",
    .summary = "what policyd would answer to a request, and why",
    .help = "The attributes are those of Postfix' policy protocol: client_address=192.0.2.7\n"
            "helo_name=mx.example.net sender=a@example.net recipient=b@example.com ...\n"
            "Nothing is counted or remembered by the question.",
    .run = run_policy,
};
