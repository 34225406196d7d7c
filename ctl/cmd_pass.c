/* cmd_pass.c - commands that one daemon answers in its own words: recipient, dnsbl, limits, greylist, filter, redis.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <string.h>

#include "ctl/gatepostctl.h"

/* Addresses are copied out of logs and replies, where they stand in <>. */
static void unbracket(char **address)
{
    size_t n = strlen(*address);

    if (n < 3 || (*address)[0] != '<' || (*address)[n - 1] != '>')
        return;
    (*address)[n - 1] = '\0';
    (*address)++;
}

static int run_recipient(struct env *env, int argc, char **argv)
{
    static const struct { const char *verb; int least, most; } verbs[] = {
        { "flush", 2, 3 }, { "count", 2, 2 }, { "list", 2, 3 }, { "add", 3, 4 }, { "deny", 3, 4 }, { "unset", 3, 3 }, { "sync", 3, 5 },
        { "export", 2, 2 },
    };
    const char *verb = argc > 1 ? argv[1] : "";
    const char *const *words = (const char *const *)(uintptr_t)argv;

    if (argc >= 3)
        unbracket(&argv[2]);
    if (strcmp(verb, "why") == 0 && argc == 3)
        return pass_through(env, "socketmapd", REACH_FULL, words, (size_t)argc);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verb, verbs[i].verb) == 0 && argc >= verbs[i].least && argc <= verbs[i].most)
            return pass_through(env, "socketmapd", REACH_RUNNING, words, (size_t)argc);
    }
    if (strcmp(verb, "import") == 0 && argc == 3)
        return import_recipients(env, argv[2]);
    return usage_error(&cmd_recipient, "what about which address?");
}

const struct subcommand cmd_recipient = {
    .name = "recipient",
    .args = "why ADDRESS\nlist [PART]\ncount\nflush [ADDRESS]\nadd ADDRESS [FOR]\ndeny ADDRESS [FOR]\nunset ADDRESS\n"
            "sync now|status|diff|accept|hold [on|off] [SOURCE]\nexport\nimport FILE|-",
    .summary = "why an address is taken or refused; what is known; the directory's readings",
    .help = "why    asks every source as gatepost-socketmapd would and tells what each said.\n"
            "       Exit status: 0 known, 1 unknown, 2 not to be found out.\n"
            "list   the addresses that are kept of a directory, and the overrides; PART: those that begin or end so (@example.com)\n"
            "count  how many answers it remembers, and how many addresses it keeps\n"
            "flush  has the running daemon forget one address, or all: the sources are asked again\n"
            "add    an address is taken, whatever the sources say, for a time (7d) or for good\n"
            "deny   an address is refused, likewise\n"
            "unset  it is as the sources say again\n"
            "sync   of a directory that is kept whole:\n"
            "       now     read all of it now\n"
            "       status  how old the set is, where it comes from, what is wrong. Exit status: 0 all fresh, 1 not\n"
            "       diff    what a held reading would remove and has added\n"
            "       accept  take a held reading\n"
            "       hold    readings remove nothing until `hold off`\n"
            "export the answers that are remembered: address, seconds left, answer, source, place\n"
            "import takes such lines; a no is left out, it could be out of date.\n"
            "       Exit status: 0 all taken, 1 some lines are wrong, 2 not all taken",
    .run = run_recipient,
};

static int run_dnsbl(struct env *env, int argc, char **argv)
{
    if (argc < 2 || argc > 3 || (strcmp(argv[1], "test") != 0 && (argc != 2 || strcmp(argv[1], "status") != 0)))
        return usage_error(&cmd_dnsbl, "status or test?");
    return pass_through(env, "policyd", REACH_RUNNING, (const char *const *)(uintptr_t)argv, (size_t)argc);
}

const struct subcommand cmd_dnsbl = {
    .name = "dnsbl",
    .args = "status\ntest [ADDRESS|NAME]",
    .summary = "whether each DNS list is in use, and why not",
    .help = "status  what the running gatepost-policyd knows of each list of policy.dnsbl\n"
            "test    asks the test entries of every list (RFC 5782) now; with an address or name, what each\n"
            "        list says of it, and why. Exit status: 0 no points, 1 points",
    .run = run_dnsbl,
};

static int run_limits(struct env *env, int argc, char **argv)
{
    static const struct { const char *verb; int least, most; } verbs[] = {
        { "show", 2, 3 }, { "top", 2, 3 }, { "reset", 3, 3 }, { "exempt", 3, 4 }, { "override", 4, 5 }, { "block", 3, 3 }, { "release", 3, 3 }, { "marks", 2, 2 },
    };

    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].verb) == 0 && argc >= verbs[i].least && argc <= verbs[i].most)
            return pass_through(env, "policyd", REACH_RUNNING, (const char *const *)(uintptr_t)argv, (size_t)argc);
    }
    return usage_error(&cmd_limits, "what about which key?");
}

const struct subcommand cmd_limits = {
    .name = "limits",
    .args = "show [KEY]\ntop [N]\nreset KEY\nexempt KEY [FOR]\noverride KEY RATE|default [FOR]\nblock LOGIN\nrelease LOGIN\nmarks",
    .summary = "what limits have counted; keys reset, exempt, overridden or blocked",
    .help = "show     what is counted under keys that begin with KEY (NAME, or NAME/VALUE as the log has it)\n"
            "top      the N keys (20) that have used most\n"
            "reset    a key is counted anew\n"
            "exempt   a key is not counted for a time (1d; 0 ends it)\n"
            "override a key gets a rate of its own (500/h, unlimited; default takes it back), for a time or for good\n"
            "block    a login is refused until it is released\n"
            "release  ends that, also for one that a limit with `block: yes` has blocked\n"
            "marks    who is exempt, has a rate of his own or is blocked\n"
            "All of it holds for every host that shares the store, there within ten seconds.\n"
            "Exit status: 0 done, 1 there was nothing to be done or the store did not answer",
    .run = run_limits,
};

static int run_greylist(struct env *env, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if ((strcmp(verb, "show") == 0 && argc <= 3) || (strcmp(verb, "stats") == 0 && argc == 2) ||
        ((strcmp(verb, "pass") == 0 || strcmp(verb, "forget") == 0) && argc == 3))
        return pass_through(env, "policyd", REACH_RUNNING, (const char *const *)(uintptr_t)argv, (size_t)argc);
    return usage_error(&cmd_greylist, "what about which entry?");
}

const struct subcommand cmd_greylist = {
    .name = "greylist",
    .args = "show [KEY]\npass KEY\nforget KEY\nstats",
    .summary = "who has to come again and who is known; let through or forget",
    .help = "show    entries that begin with KEY: {CLIENT}/SENDER/RECIPIENT as the log has it\n"
            "pass    this entry, or with {CLIENT} alone everything of that client, passes from now on\n"
            "forget  it is new again\n"
            "stats   how many wait, have passed, and pass by themselves\n"
            "All of it holds for every host that shares the store, there within ten seconds.\n"
            "Exit status: 0 done, 1 there was nothing to be done or the store did not answer",
    .run = run_greylist,
};

static int run_filter(struct env *env, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    bool accept = argc == 3 && strcmp(argv[2], "--accept") == 0;

    if ((strcmp(verb, "reload") == 0 && (argc == 2 || accept)) || (strcmp(verb, "status") == 0 && argc == 2))
        return pass_through(env, "cfilter", REACH_RUNNING, (const char *const *)(uintptr_t)argv, (size_t)argc);
    return usage_error(&cmd_filter, "reload or status?");
}

const struct subcommand cmd_filter = {
    .name = "filter",
    .args = "reload [--accept]\nstatus",
    .summary = "the virus engine's signature database",
    .help = "reload  reads it again once its files are at rest, beside the engine in use; for freshclam.conf:\n"
            "        OnUpdateExecute /usr/bin/gatepostctl filter reload\n"
            "        --accept takes it even if it has lost more signatures than filter.virus.max_shrink allows\n"
            "status  which generation is in use, which one is coming, and why one was not taken.\n"
            "        Exit status: 0 an engine is in use, 1 none is",
    .run = run_filter,
};

static int run_redis(struct env *env, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if ((strcmp(verb, "keys") == 0 && argc <= 3) || (strcmp(verb, "show") == 0 && argc == 3) || (strcmp(verb, "check") == 0 && argc == 2))
        return pass_through(env, "socketmapd", REACH_RUNNING, (const char *const *)(uintptr_t)argv, (size_t)argc);
    return usage_error(&cmd_redis, "keys, show or check?");
}

const struct subcommand cmd_redis = {
    .name = "redis",
    .args = "keys [PART]\nshow KEY\ncheck",
    .summary = "what is kept in Redis, and whether all of it is there",
    .help = "keys   how many keys each table has; PART: the keys that begin so, with or without the prefix\n"
            "show   the value of one key, as gatepost-redis(7) describes it\n"
            "check  how each server is set up, and whether every shared set is there whole.\n"
            "       Exit status: 0 all is well, 1 not",
    .run = run_redis,
};
