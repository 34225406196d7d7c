/* cmd_events.c - removing what the event records hold about a person.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <jansson.h>
#include <stdlib.h>

#include "ctl/gatepostctl.h"
#include "lib/base/alloc.h"

static bool purge_one(struct env *env, const char *daemon, const char *const *words, size_t n)
{
    struct errtext err = { .text = "" };
    struct buf out, complaints;
    struct reach r;
    json_t *reply;
    int status;

    if (reach_daemon(env, daemon, REACH_COMMON, &r, &err) != REACHED) {
        fprintf(stderr, "gatepostctl: gatepost-%s: %s\n", daemon, err.text);
        return false;
    }
    buf_init(&out, 65536);
    buf_init(&complaints, 65536);
    status = reach_call(&r, words, n, NULL, 0, &out, &complaints, &err);
    reach_close(&r);
    reply = json_loadb(buf_span(&out).p != NULL ? buf_span(&out).p : "", out.len, 0, NULL);
    if (json_is_integer(json_object_get(reply, "purged")))
        printf("gatepost-%s: %" JSON_INTEGER_FORMAT " records removed\n", daemon, json_integer_value(json_object_get(reply, "purged")));
    if (status < 0)
        fprintf(stderr, "gatepostctl: gatepost-%s: %s\n", daemon, err.text);
    else if (status != CTL_OK)
        fprintf(stderr, "gatepostctl: gatepost-%s: %s", daemon, buf_cstr(&complaints));
    json_decref(reply);
    buf_free(&out);
    buf_free(&complaints);
    return status == CTL_OK;
}

static int run_events(struct env *env, int argc, char **argv)
{
    const char *address = NULL;
    bool missing = false, done = true;

    args_value(&argc, argv, "--address", &address, &missing);
    if (argc != 2 || strcmp(argv[1], "purge") != 0 || address == NULL || address[0] == '\0')
        return usage_error(&cmd_events, "purge whose records?");
    if (env_settings(env) == NULL)
        return CTL_FAILED;
    char *option = xasprintf("--address=%s", address);
    const char *const words[] = { "events", "purge", option };
    for (size_t i = 0; daemon_names[i] != NULL; i++)
        done = purge_one(env, daemon_names[i], words, 3) && done;
    free(option);
    return done ? CTL_OK : CTL_FAILED;
}

const struct subcommand cmd_events = {
    .name = "events",
    .args = "purge --address ADDRESS",
    .summary = "removes every event record that names an address",
    .help = "Overwrites the records in the files of all three daemons, hashed ones too, whether they run\n"
            "or not.  Syslog has lines of its own.",
    .run = run_events,
};
