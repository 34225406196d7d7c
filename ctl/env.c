/* env.c - what every command asks for: the settings, and how to say that it was called wrongly.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdarg.h>

#include "ctl/gatepostctl.h"

const struct settings *env_settings(struct env *env)
{
    struct conf_errors *errors;

    if (env->settings != NULL)
        return env->settings;
    errors = conf_errors_new();
    env->settings = settings_load(env->config, errors);
    if (env->settings == NULL)
        for (size_t i = 0; i < conf_errors_count(errors); i++)
            fprintf(stderr, "%s\n", conf_errors_at(errors, i));
    conf_errors_free(&errors);
    return env->settings;
}

static void print_usage(const struct subcommand *c, FILE *to)
{
    span rest = span_str(c->args), line;
    const char *lead = "usage:";

    while (span_next(&rest, '\n', &line)) {
        fprintf(to, "%s gatepostctl %s %.*s\n", lead, c->name, SPAN_ARG(line));
        lead = "      ";
    }
}

void command_help(const struct subcommand *c, FILE *to)
{
    print_usage(c, to);
    fprintf(to, "\n%s\n", c->help);
}

int usage_error(const struct subcommand *c, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "gatepostctl: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    print_usage(c, stderr);
    return CTL_USAGE;
}
