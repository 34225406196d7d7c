/* lua_talk.h - what a script of policy.lua asks while it judges a request, and the answers (lib/lua/lua_script.h has their form).
 *
 * One question at a time.  What is not known says so; a look (an explanation) counts and remembers nothing.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LUA_TALK_H
#define GATEPOST_POLICYD_LUA_TALK_H

#include "lib/net/child.h"
#include "policyd/check.h"

struct lua_talk {
    struct check_run *run;
    struct child_job *job;               /* the script's; NULL: it has ended */
    struct dnsc_query *query;
    struct store_call *call;
    struct store_limit limit;
};

/* A message of the script's process: '?' and the question.  The answer goes to it now or later. */
void lua_talk_answer(struct lua_talk *l, span question);
/* Nobody waits for the answers that are under way. */
void lua_talk_end(struct lua_talk *l);

#endif
