/* args.c - options of a command, taken out of argv wherever they stand.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "ctl/gatepostctl.h"
#include "lib/conf/conf_types.h"

static void take_out(int *argc, char **argv, int at, int n)
{
    for (int i = at; i + n <= *argc; i++)            /* with the NULL at the end */
        argv[i] = argv[i + n];
    *argc -= n;
}

bool args_flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], name) == 0) {
            take_out(argc, argv, i, 1);
            return true;
        }
    return false;
}

bool args_value(int *argc, char **argv, const char *name, const char **value, bool *missing)
{
    size_t n = strlen(name);

    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], name, n) != 0 || (argv[i][n] != '\0' && argv[i][n] != '='))
            continue;
        if (argv[i][n] == '=') {
            *value = argv[i] + n + 1;
            take_out(argc, argv, i, 1);
        } else if (i + 1 < *argc) {
            *value = argv[i + 1];
            take_out(argc, argv, i, 2);
        } else {
            *missing = true;
            return false;
        }
        return true;
    }
    return false;
}

bool args_duration(const char *name, const char *text, int64_t *ms_out, struct errtext *err)
{
    struct conf_key row = { .name = name, .type = CONF_DURATION };
    struct arena *arena = arena_new(256);
    struct conf_scalar_context c = { .arena = arena };
    int r = conf_scalar_parse(CONF_DURATION, &row, span_str(text), &c, ms_out, err);

    arena_free(&arena);
    return r == 0;
}

const char *args_unknown(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            take_out(argc, argv, i, 1);
            return NULL;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0')
            return argv[i];
    }
    return NULL;
}
