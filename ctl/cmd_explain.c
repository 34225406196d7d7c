/* cmd_explain.c - what was decided, and why: the records of all three daemons, by time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/gatepostctl.h"
#include "lib/app/id.h"
#include "lib/base/alloc.h"

enum { REPLY_MOST = 256 * 1024 * 1024, WORDS_MAX = 8, LIMIT_DEFAULT = 1000, LIMIT_MOST = 1000000 };

struct records { json_t **v; size_t n; };

static void add_lines(struct records *all, span text)
{
    span line;

    while (span_next(&text, '\n', &line)) {
        json_t *record = line.n > 0 ? json_loadb(line.p, line.n, 0, NULL) : NULL;

        if (!json_is_object(record)) {
            json_decref(record);
            continue;
        }
        all->v = xreallocarray(all->v, all->n + 1, sizeof(json_t *));
        all->v[all->n++] = record;
    }
}

static int by_time(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "t"));
    json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "t"));

    return x < y ? -1 : x > y;
}

/* Asks one daemon.  false when it could not be asked. */
static bool ask(struct env *env, const char *daemon, const char *const *words, size_t n, struct records *all)
{
    struct errtext err = { .text = "" };
    struct buf out, complaints;
    struct reach r;
    int status;

    if (reach_daemon(env, daemon, REACH_COMMON, &r, &err) != REACHED) {
        fprintf(stderr, "gatepostctl: gatepost-%s: %s\n", daemon, err.text);
        return false;
    }
    buf_init(&out, REPLY_MOST);
    buf_init(&complaints, 65536);
    status = reach_call(&r, words, n, NULL, 0, &out, &complaints, &err);
    reach_close(&r);
    add_lines(all, buf_span(&out));
    if (status < 0)
        fprintf(stderr, "gatepostctl: gatepost-%s: %s\n", daemon, err.text);
    else if (complaints.len > 0)
        fprintf(stderr, "gatepostctl: gatepost-%s: %s", daemon, buf_cstr(&complaints));
    buf_free(&out);
    buf_free(&complaints);
    return status == CTL_OK || status == CTL_NO;
}

static void print_all(const struct records *all, bool json)
{
    for (size_t i = 0; i < all->n; i++) {
        if (json) {
            char *text = json_dumps(all->v[i], JSON_COMPACT | JSON_PRESERVE_ORDER);

            printf("%s\n", text != NULL ? text : "");
            free(text);
        } else {
            if (i > 0)
                printf("\n");
            show_record(stdout, all->v[i]);
        }
    }
}

/* Each daemon gave its own newest: of all of them the oldest go. */
static void keep_newest(struct records *all, size_t limit)
{
    size_t gone = all->n > limit ? all->n - limit : 0;

    for (size_t i = 0; i < gone; i++)
        json_decref(all->v[i]);
    for (size_t i = gone; i < all->n; i++)
        all->v[i - gone] = all->v[i];
    all->n -= gone;
}

static int ask_all(struct env *env, const char *const *words, size_t n, size_t limit, bool json)
{
    struct records all = { NULL, 0 };
    bool whole = true;
    int status;

    if (env_settings(env) == NULL)
        return CTL_FAILED;
    for (size_t i = 0; daemon_names[i] != NULL; i++)
        whole = ask(env, daemon_names[i], words, n, &all) && whole;
    if (all.n > 0)
        qsort(all.v, all.n, sizeof all.v[0], by_time);
    keep_newest(&all, limit);
    print_all(&all, json);
    if (all.n == 0 && whole)
        fprintf(stderr, "gatepostctl: no record of it (events.keep says how long records are kept; passes are recorded short)\n");
    status = !whole ? CTL_FAILED : all.n > 0 ? CTL_OK : CTL_NO;
    for (size_t i = 0; i < all.n; i++)
        json_decref(all.v[i]);
    free(all.v);
    return status;
}

/* ---- by id ---- */

static int explain_id(struct env *env, const char *given, bool json)
{
    const char *words[2] = { "explain", NULL };
    char id[ID_TEXT];

    if (!id_valid(span_str(given)))
        return usage_error(&cmd_explain, "\"%s\" is not an id: %d letters and digits, as in the log and in replies", given, (int)ID_LEN);
    for (size_t i = 0; i <= ID_LEN; i++)
        id[i] = given[i] >= 'a' && given[i] <= 'z' ? (char)(given[i] - ('a' - 'A')) : given[i];
    words[1] = id;
    return ask_all(env, words, 2, LIMIT_MOST, json);
}

/* ---- by what it names ---- */

static bool is_outcome(const char *text)
{
    static const char *const outcomes[] = { "pass", "tempfail", "reject", "observe" };

    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(text, outcomes[i]) == 0)
            return true;
    return false;
}

/* What is left of argv after the options: 0, or the status to end with. */
static int find_words(int *argc, char **argv, char **words, size_t *n, uint64_t *limit)
{
    static const char *const names[] = { "--rcpt", "--from", "--client", "--address" };
    const char *value, *since = "1h", *most = NULL, *outcome = NULL;
    struct errtext err;
    bool missing = false;
    int64_t ms;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (args_value(argc, argv, names[i], &value, &missing))
            words[(*n)++] = xasprintf("%s=%s", names[i], value);
    args_value(argc, argv, "--since", &since, &missing);
    args_value(argc, argv, "--limit", &most, &missing);
    args_value(argc, argv, "--outcome", &outcome, &missing);
    if (missing)
        return usage_error(&cmd_explain, "an option wants a value");
    if (outcome != NULL && !is_outcome(outcome))
        return usage_error(&cmd_explain, "--outcome: \"%s\" is none of pass, tempfail, reject, observe", outcome);
    if (outcome != NULL)
        words[(*n)++] = xasprintf("--outcome=%s", outcome);
    if (most != NULL && (!span_to_u64(span_str(most), limit) || *limit == 0 || *limit > LIMIT_MOST))
        return usage_error(&cmd_explain, "--limit: \"%s\" is not a number from 1 to %d", most, LIMIT_MOST);
    if (!args_duration("--since", since, &ms, &err))
        return usage_error(&cmd_explain, "--since: %s", err.text);
    words[(*n)++] = xasprintf("--since=%" PRId64, ms);
    words[(*n)++] = xasprintf("--limit=%" PRIu64, *limit);
    return CTL_OK;
}

static int run_explain(struct env *env, int argc, char **argv)
{
    char *words[2 + WORDS_MAX] = { xstrdup("events"), xstrdup("find") };
    bool json = args_flag(&argc, argv, "--json");
    uint64_t limit = LIMIT_DEFAULT;
    size_t n = 2;
    int status = find_words(&argc, argv, words, &n, &limit);
    const char *unknown = args_unknown(&argc, argv);

    if (status != CTL_OK)
        goto out;
    if (unknown != NULL)
        status = usage_error(&cmd_explain, "no option %s", unknown);
    else if (argc == 2 && n == 4)
        status = explain_id(env, argv[1], json);
    else if (argc == 1 && n > 4)
        status = ask_all(env, (const char *const *)(uintptr_t)words, n, limit, json);
    else
        status = usage_error(&cmd_explain, "an id, or what to look for?");
out:
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    return status;
}

const struct subcommand cmd_explain = {
    .name = "explain",
    .args = "[--json] ID\n[--json] [--rcpt ADDR] [--from ADDR] [--client IP] [--address ADDR] [--outcome OUTCOME] "
            "[--since 1h] [--limit N]",
    .summary = "what was decided about a message, and why",
    .help = "ID stands in the log and in replies; small letters will do.  Without it, every record that\n"
            "fits all that is given, of the last hour or --since; --address looks anywhere in a record.\n"
            "OUTCOME is pass, tempfail, reject or observe: what would have been refused.\n"
            "With --json one record a line.  Daemons that do not run are asked too: their records are there.\n"
            "Exit status: 0 found, 1 nothing there, 2 not all could be asked.",
    .run = run_explain,
};
