/* settings_lua.c - rows of policy.lua.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_lua, f)

static const char *const failure_words[] = { "pass", "defer", NULL };

static int check_at(const void *value, struct errtext *err)
{
    static const char *const words[] = { "rcpt", "data", "end", NULL };
    const struct conf_strings *l = value;

    for (size_t i = 0; i < l->n; i++) {
        size_t k = 0;

        while (words[k] != NULL && strcmp(l->v[i], words[k]) != 0)
            k++;
        if (words[k] != NULL)
            continue;
        errtext_set(err, "\"%.40s\" is none of rcpt, data, end", l->v[i]);
        return -1;
    }
    return 0;
}

const struct conf_key lua_rows[] = {
    { "file", CONF_PATH, AT(file), 0, 0, NULL, APPLY_LIVE, "The script, in Lua 5.4: it defines rcpt(request), data(request), end_of_message(request). See gatepost-rules(7)." },
    { "at", CONF_STRINGS, AT(at), 0, 0, "[rcpt]", APPLY_LIVE, "When it is asked: rcpt, data, end.", .check = check_at },
    { "mode", CONF_ENUM, AT(mode), 0, 0, "inherit", APPLY_LIVE, "Observe: its hits are logged, and count nothing.", .words = mode_words },
    { "timeout", CONF_DURATION, AT(timeout_ms), 10, SECONDS(10), "500ms", APPLY_LIVE, "Then its process is killed." },
    { "memory", CONF_SIZE, AT(memory_bytes), MB(1), GB(1), "32M", APPLY_LIVE, "What the script may use, each process." },
    { "workers", CONF_INT, AT(workers), 1, 64, "2", APPLY_LIVE, "Processes." },
    { "on_failure", CONF_ENUM, AT(on_failure), 0, 0, "pass", APPLY_LIVE, "When it fails or is killed: as if it had said nothing, or a 4xx.", .words = failure_words },
    { "*", CONF_PATH, AT(file), 0, 0, NULL, APPLY_LIVE, "The script." },
    { NULL },
};
#undef AT
