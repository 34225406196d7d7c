/* rules_lua.c - policy.lua as the check uses it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/lua/lua_script.h"
#include "lib/net/child.h"
#include "policyd/check.h"

static bool given(const struct set_lua *set)
{
    return set->file != NULL && set->file[0] != '\0';
}

/* Compiled, never run: what a script does, only a child finds out. */
void rules_check_lua(const struct settings *set, struct conf_errors *errors)
{
    struct errtext err;

    if (given(&set->policy.lua) && !lua_script_check(set->policy.lua.file, &err))
        settings_error(set, errors, "policy.lua.file", "%s", err.text);
}

void rules_make_lua(struct rules *r)
{
    static const struct { const char *word; enum policy_state state; } states[] = {
        { "rcpt", POLICY_STATE_RCPT }, { "data", POLICY_STATE_DATA }, { "end", POLICY_STATE_END_OF_MESSAGE },
    };
    struct lua_rule *lua = &r->lua;

    lua->set = &r->set->policy.lua;
    lua->mode = given(lua->set) ? mode_effective((int)r->mode, lua->set->mode) : MODE_OFF;
    if (lua->mode == MODE_OFF)
        return;
    for (size_t i = 0; i < lua->set->at.n; i++) {
        for (size_t k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
            if (strcmp(lua->set->at.v[i], states[k].word) == 0)
                lua->states |= CHECK_AT(states[k].state);
        }
    }
    r->custom_after |= lua->states;      /* the script sees every hit */
    r->counts_let_in = true;
    lua->pool = arena_alloc(r->arena, sizeof(*lua->pool));
    lua->args[0] = lua->set->file;
    lua->args[1] = arena_printf(r->arena, "%lld", (long long)lua->set->memory_bytes);
}

void rules_free_lua(struct rules *r)
{
    if (r->lua.pool != NULL)
        child_pool_free(r->lua.pool);
}
