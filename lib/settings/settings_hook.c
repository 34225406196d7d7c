/* settings_hook.c - rows of policy.hook.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_hook, f)

static int check_command(const void *value, struct errtext *err)
{
    const struct conf_strings *words = value;

    if (words->n == 0 || words->v[0][0] == '/')
        return 0;
    errtext_set(err, "\"%.80s\" is no path of a program (write it whole: /usr/local/bin/...)", words->v[0]);
    return -1;
}

static int check_url(const void *value, struct errtext *err)
{
    span url = span_str(*(const char *const *)value);

    if (url.n == 0 || span_starts(url, SPAN("http://")) || span_starts(url, SPAN("https://")))
        return 0;
    errtext_set(err, "\"%.80s\" is no http:// or https:// URL", url.p);
    return -1;
}

const struct conf_key hook_rows[] = {
    { "command", CONF_STRINGS, AT(command), 0, 0, NULL, APPLY_LIVE,
      "A program and its arguments; it gets one JSON object on standard input, and its values as GATEPOST_LIMIT, GATEPOST_KEY, GATEPOST_LOGIN and so on.",
      .check = check_command },
    { "url", CONF_STRING, AT(url), 0, 0, NULL, APPLY_LIVE, "Where the same object is posted.", .check = check_url },
    { "every", CONF_DURATION, AT(every_ms), SECONDS(1), DAYS(30), "1h", APPLY_LIVE, "It is told once per key in this time, by one of all hosts that share the store." },
    { "timeout", CONF_DURATION, AT(timeout_ms), 100, MINUTES(10), "10s", APPLY_LIVE, "Then what it does is ended." },
    { NULL },
};
#undef AT
